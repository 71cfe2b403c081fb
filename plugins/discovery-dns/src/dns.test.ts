// When DNS is asked again, what is published, and what is told: over time, with played answers.
import { Metrics, type EndpointSpec } from '@meshwright/core'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { dns, type DnsOptions } from './dns.ts'
import { failure, type Answer } from './message.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const failed = failure('SERVFAIL')
const found = (addresses: readonly string[], ttlSeconds: number): Answer => ({ ...failure(''), verdict: 'found', ttlSeconds, addresses })
const no = (ttlSeconds?: number): Answer => ({ ...failure(''), verdict: 'nxdomain', ttlSeconds })

interface Followed {
  answer: Answer
  /** Milliseconds between two questions, in order. */
  readonly pauses: number[]
  readonly sets: string[]
  readonly told: string[]
  readonly metrics: Metrics
  stop: () => void
}

/** Follows users.test with an answer that may change; no jitter unless said. */
async function follow(answer: Answer, options: Partial<DnsOptions> = {}, random = () => 0): Promise<Followed> {
  const metrics = new Metrics()
  let lastMs: number | undefined
  const one: Followed = { answer, pauses: [], sets: [], told: [], metrics, stop: () => {} }
  const lookup = async (): Promise<Answer> => {
    if (lastMs !== undefined) one.pauses.push(Date.now() - lastMs)
    lastMs = Date.now()
    return Promise.resolve(one.answer)
  }
  const tell = (level: string) => (details: object, text: string) => void one.told.push(`${level}: ${text} ${(details as { reason?: string }).reason ?? ''}`.trim())
  const discovery = dns({ name: 'users.test', type: 'A', port: 80, ...options }, { lookup, metrics, random, log: { info: tell('info'), warn: tell('warn') } })
  one.stop = await discovery.watch('users', (endpoints: readonly EndpointSpec[]) => void one.sets.push(endpoints.map(({ host }) => host).join(' ')))
  onTestFinished(one.stop)
  return one
}

function counted({ metrics }: Followed, name: string): Record<string, number> {
  const family = metrics.collect().find((one) => one.name === name)
  if (family === undefined || family.type === 'histogram') throw new Error(`no ${name}`)
  return Object.fromEntries(family.series.map(({ labels, value }) => [labels.join(' '), value]))
}

describe('the next question', () => {
  test.each([
    ['comes when the records have aged', found(['10.0.0.1'], 60), 60_000],
    ['waits for the floor', found(['10.0.0.1'], 0), 1000],
    ['comes at the ceiling', found(['10.0.0.1'], 86_400), 300_000],
    ['after a no comes when that has aged', no(5), 5000],
    ['after a no waits for the floor', no(0), 1000],
    ['after a no comes at the ceiling of noes', no(86_400), 10_000],
    ['after a no that does not say how long comes at the ceiling of noes', no(), 10_000],
  ])('%s', async (_, answer, pauseMs) => {
    const one = await follow(answer)
    await vi.advanceTimersByTimeAsync(pauseMs)
    expect(one.pauses).toEqual([pauseMs])
  })

  test('backs off after failures, and no longer once it succeeds', async () => {
    const one = await follow(failed)
    await vi.advanceTimersByTimeAsync(36_000)
    expect(one.pauses).toEqual([1000, 2000, 4000, 8000, 10_000, 10_000])
    one.answer = found(['10.0.0.1'], 2)
    await vi.advanceTimersByTimeAsync(14_000)
    expect(one.pauses.slice(6)).toEqual([10_000, 2000, 2000])
  })

  test('comes up to a tenth later, so that not everybody asks at once', async () => {
    const one = await follow(found(['10.0.0.1'], 60), {}, () => 0.5)
    await vi.advanceTimersByTimeAsync(63_000)
    expect(one.pauses).toEqual([63_000])
  })

  test('never comes after a stop', async () => {
    const one = await follow(found(['10.0.0.1'], 1))
    one.stop()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(one.pauses).toEqual([])
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('what is published', () => {
  test('changes with the records, and only then', async () => {
    const one = await follow(found(['10.0.0.2', '10.0.0.1'], 1))
    one.answer = found(['10.0.0.1', '10.0.0.2'], 1)
    await vi.advanceTimersByTimeAsync(1000)
    one.answer = found(['10.0.0.3'], 1)
    await vi.advanceTimersByTimeAsync(1000)
    expect(one.sets).toEqual(['10.0.0.1 10.0.0.2', '10.0.0.3'])
  })

  test.each([
    ['a failure', failed],
    ['NXDOMAIN', no(1)],
    ['no such records', { ...no(1), verdict: 'nodata' } as const],
    ['records without an address', found([], 1)],
  ])('stays after %s, however long; that is told once, counted and shown', async (_, answer) => {
    const one = await follow(found(['10.0.0.1'], 1))
    one.answer = answer
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect(one.sets).toEqual(['10.0.0.1'])
    expect(one.told).toEqual([expect.stringContaining('warn: DNS has no good answer: the last good endpoints stay')])
    expect(counted(one, 'mesh_dns_stale')).toEqual({ users: 1 })
    one.answer = found(['10.0.0.1'], 1)
    await vi.advanceTimersByTimeAsync(11_000)
    expect(one.told.at(-1)).toBe('info: DNS answers well again')
    expect(counted(one, 'mesh_dns_stale')).toEqual({ users: 0 })
    expect(Object.values(counted(one, 'mesh_dns_searches_total')).every((count) => count > 1)).toBe(true)
  })

  test('is nobody when an SRV record says so', async () => {
    const target = (host: string): Answer => ({ ...found([], 1), targets: [{ host, port: 80, priority: 0, weight: 0 }], glue: new Map([['a.test', ['10.0.0.1']]]) })
    const one = await follow(target('a.test'), { type: 'SRV', port: undefined } as unknown as DnsOptions)
    one.answer = target('')
    await vi.advanceTimersByTimeAsync(1000)
    expect(one.sets).toEqual(['10.0.0.1', ''])
    expect(one.told).toEqual([expect.stringContaining('it has no endpoints')])
  })

  test('is nothing as long as there was no good answer', async () => {
    const one = await follow(no(1))
    expect(one.sets).toEqual([])
    expect(one.told).toEqual([expect.stringContaining('the service has no endpoints yet')])
  })

  test('has at most so many endpoints, always the same ones', async () => {
    const one = await follow(found(['10.0.0.4', '10.0.0.3', '10.0.0.2', '10.0.0.1'], 1), { maxEndpoints: 2 })
    one.answer = found(['10.0.0.3', '10.0.0.1', '10.0.0.4', '10.0.0.2'], 1)
    await vi.advanceTimersByTimeAsync(1000)
    expect(one.sets).toEqual(['10.0.0.1 10.0.0.2'])
    expect(one.told).toEqual([expect.stringContaining('2 endpoints are more than maxEndpoints')])
  })
})

describe('options', () => {
  test.each([
    [{ port: undefined }, 'port is missing'],
    [{ type: 'SRV' }, 'an SRV record has its own'],
    [{ port: 0 }, 'port is'],
    [{ name: '10.0.0.1' }, 'is an address'],
    [{ name: 'a..b' }, 'is no name'],
    [{ name: `${'a'.repeat(64)}.test` }, 'is no name'],
    [{ name: 'users test' }, 'is no name'],
    [{ minTtlMs: 1 }, 'minTtlMs is'],
    [{ minTtlMs: 5000, maxTtlMs: 4000 }, 'maxTtlMs is'],
    [{ minTtlMs: 5000, negativeTtlMs: 4000 }, 'negativeTtlMs is'],
    [{ timeoutMs: 0 }, 'timeoutMs is'],
    [{ maxEndpoints: 0 }, 'maxEndpoints is'],
    [{ servers: ['dns.test'] }, 'no address of a DNS server'],
    [{ servers: [] }, 'there is no DNS server'],
  ])('%j is refused', (options, reason) => {
    expect(() => dns({ name: 'users.test', port: 80, ...options } as DnsOptions)).toThrow(reason)
  })

  test('a name may end with a dot and be written in any case', () => {
    expect(() => dns({ name: '_http._tcp.Users.Test.', type: 'SRV' })).not.toThrow()
  })
})
