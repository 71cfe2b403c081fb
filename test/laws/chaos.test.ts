// Random clients against random endpoints: whatever they do, every exchange completes once and nothing is left behind.
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { createMesh, type Filter, type MeshApp, type RetryPolicy } from '@meshwright/core'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '../kit/index.ts'

const clients = 1_500
const atATime = 50

/** A seeded source of chance, so that a failure can be played again. */
function chance(seed: number): { number(): number; pick<T>(list: readonly T[]): T; ms(most: number): number } {
  let state = seed
  const number = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return state / 0x7fff_ffff
  }
  return { number, pick: (list) => list[Math.floor(number() * list.length)] as never, ms: (most) => number() * most }
}
type Chance = ReturnType<typeof chance>

const responses = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\nxx',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n',
  'HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno',
  'HTTP/1.0 200 OK\r\n\r\nuntil it closes',
  `HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(70_000)}`,
]
const requests = (path: string): string[] => [
  `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`,
  `HEAD ${path} HTTP/1.1\r\nHost: a\r\n\r\n`,
  `GET ${path} HTTP/1.0\r\n\r\n`,
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello`,
  `POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
  `PUT ${path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello`,
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n${'y'.repeat(30_000)}`,
  `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n`,
  'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
  'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n',
]

/** Two texts in five lose their end, a character, or get one too many. */
function spoil(text: string, by: Chance): string {
  if (by.number() < 0.6) return text
  const at = Math.floor(by.number() * text.length)
  const how = by.number()
  if (how < 0.3) return text.slice(0, at)
  if (how < 0.6) return text.slice(0, at) + by.pick(['\n', '\r', '\0', ':', ' ', 'A', '\r\n', '0', 'ff']) + text.slice(at)
  return text.slice(0, at) + text.slice(at + 1)
}

/** Answers whatever comes with anything, in pieces, twice, late, or not at all. */
function behaveBadly(socket: Socket, by: Chance): void {
  socket.on('error', () => {})
  socket.on('data', () => {
    const mood = by.number()
    if (mood < 0.05) socket.destroy()
    else if (mood < 0.1) socket.resetAndDestroy()
    else if (mood < 0.15) socket.end()
    else if (mood > 0.2) for (let left = mood > 0.85 ? 3 : 1; left > 0; left--) answerSomehow(socket, by)
  })
}

function answerSomehow(socket: Socket, by: Chance): void {
  const text = spoil(by.pick(responses), by)
  const cut = by.number() < 0.3 ? Math.floor(by.number() * text.length) : text.length
  socket.write(text.slice(0, cut), 'latin1')
  if (cut < text.length) setTimeout(() => socket.writable && socket.write(text.slice(cut), 'latin1'), by.ms(5))
  if (by.number() < 0.2) socket.end()
}

/** Sends up to four requests, reads or does not, and leaves in one of four ways. */
async function visit(port: number, by: Chance): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: by.number() < 0.5 })
  socket.on('error', () => {})
  if (by.number() < 0.8) socket.on('data', () => {})
  for (let left = 1 + Math.floor(by.ms(4)); left > 0 && socket.writable; left--) {
    socket.write(spoil(by.pick(requests(by.pick(['/', '/waits/x', '/holds/x', '/undici/x', '/a%2fb']))), by), 'latin1')
    if (by.number() < 0.5) await pause(by.ms(10))
  }
  await pause(by.ms(40))
  by.pick([() => socket.destroy(), () => socket.resetAndDestroy(), () => socket.end(), () => socket])()
  await pause(by.ms(40))
  socket.destroy()
}

function filtersOf(by: Chance): { waits: Filter; holds: Filter } {
  const perhaps = async (): Promise<void> => (by.number() < 0.3 ? pause(by.ms(4)) : undefined)
  const fail = (often: number): void => {
    if (by.number() < often) throw new Error('a filter of chance')
  }
  return {
    waits: {
      name: 'waits',
      onRequestHeaders: perhaps,
      onRequestBody: async (_exchange, chunk) => perhaps().then(() => chunk),
      onResponseHeaders: async () => perhaps().then(() => fail(0.05)),
      onResponseBody: async (_exchange, chunk) => perhaps().then(() => fail(0.02)).then(() => chunk),
    },
    holds: { name: 'holds', bufferRequestBytes: 50, onRequestHeaders: () => fail(0.02), onRequestBody: () => undefined },
  }
}

interface Counts {
  begun: number
  ended: number
}

async function startMesh(address: string, by: Chance, counts: Counts): Promise<{ app: MeshApp; port: number }> {
  const app = createMesh({ drainMs: 100 })
  onTestFinished(() => app.close())
  const { waits, holds } = filtersOf(by)
  const count: Filter = { name: 'count', onRequestHeaders: () => void counts.begun++, onEnd: () => void counts.ended++ }
  const again: RetryPolicy = { next: ({ attempt }) => (attempt < 3 ? by.ms(5) : undefined) }
  await app.mesh.apply({
    services: {
      own: { endpoints: [address], retry: again, timeout: { connectMs: 200, responseHeadersMs: 60, responseIdleMs: 60, requestMs: 300 } },
      undici: { endpoints: [address], transport: 'undici', timeout: { responseHeadersMs: 60, responseIdleMs: 60 } },
    },
    routes: [
      { match: { path: '/waits/*' }, to: 'own', filters: [count, waits] },
      { match: { path: '/holds/*' }, to: 'own', filters: [count, holds] },
      { match: { path: '/undici/*' }, to: 'undici', filters: [count] },
      { match: { path: '/*' }, to: 'own', filters: [count] },
    ],
  })
  await app.ready()
  const timeouts = { requestHeadersMs: 300, requestBodyIdleMs: 60, responseStallMs: 60, keepAliveMs: 100, tunnelIdleMs: 60 }
  const { port } = await app.mesh.listen({ address: '127.0.0.1:0', unrouted: 'reply', timeouts, limits: { bodyBytes: 100_000, requestsPerConnection: 20 } })
  return { app, port }
}

test.each([7, 11])('whatever clients and endpoints do, nothing is left behind (seed %i)', { timeout: 180_000 }, async (seed) => {
  const by = chance(seed)
  const endpoint = createServer((socket) => behaveBadly(socket, by))
  await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void endpoint.close())
  const counts: Counts = { begun: 0, ended: 0 }
  const { app, port } = await startMesh(`127.0.0.1:${(endpoint.address() as AddressInfo).port}`, by, counts)
  let left = clients
  const visitor = async (): Promise<void> => {
    while (left-- > 0) await visit(port, by)
  }
  await Promise.all(Array.from({ length: atATime }, visitor))

  const open = (): number => app.mesh.collect().find(({ name }) => name === 'mesh_connections')?.series.reduce((sum, one) => sum + ('value' in one ? one.value : 0), 0) ?? 0
  // A busy machine accepts them one by one, long after their clients have gone.
  await until(() => open() === 0, 'every client connection to be closed', 30_000)
  // A response hears of its closed connection after the listener does; what never ends fails here too.
  await until(() => app.mesh.runtime.deadlines.size === 0, 'every exchange to end')
  // Many clients are gone before anybody looks at what they have sent.
  expect(counts.begun, 'exchanges').toBeGreaterThan(clients / 4)
  expect(counts.ended, 'exchanges that ended').toBe(counts.begun)
  for (const [name, service] of app.mesh.snapshot.services) expect(service.endpoints.all.map(({ inFlight }) => inFlight), `attempts under way on ${name}`).toEqual([0])
})
