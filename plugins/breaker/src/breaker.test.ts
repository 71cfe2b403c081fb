// When a breaker opens, whom it lets pass, and when it closes again.
import { errorKinds, type ErrorCode } from '@meshwright/core'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { breaker, type BreakerOptions } from './breaker.ts'
import { Attempt, bad, exchange, gone, good, play, type End, type Played } from './breaker.test.kit.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
  vi.advanceTimersByTime(1_000_003)
})
afterEach(() => void vi.useRealTimers())

const pass = (ms: number): void => void vi.advanceTimersByTime(ms)
const small: BreakerOptions = { minAttempts: 4, openMs: 1000, maxOpenMs: 4000 }

/** A breaker that has just opened. */
function opened(options: BreakerOptions = {}): Played {
  const one = play({ ...small, ...options })
  one.pass(bad, 4)
  expect(one.breaker.state).toBe('open')
  return one
}

/** A breaker whose time is over: the next one that asks is a probe. */
function rested(options: BreakerOptions = {}): Played {
  const one = opened(options)
  pass(1000)
  return one
}

describe('closed', () => {
  test('lets everybody pass', () => {
    const one = play()
    expect([one.pass(good, 1000), one.breaker.state, one.changes]).toEqual([1000, 'closed', ['closed: nothing has happened yet']])
  })

  test.each([
    [19, 0, 'closed'],
    [20, 0, 'open'],
    [10, 10, 'open'],
    [9, 11, 'closed'],
    [50, 51, 'closed'],
  ])('with %i failures after %i that went well it is %s', (failures, others, state) => {
    const one = play()
    // Whatever fails comes at once, behind what went well, so that it opens at the last of them or not at all.
    one.pass(good, others)
    for (let i = 0; i < failures; i++) one.pass(bad)
    expect(one.breaker.state).toBe(state)
  })

  test('says why it opens', () => {
    expect(opened().changes.at(-1)).toBe('open: 4 of 4 attempts failed; for 1000 ms')
  })

  test('looks at the window only, which slides by a tenth', () => {
    const one = play({ ...small, windowMs: 1000 })
    pass(1000 - (performance.now() % 1000))
    one.pass(bad, 3)
    pass(899)
    one.pass(good, 4)
    pass(101)
    one.pass(bad, 3)
    expect(one.breaker.state).toBe('closed')
    one.pass(bad)
    expect(one.changes.at(-1)).toBe('open: 4 of 8 attempts failed; for 1000 ms')
  })

  test('forgets everything after a long silence', () => {
    const one = play(small)
    one.pass(bad, 3)
    pass(1_000_000)
    one.pass(bad, 3)
    expect(one.breaker.state).toBe('closed')
  })

  test('an attempt that goes well never opens it', () => {
    const one = play({ ...small, minAttempts: 5 })
    one.pass(bad, 4)
    one.pass(good)
    expect(one.breaker.state).toBe('closed')
    one.pass(bad)
    expect(one.breaker.state).toBe('open')
  })
})

describe('what counts as a failure', () => {
  const opens = (how: End): boolean => {
    const one = play(small)
    one.pass(how, 10)
    return one.breaker.state === 'open'
  }

  test.each([500, 502, 503, 599])('status %i', (status) => {
    expect(opens({ status })).toBe(true)
  })

  test.each([200, 204, 301, 400, 404, 429, 499])('not status %i', (status) => {
    expect(opens({ status })).toBe(false)
  })

  test.each(['2', '4', '13', '14', '15'])('grpc-status %s', (status) => {
    expect(opens({ status: 200, headers: { 'grpc-status': status } })).toBe(true)
  })

  test.each(['0', '1', '3', '5', '8', '16', 'x'])('not grpc-status %s', (status) => {
    expect(opens({ status: 200, headers: { 'grpc-status': status } })).toBe(false)
  })

  test.each(Object.keys(errorKinds) as ErrorCode[])('%s only if the endpoint is to blame', (code) => {
    expect(opens({ code })).toBe(errorKinds[code].source === 'upstream')
    expect(opens({ code, status: 503, replied: true })).toBe(errorKinds[code].source === 'upstream')
  })

  test('not a reply made here, whatever its status', () => {
    expect(opens({ status: 503, replied: true })).toBe(false)
  })

  test('not an attempt that was admitted and never sent', () => {
    expect(opens({})).toBe(false)
  })

  test('not a client that went away after the head of an error', () => {
    expect(opens({ status: 500, code: 'MESH_CLIENT_CLOSED' })).toBe(false)
  })

  test('an attempt once, also if the same exchange makes several', () => {
    const one = play({ ...small, minAttempts: 3 })
    const same = exchange()
    for (let i = 0; i < 2; i++) {
      new Attempt(one.breaker, same).end({ status: 503 })
      same.response = undefined
    }
    expect(one.breaker.state).toBe('closed')
    new Attempt(one.breaker, same).end({ status: 503 })
    expect(one.changes.at(-1)).toBe('open: 3 of 3 attempts failed; for 1000 ms')
  })
})

describe('slow responses', () => {
  const slow: BreakerOptions = { ...small, slowMs: 100, slowPercent: 75 }

  test('open it when they are the larger part', () => {
    const one = play(slow)
    one.pass(good)
    one.pass({ status: 200, ms: 100 }, 3)
    expect(one.changes.at(-1)).toBe('open: 3 of 4 attempts were slow; for 1000 ms')
  })

  test('do not open it below that part, nor faster than that time', () => {
    const one = play(slow)
    one.pass(good, 2)
    one.pass({ status: 200, ms: 100 }, 4)
    one.pass({ status: 200, ms: 99 }, 20)
    expect(one.breaker.state).toBe('closed')
  })

  test('are measured to the head: a long body is not slow', () => {
    const one = play(slow)
    for (let i = 0; i < 10; i++) {
      const attempt = one.begin().answer(good)
      pass(500)
      attempt.end({})
    }
    expect(one.breaker.state).toBe('closed')
  })

  test('do not matter unless asked for', () => {
    const one = play(small)
    one.pass({ status: 200, ms: 50_000 }, 20)
    expect(one.breaker.state).toBe('closed')
  })

  test('that never came are failures that were slow', () => {
    const one = play({ ...slow, failurePercent: 100 })
    one.pass(good)
    one.pass({ code: 'MESH_RESPONSE_HEADERS_TIMEOUT', ms: 200 }, 3)
    expect(one.changes.at(-1)).toBe('open: 3 of 4 attempts were slow; for 1000 ms')
  })

  test('fail a probe', () => {
    const one = play(slow)
    one.pass(bad, 4)
    pass(1000)
    one.pass({ status: 200, ms: 100 })
    expect(one.changes.at(-1)).toBe('open: a probe was slow; for 2000 ms')
  })
})

describe('open', () => {
  test('lets nobody pass, and says when to come again', () => {
    const one = opened({ openMs: 2500 })
    const { refusal } = one.begin()
    expect(refusal).toMatchObject({ code: 'MESH_BREAKER_OPEN', status: 503, source: 'mesh', flag: 'UO', retryAfterMs: 3000 })
    pass(600)
    expect(one.begin().refusal?.retryAfterMs).toBe(2000)
    pass(1899)
    expect(one.begin().refusal?.retryAfterMs).toBe(1000)
    expect(one.refusals()).toBe(3)
    pass(1)
    expect(one.begin().admitted).toBe(true)
  })

  test('makes one error for all that it refuses in a second', () => {
    const one = opened()
    expect(one.begin().refusal).toBe(one.begin().refusal)
  })

  test('what was under way when it opened changes nothing', () => {
    const one = play(small)
    const early = Array.from({ length: 10 }, () => one.begin())
    one.pass(bad, 4)
    early.forEach((attempt) => attempt.end(bad))
    pass(1000)
    expect([one.changes.length, one.begin().admitted]).toEqual([2, true])
  })
})

describe('half-open', () => {
  test('lets one probe pass at a time, and closes after three that went well', () => {
    const one = rested()
    for (let i = 0; i < 3; i++) {
      const probe = one.begin()
      expect([probe.admitted, one.begin().refusal?.code, one.breaker.state]).toEqual([true, 'MESH_BREAKER_OPEN', 'half-open'])
      probe.end(good)
    }
    expect(one.changes.slice(-2)).toEqual(['half-open: its time is over', 'closed: 3 probes went well'])
    expect(one.pass(good, 100)).toBe(100)
  })

  test('caps how many probes there are at a time, not how many there are', () => {
    const one = rested({ probes: 2, closeAfter: 100 })
    const held = one.begin()
    expect(one.pass(good, 50)).toBe(50)
    const second = one.begin()
    expect([held.admitted, second.admitted, one.begin().admitted]).toEqual([true, true, false])
    second.end(good)
    expect(one.begin().admitted).toBe(true)
  })

  test.each([bad, { code: 'MESH_CONNECT_FAILED' }] as End[])('any probe that fails opens it again: %j', (how) => {
    const one = rested({ probes: 3 })
    const [first, second, third] = [one.begin(), one.begin(), one.begin()]
    first.end(good)
    second.end(how)
    expect(one.changes.at(-1)).toBe('open: a probe failed; for 2000 ms')
    third.end(good)
    expect(one.breaker.state).toBe('open')
  })

  test.each([gone, { status: 503, replied: true }, { code: 'MESH_OVERFLOW' }, {}] as End[])('a probe that says nothing gives its place back and decides nothing: %j', (how) => {
    const one = rested({ closeAfter: 1 })
    expect(one.pass(how, 20)).toBe(20)
    expect(one.breaker.state).toBe('half-open')
    one.pass(good)
    expect(one.breaker.state).toBe('closed')
  })

  test('stays open twice as long each time, up to the longest, and begins anew once it was closed', () => {
    const one = opened({ closeAfter: 1 })
    for (const forMs of [1000, 2000, 4000, 4000]) {
      pass(forMs - 1)
      expect(one.begin().admitted).toBe(false)
      pass(1)
      one.pass(bad)
      expect(one.breaker.state).toBe('open')
    }
    pass(4000)
    one.pass(good)
    one.pass(bad, 4)
    expect(one.changes.at(-1)).toBe('open: 4 of 4 attempts failed; for 1000 ms')
  })

  test('a probe of an earlier time decides nothing, and keeps its place until it ends', () => {
    const one = rested({ probes: 2, closeAfter: 1 })
    const old = one.begin()
    one.pass(bad)
    pass(2000)
    const fresh = one.begin()
    expect([fresh.admitted, one.begin().admitted, one.breaker.state]).toEqual([true, false, 'half-open'])
    old.end(bad)
    expect([one.breaker.state, one.begin().admitted]).toEqual(['half-open', true])
    fresh.end(good)
    expect(one.breaker.state).toBe('closed')
  })

  test('what was admitted before it was closed does not count afterwards', () => {
    const one = play(small)
    const early = Array.from({ length: 10 }, () => one.begin())
    one.pass(bad, 4)
    pass(1000)
    const probes = Array.from({ length: 3 }, () => {
      const probe = one.begin()
      probe.end(good)
      return probe
    })
    expect([probes.length, one.breaker.state]).toEqual([3, 'closed'])
    pass(1)
    early.forEach((attempt) => attempt.end(bad))
    expect(one.breaker.state).toBe('closed')
    one.pass(bad, 4)
    expect(one.breaker.state).toBe('open')
  })

  test('a probe whose response does not end is judged by its head', () => {
    const one = rested({ closeAfter: 2 })
    const streams = [one.begin().answer(good), one.begin().answer(good)]
    expect(streams.map(({ admitted }) => admitted)).toEqual([true, true])
    expect([one.begin().admitted, one.breaker.state]).toEqual([true, 'closed'])
    streams.forEach((stream) => stream.end({ code: 'MESH_UPSTREAM_CLOSED' }))
    expect([one.breaker.state, one.pass(good, 3)]).toEqual(['closed', 3])
  })

  test('a probe whose head says that it failed opens it as soon as somebody asks', () => {
    const one = rested()
    const stream = one.begin().answer(bad)
    expect([one.begin().refusal?.retryAfterMs, one.breaker.state]).toEqual([2000, 'open'])
    stream.end({})
    expect(one.changes.at(-1)).toBe('open: a probe failed; for 2000 ms')
  })
})

test('random traffic never leaves a place taken, and the breaker always comes back', () => {
  let state = 7
  const random = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
  const one = play({ ...small, probes: 2, windowMs: 500 })
  const under: Attempt[] = []
  const hows: readonly End[] = [good, bad, gone, { status: 503, replied: true }, { code: 'MESH_UPSTREAM_CLOSED' }, {}]
  for (let i = 0; i < 20_000; i++) {
    pass(Math.floor(random() * 20))
    const attempt = one.begin()
    if (attempt.admitted) under.push(attempt)
    while (under.length > random() * 8) under.splice(Math.floor(random() * under.length), 1)[0]?.end(hows[Math.floor(random() * hows.length)] as End)
  }
  expect(new Set(one.changes.map((change) => change.split(':')[0]))).toEqual(new Set(['closed', 'open', 'half-open']))
  under.forEach((attempt) => attempt.end(gone))
  pass(4000)
  expect(one.pass(good, 10)).toBe(10)
  expect(one.breaker.state).toBe('closed')
})

test.each([
  { windowMs: 99 }, { minAttempts: 0 }, { minAttempts: 1.5 }, { failurePercent: 0 }, { failurePercent: 101 }, { slowMs: 0 }, { slowMs: 600_001 }, { slowPercent: 0 },
  { openMs: 9 }, { openMs: 1000, maxOpenMs: 999 }, { probes: 0 }, { closeAfter: 0 }, { windowMs: Number.NaN },
])('%j is refused', (options) => {
  expect(() => breaker(options)).toThrow(RangeError)
})

test('openMs beyond the usual maxOpenMs is its own', () => {
  expect(() => breaker({ openMs: 3_600_000 })).not.toThrow()
})
