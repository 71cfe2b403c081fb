// What is taken from an answer, and what is not taken for one.
import dnsPacket, { type Answer as Entry } from 'dns-packet'
import { describe, expect, test } from 'vitest'
import { encodeQuestion, readAnswer, type Question } from './message.ts'

const question: Question = { id: 7, name: 'users.test', type: 'A' }
const a = (data: string, ttl = 30, name = 'users.test'): Entry => ({ type: 'A', class: 'IN', name, ttl, data })
const cname = (name: string, data: string, ttl = 30): Entry => ({ type: 'CNAME', class: 'IN', name, ttl, data })

interface Reply {
  readonly id?: number
  readonly flags?: number
  readonly type?: 'query' | 'response'
  readonly asked?: { readonly name?: string; readonly type?: 'A' | 'AAAA' | 'SRV'; readonly class?: 'IN' | 'CH' }
  readonly answers?: Entry[]
  readonly authorities?: Entry[]
  readonly additionals?: Entry[]
}

function reply({ id = 7, flags = 0, type = 'response', asked = {}, ...records }: Reply): Buffer {
  return dnsPacket.encode({ id, type, flags, questions: [{ name: 'users.test', type: 'A', class: 'IN', ...asked }], ...records })
}

const nxdomain = 3
const servfail = 2
const soa: Entry = { type: 'SOA', name: 'test', ttl: 900, data: { mname: 'ns.test', rname: 'root.test', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 60 } }
const ns: Entry = { type: 'NS', name: 'test', ttl: 900, data: 'ns.elsewhere.test' }

describe('an answer', () => {
  test('has the addresses and the least of their TTLs', () => {
    expect(readAnswer(reply({ answers: [a('10.0.0.1', 30), a('10.0.0.2', 20)] }), question)).toMatchObject({ verdict: 'found', ttlSeconds: 20, addresses: ['10.0.0.1', '10.0.0.2'] })
  })

  test('is read whatever the case of its names', () => {
    expect(readAnswer(reply({ asked: { name: 'USERS.Test' }, answers: [a('10.0.0.1', 30, 'Users.TEST')] }), question)).toMatchObject({ addresses: ['10.0.0.1'] })
  })

  test('leads from alias to alias, with the least TTL on the way', () => {
    const answers = [cname('b.test', 'c.test', 5), cname('users.test', 'b.test', 9), a('10.0.0.1', 30, 'c.test'), a('10.6.6.6', 30, 'b.test')]
    expect(readAnswer(reply({ answers }), question)).toMatchObject({ verdict: 'found', ttlSeconds: 5, addresses: ['10.0.0.1'] })
  })

  test('has SRV targets with the addresses that came along', () => {
    const srv: Question = { ...question, type: 'SRV' }
    const answers: Entry[] = [{ type: 'SRV', name: 'users.test', ttl: 9, data: { priority: 1, weight: 2, port: 80, target: 'One.Test.' } }]
    const additionals = [a('10.0.0.1', 30, 'one.test'), { type: 'AAAA', name: 'ONE.test', ttl: 9, data: 'fd00::1' } satisfies Entry]
    const answer = readAnswer(reply({ asked: { type: 'SRV' }, answers, additionals }), srv)
    expect(answer?.targets).toEqual([{ host: 'one.test', port: 80, priority: 1, weight: 2 }])
    expect(answer?.glue).toEqual(new Map([['one.test', ['10.0.0.1', 'fd00::1']]]))
  })

  test.each([
    ['NXDOMAIN', nxdomain, 'nxdomain'],
    ['no records', 0, 'nodata'],
  ])('that says no (%s) holds for the lesser of the TTL and the minimum of the SOA', (_, flags, verdict) => {
    expect(readAnswer(reply({ flags, authorities: [soa] }), question)).toMatchObject({ verdict, ttlSeconds: 60 })
    expect(readAnswer(reply({ flags, authorities: [{ ...soa, ttl: 5 }] }), question)).toMatchObject({ verdict, ttlSeconds: 5 })
    expect(readAnswer(reply({ flags }), question)).toMatchObject({ verdict, ttlSeconds: undefined })
  })

  test('is a failure when the server does not know, refers to others, or goes in circles', () => {
    expect(readAnswer(reply({ flags: servfail }), question)).toMatchObject({ verdict: 'failed', reason: 'SERVFAIL' })
    expect(readAnswer(reply({ authorities: [ns] }), question)).toMatchObject({ verdict: 'failed' })
    expect(readAnswer(reply({ answers: [cname('users.test', 'b.test'), cname('b.test', 'users.test')] }), question)).toMatchObject({ verdict: 'failed' })
  })

  test('that is truncated says so even where it ends in the middle of a record', () => {
    const whole = reply({ flags: dnsPacket.TRUNCATED_RESPONSE, answers: [a('10.0.0.1')] })
    expect(readAnswer(whole, question)).toMatchObject({ truncated: true, addresses: [] })
    expect(readAnswer(whole.subarray(0, -3), question)).toMatchObject({ truncated: true })
  })

  test('names nobody who is nobody: other names, other classes, 0.0.0.0', () => {
    const answers: Entry[] = [a('10.6.6.6', 30, 'bank.test'), { ...a('10.6.6.7'), class: 'CH' } as Entry, a('0.0.0.0'), a('10.0.0.1')]
    expect(readAnswer(reply({ answers }), question)?.addresses).toEqual(['10.0.0.1'])
  })

  test('with a TTL beyond 31 bits has aged at once', () => {
    expect(readAnswer(reply({ answers: [a('10.0.0.1', 2 ** 31)] }), question)?.ttlSeconds).toBe(0)
  })
})

/** A header and a question whose name is the given bytes. */
function withName(name: readonly number[]): Buffer {
  return Buffer.from([0, 7, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...name, 0, 1, 0, 1])
}

describe('no answer to the question', () => {
  test.each([
    ['another id', reply({ id: 8, answers: [a('10.6.6.6')] })],
    ['a question', reply({ type: 'query' })],
    ['to another name', reply({ asked: { name: 'bank.test' }, answers: [a('10.6.6.6')] })],
    ['to another type', reply({ asked: { type: 'AAAA' } })],
    ['to another class', reply({ asked: { class: 'CH' } })],
    ['nothing', Buffer.alloc(0)],
    ['half a header', reply({}).subarray(0, 11)],
    ['half a record', reply({ answers: [a('10.0.0.1')] }).subarray(0, -2)],
    ['a name that points to itself', withName([0xc0, 12])],
    ['names that point to each other', withName([0xc0, 14, 0xc0, 12])],
    ['a name that does not end', withName([63, 97])],
    ['a name of 300 characters', withName([...Array.from({ length: 150 }, () => [1, 97]).flat(), 0])],
    ['65535 records that are not there', Buffer.from([0, 7, 0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])],
  ])('%s', (_, bytes) => {
    expect(readAnswer(bytes, question)).toBeUndefined()
  })

  test('any damage to one byte is survived', () => {
    const whole = reply({ answers: [cname('users.test', 'b.test'), a('10.0.0.1', 30, 'b.test')], authorities: [soa] })
    for (let at = 0; at < whole.length; at++) {
      for (const value of [0, 1, 63, 64, 127, 192, 255]) {
        const damaged = Buffer.from(whole)
        damaged[at] = value
        expect(() => readAnswer(damaged, question), `${value} at ${at}`).not.toThrow()
      }
    }
  })
})

test('a question is what any server understands', () => {
  expect(dnsPacket.decode(encodeQuestion(question))).toMatchObject({ id: 7, type: 'query', flag_rd: true, questions: [{ name: 'users.test', type: 'A', class: 'IN' }], additionals: [] })
})
