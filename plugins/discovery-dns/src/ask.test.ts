// One question over real sockets: to servers that answer, that do not fit into a datagram, that are gone or hostile.
import dnsPacket from 'dns-packet'
import { createSocket } from 'node:dgram'
import { describe, expect, test } from 'vitest'
import { ask } from './ask.ts'
import { lookupWith } from './lookup.ts'
import type { Answer } from './message.ts'
import { playedServer, record, replyTo, type Asked } from './server.test.kit.ts'

const never = new AbortController().signal
const patientMs = 10_000
const mine = record('users.test', '10.0.0.1')

function askAt(port: number, timeoutMs = patientMs, signal: AbortSignal = never): Promise<Answer> {
  return ask('users.test', 'A', { host: '127.0.0.1', port }, timeoutMs, signal)
}

describe('over UDP', () => {
  test('the answer is that of the server', async () => {
    const { port } = await playedServer((asked) => asked.answer({ answers: [mine] }))
    expect(await askAt(port)).toMatchObject({ verdict: 'found', addresses: ['10.0.0.1'], ttlSeconds: 30 })
  })

  test('each question has another id and comes from another port', async () => {
    const server = await playedServer((asked) => asked.answer({ answers: [mine] }))
    for (let i = 0; i < 16; i++) await askAt(server.port)
    expect(new Set(server.asked.map(({ from }) => from.port)).size).toBeGreaterThan(8)
    expect(new Set(server.asked.map(({ packet }) => packet.id)).size).toBeGreaterThan(8)
  })

  test('whatever is no answer to the question is ignored, and the true one taken', async () => {
    const lie = record('users.test', '10.6.6.6')
    const { port } = await playedServer((asked) => {
      const { packet } = asked
      asked.answer({ id: ((packet.id ?? 0) + 1) & 0xffff, answers: [lie] })
      asked.answer({ questions: [{ name: 'bank.test', type: 'A' }], answers: [lie] })
      asked.send(Buffer.concat([replyTo(packet, {}).subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]))
      asked.send(Buffer.alloc(40_000, 255))
      asked.send(Buffer.alloc(0))
      asked.answer({ answers: [mine] })
    })
    expect(await askAt(port)).toMatchObject({ addresses: ['10.0.0.1'] })
  })

  test('what another address or port sends is never heard', async () => {
    const stranger = createSocket('udp4')
    const { port } = await playedServer((asked) => {
      const lie = replyTo(asked.packet, { answers: [record('users.test', '10.6.6.6')] })
      stranger.send(lie, asked.from.port, asked.from.address, () => {
        stranger.close()
        asked.answer({ answers: [mine] })
      })
    })
    expect(await askAt(port)).toMatchObject({ addresses: ['10.0.0.1'] })
  })

  test('a flood of wrong answers is a failure', async () => {
    const { port } = await playedServer((asked) => flood(asked))
    expect(await askAt(port)).toMatchObject({ verdict: 'failed', reason: 'too many answers to other questions' })
  })

  test('silence is a failure in time, and so is a stop', async () => {
    const { port } = await playedServer(() => {})
    expect(await askAt(port, 10)).toMatchObject({ verdict: 'failed', reason: 'no answer in time' })
    const stop = new AbortController()
    const asking = askAt(port, patientMs, stop.signal)
    stop.abort()
    expect(await asking).toMatchObject({ verdict: 'failed', reason: 'stopped' })
    expect(await askAt(port, patientMs, stop.signal)).toMatchObject({ reason: 'stopped' })
  })
})

/** The kernel drops what the client does not read in time, so it goes on until the client is gone. */
function flood(asked: Asked): void {
  const timer = setInterval(() => {
    for (let i = 0; i < 100; i++) asked.socket.send(Buffer.from('no'), asked.from.port, asked.from.address, (error) => error && clearInterval(timer))
  }, 1)
  asked.socket.on('close', () => clearInterval(timer))
  asked.socket.on('error', () => clearInterval(timer))
}

describe('an answer that does not fit', () => {
  const many = Array.from({ length: 200 }, (_, i) => record('users.test', `10.0.1.${i}`))
  const truncated = (asked: Asked): void => asked.answer({ flags: dnsPacket.TRUNCATED_RESPONSE })

  test('comes whole over TCP', async () => {
    const { port } = await playedServer(truncated, (packet) => replyTo(packet, { answers: many }))
    expect((await askAt(port)).addresses).toHaveLength(200)
  })

  test.each([
    ['is the answer to something else', () => replyTo({ id: 1, questions: [{ name: 'bank.test', type: 'A' }] })],
    ['is truncated again', (packet: object) => replyTo(packet, { flags: dnsPacket.TRUNCATED_RESPONSE })],
    ['is nonsense', () => Buffer.alloc(65_535, 192)],
  ])('is a failure when what comes over TCP %s', async (_, reply) => {
    const { port } = await playedServer(truncated, reply)
    expect(await askAt(port)).toMatchObject({ verdict: 'failed', reason: 'the answer is not one to the question' })
  })

  test('is a failure when nobody listens on TCP, or the connection ends early', async () => {
    const deaf = await playedServer(truncated)
    expect(await askAt(deaf.port)).toMatchObject({ verdict: 'failed', reason: expect.stringContaining('ECONNREFUSED') })
    const brief = await playedServer(truncated, () => Buffer.alloc(0))
    expect(await askAt(brief.port)).toMatchObject({ verdict: 'failed' })
  })
})

describe('several servers', () => {
  const servfail = 2

  test('the next one is asked when one fails, is gone or says nothing', async () => {
    const failing = await playedServer((asked) => asked.answer({ flags: servfail }))
    const silent = await playedServer(() => {})
    const good = await playedServer((asked) => asked.answer({ answers: [mine] }))
    const lookup = lookupWith([failing.address, '127.0.0.1:1', silent.address, good.address], 20)
    expect(await lookup('users.test', 'A', never)).toMatchObject({ addresses: ['10.0.0.1'] })
    expect([failing, silent, good].map(({ asked }) => asked.length)).toEqual([1, 1, 1])
  })

  test('a no of the first is the answer', async () => {
    const nxdomain = 3
    const no = await playedServer((asked) => asked.answer({ flags: nxdomain }))
    const good = await playedServer((asked) => asked.answer({ answers: [mine] }))
    expect(await lookupWith([no.address, good.address], patientMs)('users.test', 'A', never)).toMatchObject({ verdict: 'nxdomain' })
  })

  test('when all fail twice, each reason is told once', async () => {
    const failing = await playedServer((asked) => asked.answer({ flags: servfail }))
    expect(await lookupWith([failing.address], patientMs)('users.test', 'A', never)).toMatchObject({ verdict: 'failed', reason: `127.0.0.1 port ${failing.port}: SERVFAIL` })
    expect(failing.asked).toHaveLength(2)
  })

  test.each(['dns.test', 'dns.test:53', '10.0.0.1:0', '10.0.0.1:70000', '[fd00::1', ''])('%j is no server', (server) => {
    expect(() => lookupWith([server], patientMs)).toThrow(RangeError)
  })

  test.each(['10.0.0.1', '10.0.0.1:5353', 'fd00::53', '[fd00::53]:5353', '[fd00::53]'])('%j is a server', (server) => {
    expect(lookupWith([server], patientMs)).toBeTypeOf('function')
  })
})
