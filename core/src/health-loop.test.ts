// The health loop asks about each endpoint on a clock of its own.
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { Endpoint } from './endpoint.ts'
import { HealthLoop, type HealthLoopOptions } from './health-loop.ts'
import type { HealthCheck, HealthSchedule } from './questions.ts'
import { Unfit } from './unfit.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const endpoint = (host: string): Endpoint => new Endpoint({ host, port: 80 })

interface Followed {
  readonly health: HealthLoop
  /** What the loop has told, in order. */
  readonly told: string[]
}

/** A loop that keeps what it is told in the endpoints, as a service does. */
function loop(check: HealthCheck, options: Partial<HealthLoopOptions> = {}): Followed {
  const told: string[] = []
  const health = new HealthLoop(check, {
    random: () => 0,
    changed(one, healthy, reason) {
      Object.assign(one, { healthy, reason })
      told.push(`${one.host} ${healthy ? 'well' : `ill: ${reason}`}`)
    },
    ...options,
  })
  return { health, told }
}

/** A check that gives these answers in turn, and the last of them for ever; '' is a success, a text ending with ! is sure. */
function answering(...answers: string[]): HealthCheck['check'] {
  return async () => {
    const reason = answers.length > 1 ? (answers.shift() as string) : (answers[0] as string)
    if (reason !== '') throw reason.endsWith('!') ? new Unfit(reason) : new Error(reason)
  }
}

/** The times at which one endpoint is asked about. */
async function timesOf(check: HealthCheck, forMs: number, options: Partial<HealthLoopOptions> = {}): Promise<number[]> {
  const startedMs = Date.now()
  const asked: number[] = []
  const { health } = loop({ ...check, check: async (one, signal) => (asked.push(Date.now() - startedMs), check.check(one, signal)) }, options)
  health.follow([endpoint('a')])
  await vi.advanceTimersByTimeAsync(forMs)
  health.close()
  return asked
}

describe('a health loop', () => {
  test('asks at once and then at every interval', async () => {
    expect(await timesOf({ intervalMs: 1000, check: answering('') }, 3500)).toEqual([0, 1000, 2000, 3000])
  })

  test('lets jitter only add to an interval: a tenth of it, or as much as it is told', async () => {
    const check = answering('')
    expect(await timesOf({ intervalMs: 1000, check }, 2500, { random: () => 1 })).toEqual([0, 1100, 2200])
    expect(await timesOf({ intervalMs: 1000, jitterPercent: 50, check }, 3500, { random: () => 0.5 })).toEqual([0, 1250, 2500])
    expect(await timesOf({ intervalMs: 1000, jitterPercent: 0, check }, 2500, { random: () => 1 })).toEqual([0, 1000, 2000])
  })

  test('puts the first check off by the initial jitter at most', async () => {
    expect(await timesOf({ intervalMs: 1000, initialJitterMs: 600, check: answering('') }, 2000, { random: () => 0.5 })).toEqual([300, 1350])
  })

  test('takes a check that never answers for a no, tells it so, and asks again', async () => {
    const given: AbortSignal[] = []
    const { health, told } = loop({ intervalMs: 1000, check: (_endpoint, signal) => new Promise(() => given.push(signal)) })
    health.follow([endpoint('a')])
    await vi.advanceTimersByTimeAsync(4_000)
    expect(told).toEqual(['a ill: no answer within 2000 ms'])
    expect(given.map(({ aborted }) => aborted)).toEqual([true, false])
    health.close()
  })

  test('hears an answer that came in time while this thread was busy', async () => {
    vi.useRealTimers()
    const server = createServer((socket) => {
      socket.end('well')
      // The answer lies there when the time is over, and nobody has had a chance to read it.
      const untilMs = performance.now() + 500
      while (performance.now() < untilMs);
    }).listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const heard = Promise.withResolvers<void>()
    const { health, told } = loop({ timeoutMs: 250, waitForFirst: true, check: async () => void (await once(connect(port, '127.0.0.1'), 'data')) }, { random: () => (heard.resolve(), 0) })
    health.follow([endpoint('a')])
    // Chance is asked for when a check is over.
    await heard.promise
    health.close()
    expect(told).toEqual(['a ill: not checked yet', 'a well'])
  })

  test('gives a check as long as its timeoutMs says', async () => {
    const { health, told } = loop({ timeoutMs: 70, check: () => new Promise(() => {}) })
    health.follow([endpoint('a')])
    await vi.advanceTimersByTimeAsync(69)
    expect(told).toEqual([])
    await vi.advanceTimersByTimeAsync(2)
    expect(told).toEqual(['a ill: no answer within 70 ms'])
    health.close()
  })

  test('tells of changes only', async () => {
    const { health, told } = loop({ intervalMs: 100, unhealthyThreshold: 1, healthyThreshold: 1, check: answering('', '', 'refused', 'refused', 'slow', '', '') })
    health.follow([endpoint('a')])
    await vi.advanceTimersByTimeAsync(1000)
    health.close()
    expect(told).toEqual(['a ill: refused', 'a ill: slow', 'a well'])
  })

  test.each<[string, HealthSchedule, string[], string[]]>([
    ['the first failure at once', {}, ['no'], ['a ill: no']],
    ['the first success at once', { waitForFirst: true }, [''], ['a ill: not checked yet', 'a well']],
    ['three failures in a row', {}, ['', 'x', 'y', 'z'], ['a ill: z']],
    ['not two failures', {}, ['', 'x', 'y', ''], []],
    ['not three failures with a success between them', {}, ['', 'x', 'y', '', 'z', ''], []],
    ['two successes in a row', {}, ['no', '', ''], ['a ill: no', 'a well']],
    ['not two successes with a failure between them', {}, ['no', '', 'no', '', 'no'], ['a ill: no']],
    ['as many failures as it is told', { unhealthyThreshold: 5 }, ['', 'a', 'b', 'c', 'd', 'e'], ['a ill: e']],
    ['as many successes as it is told', { healthyThreshold: 1 }, ['no', '', ''], ['a ill: no', 'a well']],
    ['one Unfit at once, whatever the threshold', { unhealthyThreshold: 1000 }, ['', 'x', 'sure!', 'sure!'], ['a ill: sure!']],
  ])('believes %s', async (_name, schedule, answers, expected) => {
    const { health, told } = loop({ ...schedule, intervalMs: 100, check: answering(...answers) })
    health.follow([endpoint('a')])
    await vi.advanceTimersByTimeAsync((answers.length - 1) * 100)
    health.close()
    expect(told).toEqual(expected)
  })

  test('asks about an unfit endpoint, and one it is in doubt about, at intervals of their own', async () => {
    const schedule = { intervalMs: 1000, edgeIntervalMs: 100, unhealthyIntervalMs: 300 }
    expect(await timesOf({ ...schedule, check: answering('', 'x', 'y', 'z', 'z', '', '') }, 4000)).toEqual([0, 1000, 1100, 1200, 1500, 1800, 1900, 2900, 3900])
  })

  test('asks seldom before there was traffic, and from the first traffic on as often as ever', async () => {
    let isBusy = false
    setTimeout(() => (isBusy = true), 13_500)
    expect(await timesOf({ intervalMs: 1000, noTrafficIntervalMs: 10_000, check: answering('') }, 17_500, { busy: () => isBusy })).toEqual([0, 10_000, 14_000, 15_000, 16_000, 17_000])
  })

  test('asks as often as ever when it is in doubt before there was traffic', async () => {
    expect(await timesOf({ intervalMs: 1000, noTrafficIntervalMs: 10_000, check: answering('', 'x', '') }, 21_500, { busy: () => false })).toEqual([0, 10_000, 11_000, 21_000])
  })

  test('asks about an unfit endpoint as often as ever before there was traffic', async () => {
    expect(await timesOf({ intervalMs: 1000, noTrafficIntervalMs: 10_000, check: answering('no') }, 3500, { busy: () => false })).toEqual([0, 1000, 2000, 3000])
  })

  test('keeps those out that have not been checked, if it is told so, but not those that have been serving', async () => {
    const { health, told } = loop({ waitForFirst: true, check: () => new Promise(() => {}) })
    const [old, fresh] = [endpoint('old'), endpoint('fresh')]
    health.trust([old])
    health.follow([old, fresh])
    expect(told).toEqual(['fresh ill: not checked yet'])
    health.close()
  })

  test('says that a new instance is well when the one before with the same id was not', async () => {
    const { health, told } = loop({ check: answering('no') })
    health.follow([new Endpoint({ id: 'one', host: 'a', port: 80 })])
    await vi.advanceTimersByTimeAsync(0)
    health.follow([new Endpoint({ id: 'one', host: 'b', port: 80 })])
    expect(told).toEqual(['a ill: no', 'b well'])
    health.close()
  })

  test('asks about 256 endpoints at a time, and about the others when those have answered', async () => {
    const answers: (() => void)[] = []
    const { health, told } = loop({ check: () => new Promise((resolve) => answers.push(resolve)) })
    health.follow(Array.from({ length: 300 }, (_, i) => endpoint(`e${i}`)))
    await vi.advanceTimersByTimeAsync(1000)
    expect(answers.length).toBe(256)
    answers.slice(0, 10).forEach((answer) => answer())
    await vi.advanceTimersByTimeAsync(0)
    expect(answers.length).toBe(266)
    // Waiting in line is not their fault.
    await vi.advanceTimersByTimeAsync(1001)
    expect(told.length).toBe(246)
    health.close()
  })

  test('asks nobody who was still waiting in line when it was closed', async () => {
    const answers: (() => void)[] = []
    const { health } = loop({ check: () => new Promise((resolve) => answers.push(resolve)) })
    health.follow(Array.from({ length: 300 }, (_, i) => endpoint(`e${i}`)))
    health.close()
    answers.forEach((answer) => answer())
    await vi.advanceTimersByTimeAsync(10_000)
    expect([answers.length, vi.getTimerCount()]).toEqual([256, 0])
  })

  test('tells the check which endpoints it may forget', () => {
    const forgotten: string[] = []
    const { health } = loop({ check: answering(''), forget: ({ host }) => void forgotten.push(host) })
    const [a, b] = [endpoint('a'), endpoint('b')]
    health.follow([a, b])
    health.follow([b])
    health.close()
    expect(forgotten).toEqual(['a', 'b'])
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
    // Only the first was still under way when nobody wanted to know any more.
    expect(signals.map((signal) => signal.aborted)).toEqual([true, false, false])
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

  test('keeps nothing of the checks that are over', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const signals: WeakRef<AbortSignal>[] = []
    const { health } = loop({
      intervalMs: 10,
      check: async (_endpoint, signal) => {
        // As whoever hands it to a socket does.
        signal.addEventListener('abort', () => {}, { once: true })
        signals.push(new WeakRef(signal))
      },
    })
    health.follow([endpoint('a')])
    await vi.advanceTimersByTimeAsync(1000)
    vi.useRealTimers()
    // A WeakRef holds on to what it was made for until its turn of the event loop is over.
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    const kept = signals.filter((signal) => signal.deref() !== undefined).length
    health.close()
    expect(signals.length).toBe(101)
    expect(kept).toBeLessThanOrEqual(1)
  })

  test.each([
    { intervalMs: 0 }, { intervalMs: -5 }, { intervalMs: Number.NaN }, { timeoutMs: 0 }, { timeoutMs: Infinity }, { unhealthyThreshold: 0 }, { healthyThreshold: 1.5 },
    { jitterPercent: -1 }, { jitterPercent: 101 }, { initialJitterMs: -1 }, { edgeIntervalMs: 0 }, { unhealthyIntervalMs: 0 }, { noTrafficIntervalMs: 86_400_001 },
  ])('is not made with %j', (schedule) => {
    expect(() => loop({ ...schedule, check: answering('') })).toThrow(new RegExp(`^${Object.keys(schedule)[0]} is a (whole )?number from .* to .*, not`))
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
