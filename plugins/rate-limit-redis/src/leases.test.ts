// Leases: how few questions are asked, how many requests pass, and what happens while nobody answers.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Entries } from './entries.ts'
import { Leases, unknown, type Lease, type LeaseOptions, type Store, type Verdict } from './leases.ts'

const options: LeaseOptions = { requests: 100, windowMs: 1000, burst: 100, lease: 8, leaseMs: 500, timeoutMs: 20, keys: 100, share: undefined, onFailure: 'local' }

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000, toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => void vi.useRealTimers())

/** A store that gives what it has, when it is told to. */
class TestStore implements Store {
  isAway = false
  holders = 4
  left = Infinity
  waitMs = 100
  /** What was wanted, by key. */
  readonly asked: (readonly [string, number])[] = []
  isSlow = false
  doubted = 0
  readonly #held: (() => void)[] = []

  async lease(key: string, wanted: number): Promise<Lease> {
    this.asked.push([key, wanted])
    if (this.isSlow) await new Promise<void>((resolve) => this.#held.push(resolve))
    if (this.isAway) throw new Error('away')
    const taken = Math.min(wanted, this.left)
    this.left -= taken
    return { taken, waitMs: taken === 0 ? this.waitMs : 0 }
  }

  doubt(): void {
    this.doubted++
    this.isAway = true
  }

  release(): void {
    for (const resolve of this.#held.splice(0)) resolve()
  }
}

function setup(more: Partial<LeaseOptions> = {}): { store: TestStore; leases: Leases } {
  const store = new TestStore()
  return { store, leases: new Leases(store, { ...options, ...more }) }
}

async function verdicts(leases: Leases, count: number, key = 'k'): Promise<Verdict[]> {
  const seen: Verdict[] = []
  for (let i = 0; i < count; i++) seen.push(await leases.take(key))
  return seen
}

describe('a busy key', () => {
  test('takes leases that grow, so that most requests ask nobody', async () => {
    const { store, leases } = setup()
    expect(new Set(await verdicts(leases, 100))).toEqual(new Set([0]))
    expect(store.asked.map(([, wanted]) => wanted)).toEqual([1, 2, 4, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8])
  })

  test('answers at once what it has leased', async () => {
    const { leases } = setup()
    const answers = [leases.take('k')]
    await answers[0]
    await leases.take('k')
    expect(typeof leases.take('k')).toBe('number')
  })

  test('has one question for all requests that wait', async () => {
    const { store, leases } = setup()
    store.isSlow = true
    const waiting = Array.from({ length: 50 }, () => leases.take('k'))
    expect(store.asked).toEqual([['k', 1]])
    store.isSlow = false
    store.release()
    expect(await Promise.all(waiting.map(async (verdict) => verdict))).toEqual(waiting.map(() => 0))
    expect(store.asked).toEqual([['k', 1], ['k', 49]])
  })

  test('that is empty asks no more until there is something', async () => {
    const { store, leases } = setup()
    store.left = 3
    expect(await verdicts(leases, 6)).toEqual([0, 0, 0, 100, 100, 100])
    expect(store.asked).toHaveLength(3)
    vi.advanceTimersByTime(60)
    expect(await leases.take('k')).toBe(40)
    vi.advanceTimersByTime(40)
    store.left = 1
    expect(await leases.take('k')).toBe(0)
  })
})

describe('a lease', () => {
  test('that was not used up lapses, and the next is smaller', async () => {
    const { store, leases } = setup()
    await verdicts(leases, 16)
    vi.advanceTimersByTime(500)
    await verdicts(leases, 1)
    expect(store.asked.at(-1)).toEqual(['k', 4])
    vi.advanceTimersByTime(500)
    await verdicts(leases, 1)
    expect(store.asked.at(-1)).toEqual(['k', 2])
  })

  test('is of one key', async () => {
    const { store, leases } = setup()
    await verdicts(leases, 1, 'a')
    await verdicts(leases, 1, 'b')
    expect(store.asked).toEqual([['a', 1], ['b', 1]])
  })
})

describe('a store that is away', () => {
  test('is not asked; this thread lets its share through', async () => {
    const { store, leases } = setup()
    store.isAway = true
    const seen = await verdicts(leases, 30)
    expect(seen.filter((verdict) => verdict === 0)).toHaveLength(25)
    expect(seen.at(-1)).toBeCloseTo(40)
    vi.advanceTimersByTime(40)
    expect(await verdicts(leases, 2)).toEqual([0, expect.closeTo(40)])
    expect([store.asked.length, leases.alone]).toEqual([0, 32])
  })

  test('leaves at least one request at once, however small the share', async () => {
    const { store, leases } = setup({ share: 0.001 })
    store.isAway = true
    expect(await verdicts(leases, 2)).toEqual([0, 10_000])
  })

  test.each([['open', 0], ['closed', unknown]] as const)('makes everything %s if that is wanted', async (onFailure, verdict) => {
    const { store, leases } = setup({ onFailure })
    store.isAway = true
    expect(await verdicts(leases, 300)).toEqual(Array.from({ length: 300 }, () => verdict))
  })

  test('does not take away what was leased before', async () => {
    const { store, leases } = setup({ onFailure: 'closed' })
    await verdicts(leases, 4)
    store.isAway = true
    expect(await verdicts(leases, 5)).toEqual([0, 0, 0, unknown, unknown])
  })
})

describe('a store that does not answer', () => {
  test('is waited for no longer than it may take, and doubted', async () => {
    const { store, leases } = setup({ onFailure: 'closed' })
    store.isSlow = true
    const waiting = [leases.take('k'), leases.take('k'), leases.take('other')]
    await vi.advanceTimersByTimeAsync(19)
    expect(store.doubted).toBe(0)
    await vi.advanceTimersByTimeAsync(1)
    expect(await Promise.all(waiting.map(async (verdict) => verdict))).toEqual([unknown, unknown, unknown])
    expect(store.doubted).toBe(2)
  })

  test('and answers late has given all the same', async () => {
    const { store, leases } = setup({ onFailure: 'closed' })
    store.isSlow = true
    const waiting = leases.take('k')
    await vi.advanceTimersByTimeAsync(20)
    expect(await waiting).toBe(unknown)
    store.isAway = false
    store.release()
    await vi.advanceTimersByTimeAsync(0)
    expect(leases.take('k')).toBe(0)
  })

  test('or fails is doubted at once', async () => {
    const { store, leases } = setup({ onFailure: 'open' })
    store.isSlow = true
    const waiting = leases.take('k')
    store.isAway = true
    store.release()
    expect(await waiting).toBe(0)
    expect(store.doubted).toBe(1)
  })

  test('or says neither yes nor no is not asked for ever', async () => {
    const { store, leases } = setup({ onFailure: 'closed' })
    Object.assign(store, { left: 0, waitMs: 0 })
    expect(await leases.take('k')).toBe(unknown)
    expect(store.asked.length).toBeLessThan(10)
  })
})

describe('entries', () => {
  test('are as many as there is room for, and those of late are kept', () => {
    let made = 0
    const entries = new Entries(100, () => ({ id: ++made }))
    const kept = entries.of('kept')
    for (let i = 0; i < 1000; i++) {
      entries.of(`k${i}`)
      expect(entries.of('kept')).toBe(kept)
    }
    expect(entries.size).toBeLessThanOrEqual(100)
    expect(entries.of('k999').id).toBe(1001)
    expect(entries.of('k0').id).toBe(1002)
  })
})
