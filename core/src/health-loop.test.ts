// The health loop asks about each endpoint on a clock of its own.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Endpoint } from './endpoint.ts'
import { HealthLoop } from './health-loop.ts'
import type { HealthCheck } from './questions.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const endpoint = (host: string): Endpoint => new Endpoint({ host, port: 80 })

/** A loop that keeps what it is told in the endpoints, as a service does. */
function loop(check: HealthCheck): { health: HealthLoop; told: string[] } {
  const told: string[] = []
  const health = new HealthLoop(check, (one, healthy, reason) => {
    Object.assign(one, { healthy, reason })
    told.push(`${one.host} ${healthy ? 'well' : `ill: ${reason}`}`)
  })
  return { health, told }
}

describe('a health loop', () => {
  test('asks at once and then at every interval, a tenth later at most', async () => {
    const asked: number[] = []
    const { health } = loop({ intervalMs: 1000, check: async () => void asked.push(Date.now()) })
    health.follow([endpoint('a')])
    await vi.advanceTimersByTimeAsync(10_000)
    health.close()
    const gaps = asked.slice(1).map((at, i) => at - (asked[i] as number))
    expect(gaps.length).toBeGreaterThanOrEqual(9)
    for (const gap of gaps) expect(gap >= 1000 && gap <= 1101).toBe(true)
  })

  test('takes a check that never answers for a no, tells it so, and asks again', async () => {
    const given: AbortSignal[] = []
    const { health, told } = loop({ intervalMs: 1000, check: (_endpoint, signal) => new Promise(() => given.push(signal)) })
    health.follow([endpoint('a')])
    await vi.advanceTimersByTimeAsync(32_000)
    expect(told).toEqual(['a ill: no answer within 30000 ms'])
    expect(given.map(({ aborted }) => aborted)).toEqual([true, false])
    health.close()
  })

  test('tells of changes only', async () => {
    const answers = ['', '', 'refused', 'refused', 'slow', '', '']
    const { health, told } = loop({
      intervalMs: 100,
      check: async () => {
        const reason = answers.shift() ?? ''
        if (reason !== '') throw new Error(reason)
      },
    })
    health.follow([endpoint('a')])
    await vi.advanceTimersByTimeAsync(1000)
    health.close()
    expect(told).toEqual(['a ill: refused', 'a ill: slow', 'a well'])
  })

  test.each([
    ['throws at once', () => { throw new Error('no') }, 'no'],
    ['rejects with a text', () => Promise.reject('no'), 'no'], // eslint-disable-line typescript/prefer-promise-reject-errors
    ['rejects with nothing', () => Promise.reject(undefined), 'undefined'], // eslint-disable-line typescript/prefer-promise-reject-errors
  ])('takes a check that %s for a no', async (_name, check, reason) => {
    const { health, told } = loop({ check })
    health.follow([endpoint('a')])
    await vi.advanceTimersByTimeAsync(0)
    health.close()
    expect(told).toEqual([`a ill: ${reason}`])
  })

  test('follows the endpoints: a new one is asked about at once, one that is gone no more', async () => {
    const asked: string[] = []
    const signals: AbortSignal[] = []
    const { health } = loop({ intervalMs: 1000, check: async ({ host }, signal) => void (asked.push(host), signals.push(signal)) })
    const [a, b] = [endpoint('a'), endpoint('b')]
    health.follow([a])
    health.follow([a, b])
    health.follow([b])
    await vi.advanceTimersByTimeAsync(1500)
    health.close()
    expect(asked).toEqual(['a', 'b', 'b'])
    expect(signals.map((signal) => signal.aborted)).toEqual([true, true, true])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('does not hear the answer of a check that was still under way when its endpoint was dropped', async () => {
    const answer = Promise.withResolvers<void>()
    const { health, told } = loop({ check: () => answer.promise })
    health.follow([endpoint('a')])
    health.close()
    answer.reject(new Error('too late'))
    await vi.advanceTimersByTimeAsync(0)
    expect([told, vi.getTimerCount()]).toEqual([[], 0])
  })

  test('never asks about an endpoint again before it has answered', async () => {
    let under = 0
    let most = 0
    const { health } = loop({
      intervalMs: 10,
      check: async () => {
        most = Math.max(most, ++under)
        await new Promise((resolve) => setTimeout(resolve, 500))
        under--
      },
    })
    health.follow([endpoint('a')])
    await vi.advanceTimersByTimeAsync(2000)
    health.close()
    expect(most).toBe(1)
  })

  test.each([0, -5, Number.NaN])('takes an interval of %s for the default instead of asking without a pause', async (intervalMs) => {
    let asked = 0
    const { health } = loop({ intervalMs, check: async () => void asked++ })
    health.follow([endpoint('a')])
    await vi.advanceTimersByTimeAsync(4_000)
    health.close()
    expect(asked).toBe(1)
  })

  test('does not ask a resting endpoint to explain itself again and again', async () => {
    const { health, told } = loop({ intervalMs: 10, check: async () => {} })
    const one = endpoint('a')
    Object.assign(one, { restingUntilMs: 1e9, reason: 'outlier' })
    health.follow([one])
    await vi.advanceTimersByTimeAsync(100)
    health.close()
    expect(told).toEqual([])
  })
})
