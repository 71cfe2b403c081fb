// Deadlines: many waits, one timer.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Deadlines, Timed, type Wait } from './deadlines.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

class Waiting extends Timed {
  readonly heard: Wait[] = []
  onTime: () => void = () => {}

  timedOut(wait: Wait): void {
    this.heard.push(wait)
    this.onTime()
  }
}

function waiting(deadlines: Deadlines, ms: Partial<Record<Wait, number>>): Waiting {
  const one = new Waiting(deadlines)
  deadlines.add(one)
  for (const [wait, delay] of Object.entries(ms)) {
    const atMs = performance.now() + delay
    one[`${wait as Wait}AtMs`] = atMs
    deadlines.armed(atMs)
  }
  return one
}

describe('a deadline', () => {
  test('is heard of when it has passed, not before, and once', () => {
    const deadlines = new Deadlines()
    const one = waiting(deadlines, { endpoint: 100 })
    vi.advanceTimersByTime(99)
    expect(one.heard).toEqual([])
    vi.advanceTimersByTime(2)
    expect([one.heard, one.endpointAtMs]).toEqual([['endpoint'], Infinity])
    vi.advanceTimersByTime(10_000)
    expect(one.heard).toEqual(['endpoint'])
  })

  test('that was moved is heard of at its new time', () => {
    const deadlines = new Deadlines()
    const one = waiting(deadlines, { client: 100 })
    vi.advanceTimersByTime(90)
    one.clientAtMs = performance.now() + 100
    deadlines.armed(one.clientAtMs)
    vi.advanceTimersByTime(99)
    expect(one.heard).toEqual([])
    vi.advanceTimersByTime(2)
    expect(one.heard).toEqual(['client'])
  })

  test('that was taken away is not heard of', () => {
    const deadlines = new Deadlines()
    const one = waiting(deadlines, { total: 100 })
    one.totalAtMs = Infinity
    vi.advanceTimersByTime(1000)
    expect([one.heard, vi.getTimerCount()]).toEqual([[], 0])
  })

  test('that is earlier than another is heard of in time', () => {
    const deadlines = new Deadlines()
    const late = waiting(deadlines, { endpoint: 1000 })
    const early = waiting(deadlines, { endpoint: 10 })
    vi.advanceTimersByTime(11)
    expect([early.heard, late.heard]).toEqual([['endpoint'], []])
    vi.advanceTimersByTime(990)
    expect(late.heard).toEqual(['endpoint'])
  })

  test('of the whole comes before those of a part', () => {
    const deadlines = new Deadlines()
    const one = waiting(deadlines, { client: 10, endpoint: 10, total: 10 })
    vi.advanceTimersByTime(20)
    expect(one.heard).toEqual(['total', 'endpoint', 'client'])
  })

  test('farther away than a timer can hold is not heard of at once', () => {
    const deadlines = new Deadlines()
    const one = waiting(deadlines, { total: 2 ** 40 })
    vi.advanceTimersByTime(1000)
    expect(one.heard).toEqual([])
    deadlines.close()
  })
})

describe('the list', () => {
  test('forgets what is removed, also while it is looked through, and also twice', () => {
    const deadlines = new Deadlines()
    const [first, second, third] = [waiting(deadlines, { total: 10 }), waiting(deadlines, { total: 10 }), waiting(deadlines, { total: 10 })]
    first.onTime = () => {
      deadlines.remove(first)
      deadlines.remove(first)
      deadlines.remove(second)
    }
    vi.advanceTimersByTime(20)
    expect([first.heard, second.heard, third.heard, deadlines.size]).toEqual([['total'], [], ['total'], 1])
    expect(deadlines.all()).toEqual([third])
  })

  test('takes what is added while it is looked through', () => {
    const deadlines = new Deadlines()
    const first = waiting(deadlines, { total: 10 })
    let added: Waiting | undefined
    first.onTime = () => (added = waiting(deadlines, { total: 5 }))
    vi.advanceTimersByTime(20)
    expect(added?.heard).toEqual(['total'])
  })

  test('of ten thousand waits has one timer', () => {
    const deadlines = new Deadlines()
    for (let i = 0; i < 10_000; i++) waiting(deadlines, { total: 1000 + i })
    expect([deadlines.size, vi.getTimerCount()]).toEqual([10_000, 1])
    deadlines.close()
    expect(vi.getTimerCount()).toBe(0)
  })
})
