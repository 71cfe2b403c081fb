// Who is picked: the lower load of two, by latency, attempts under way and weight; and what is learnt from an end.
import { Endpoint, Headers, MeshError, Response, type Balancer, type Exchange } from '@meshwright/core'
import { describe, expect, test, vi } from 'vitest'
import { peakEwma } from './peak-ewma.ts'

function endpointsOf(...weights: number[]): Endpoint[] {
  return weights.map((weight, i) => new Endpoint({ id: String(i), host: '127.0.0.1', port: 9000 + i, weight }))
}

function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

function sequence(...numbers: number[]): () => number {
  let at = 0
  return () => numbers[at++ % numbers.length] as number
}

const fresh = {} as Exchange

/** The end of an attempt that began at 1000. */
function end({ rttMs = 10, status = 200, headers = {}, error, hasHead = true }: { rttMs?: number; status?: number; headers?: Record<string, string>; error?: MeshError; hasHead?: boolean } = {}): Exchange {
  const response = new Response(status, '', Headers.from(headers))
  return { attemptMs: 1_000, headersMs: hasHead ? 1_000 + rttMs : 0, response: hasHead ? response : undefined, error } as unknown as Exchange
}

/** A balancer whose clock stands still at `clock.ms`. */
function made(weights: readonly number[], random = seeded(1)): { balancer: Balancer; endpoints: Endpoint[]; clock: { ms: number } } {
  const clock = { ms: 1_000 }
  const endpoints = endpointsOf(...weights)
  const balancer = peakEwma({ random, now: () => clock.ms })
  balancer.update?.(endpoints)
  return { balancer, endpoints, clock }
}

function shares(balancer: Balancer, endpoints: readonly Endpoint[], picks = 20_000): number[] {
  const counts = new Map(endpoints.map((endpoint) => [endpoint, 0]))
  for (let i = 0; i < picks; i++) {
    const picked = balancer.pick(endpoints, fresh)
    counts.set(picked, (counts.get(picked) as number) + 1)
  }
  return [...counts.values()].map((count) => count / picks)
}

describe('of two', () => {
  test('the faster one is picked', () => {
    const { balancer, endpoints } = made([1, 1])
    balancer.ended?.(endpoints[0] as Endpoint, end({ rttMs: 100 }))
    balancer.ended?.(endpoints[1] as Endpoint, end({ rttMs: 50 }))
    expect(shares(balancer, endpoints, 100)).toEqual([0, 1])
  })

  test('attempts under way count: 100 ms with none under way is better than 50 ms with two', () => {
    const { balancer, endpoints } = made([1, 1])
    balancer.ended?.(endpoints[0] as Endpoint, end({ rttMs: 100 }))
    balancer.ended?.(endpoints[1] as Endpoint, end({ rttMs: 50 }))
    Object.assign(endpoints[1] as Endpoint, { inFlight: 2 })
    expect(shares(balancer, endpoints, 100)).toEqual([1, 0])
  })

  test('of equals the first drawn is picked', () => {
    const { balancer, endpoints } = made([1, 1, 1], sequence(0.5, 0))
    expect(balancer.pick(endpoints, fresh)).toBe(endpoints[1])
  })

  test('a slow one is forgiven with time', () => {
    const { balancer, endpoints, clock } = made([1, 1])
    endpoints.forEach((endpoint) => balancer.ended?.(endpoint, end({ rttMs: 50 })))
    balancer.ended?.(endpoints[0] as Endpoint, end({ rttMs: 400 }))
    expect(shares(balancer, endpoints, 100)[0]).toBe(0)
    clock.ms += 25_000
    balancer.ended?.(endpoints[1] as Endpoint, end({ rttMs: 50 }))
    expect(shares(balancer, endpoints, 100)[0]).toBe(1)
  })

  test('one that has not answered yet gets one attempt at a time', () => {
    const { balancer, endpoints } = made([1, 1])
    balancer.ended?.(endpoints[1] as Endpoint, end({ rttMs: 40 }))
    expect(balancer.pick(endpoints, fresh)).toBe(endpoints[0])
    Object.assign(endpoints[0] as Endpoint, { inFlight: 1 })
    Object.assign(endpoints[1] as Endpoint, { inFlight: 50 })
    expect(shares(balancer, endpoints, 100)).toEqual([0, 1])
  })
})

describe('weights', () => {
  test.each([[[1, 1, 1, 1]], [[5, 1, 1]], [[100, 1, 50, 7]], [[3, 1]]])('are followed by idle endpoints that are alike: %j', (weights) => {
    const { balancer, endpoints } = made(weights)
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    shares(balancer, endpoints, 100_000).forEach((part, i) => expect(part).toBeCloseTo((weights[i] as number) / total, 2))
  })

  test('are followed while time goes by and nobody answers: errors of rounding are no reason', () => {
    const { balancer, endpoints, clock } = made([5, 2, 1])
    const counts = new Map(endpoints.map((endpoint) => [endpoint, 0]))
    for (let i = 0; i < 20_000; i++) {
      clock.ms += 0.0007 + (i % 13) / 1e4
      const picked = balancer.pick(endpoints, fresh)
      counts.set(picked, (counts.get(picked) as number) + 1)
    }
    endpoints.forEach((endpoint) => expect((counts.get(endpoint) as number) / 20_000).toBeCloseTo(endpoint.weight / 8, 1))
  })

  test('divide the attempts under way: six at three times the weight are as many as two', () => {
    const { balancer, endpoints } = made([3, 1])
    endpoints.forEach((endpoint, i) => Object.assign(endpoint, { inFlight: [6, 2][i], lastLatencyMs: 1 }))
    expect(shares(balancer, endpoints, 50_000)[0]).toBeCloseTo(0.75, 2)
    Object.assign(endpoints[0] as Endpoint, { inFlight: 7 })
    expect(shares(balancer, endpoints, 50_000)[0]).toBeCloseTo(0.75 ** 2, 2)
  })

  test('that changed count as soon as the list is replaced', () => {
    const { balancer, endpoints } = made([1, 1])
    ;(endpoints[0] as Endpoint).weight = 0.25
    const list = [...endpoints]
    balancer.update?.(list)
    expect(shares(balancer, list, 50_000)[0]).toBeCloseTo(0.2, 2)
  })
})

describe('an attempt that ended', () => {
  /** What the endpoint costs after it, told by how many attempts are as good elsewhere, where one costs 1 ms. */
  function costAfter(exchange: Exchange, laterMs = 0): number {
    const clock = { ms: 1_000 }
    const [one, other] = endpointsOf(1, 1) as [Endpoint, Endpoint]
    const balancer = peakEwma({ defaultRttMs: 1, random: sequence(0), now: () => clock.ms })
    const list = [one, other]
    balancer.update?.(list)
    balancer.ended?.(other, end({ rttMs: 1 }))
    clock.ms = 1_010
    balancer.ended?.(one, exchange)
    clock.ms += laterMs
    balancer.ended?.(other, end({ rttMs: 1 }))
    while (balancer.pick(list, fresh) === other) Object.assign(other, { inFlight: other.inFlight + 1 })
    return other.inFlight + 1
  }

  test.each([
    ['well', { rttMs: 20 }, 20],
    ['with 404', { rttMs: 20, status: 404 }, 20],
    ['with 431', { rttMs: 20, status: 431 }, 20],
    ['with 429', { rttMs: 20, status: 429 }, 5_020],
    ['with 502', { rttMs: 20, status: 502 }, 5_020],
    ['with 503', { rttMs: 20, status: 503 }, 5_020],
    ['with 504', { rttMs: 20, status: 504 }, 5_020],
    ['with 500, slowly', { rttMs: 20, status: 500 }, 20],
    ['with an error after the head', { rttMs: 20, error: new MeshError('MESH_UPSTREAM_CLOSED') }, 5_020],
    ['with an error before a head, after 10 ms', { hasHead: false, error: new MeshError('MESH_UPSTREAM_CLOSED') }, 5_010],
  ])('%s costs what it took, and the penalty if it was no success', (_name, how, cost) => {
    expect(costAfter(end(how))).toBe(cost)
  })

  test('with 500 never makes an endpoint look faster than the mean of all', () => {
    const { balancer, endpoints, clock } = made([1, 1])
    balancer.ended?.(endpoints[1] as Endpoint, end({ rttMs: 90 }))
    for (let i = 0; i < 100; i++) {
      clock.ms += 1_000
      balancer.ended?.(endpoints[0] as Endpoint, end({ rttMs: 1, status: 500 }))
      balancer.ended?.(endpoints[1] as Endpoint, end({ rttMs: 90 }))
    }
    Object.assign(endpoints[1] as Endpoint, { inFlight: 1 })
    expect(balancer.pick(endpoints, fresh)).toBe(endpoints[0])
    Object.assign(endpoints[0] as Endpoint, { inFlight: 2 })
    expect(balancer.pick(endpoints, fresh)).toBe(endpoints[1])
  })

  test.each([
    ['seconds', '20', 20_000],
    ['a date', 'Sat, 21 Nov 2026 10:00:20 GMT', 20_000],
    ['more than five minutes', '100000', 300_000],
    ['the past', 'Sat, 21 Nov 2020 10:00:20 GMT', 0],
    ['what is no time', 'soon', 0],
  ])('with a Retry-After that says %s keeps its penalty that long', (_name, value, heldMs) => {
    vi.useFakeTimers({ now: new Date('2026-11-21T10:00:00Z'), toFake: ['Date'] })
    const limited = end({ rttMs: 20, status: 503, headers: { 'Retry-After': value } })
    if (heldMs > 0) expect(costAfter(limited, heldMs)).toBe(5_020)
    expect(costAfter(limited, heldMs + 10_000)).toBe(Math.ceil(5_020 / Math.E))
    vi.useRealTimers()
  })

  test('on an endpoint that has left the list is no harm', () => {
    const { balancer, endpoints } = made([1, 1])
    balancer.update?.(endpoints.slice(1))
    expect(() => balancer.ended?.(endpoints[0] as Endpoint, end())).not.toThrow()
  })
})

test('the only endpoint there is is picked without a draw, and an empty list in between is no harm', () => {
  const [only] = endpointsOf(1) as [Endpoint]
  const balancer = peakEwma({ random: () => Number.NaN })
  balancer.update?.([])
  expect(balancer.pick([only], fresh)).toBe(only)
})

test.each([{ decayMs: 0 }, { decayMs: Number.NaN }, { defaultRttMs: 0 }, { penaltyMs: -1 }, { penaltyMs: 600_001 }])('%j is refused', (options) => {
  expect(() => peakEwma(options)).toThrow(RangeError)
})
