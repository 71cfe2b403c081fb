// Who gets the next attempt: the less busy of a few, or by weight and load.
import { Endpoint, type Balancer, type Exchange } from '@meshwright/core'
import { describe, expect, test } from 'vitest'
import { leastRequest } from './least-request.ts'

function endpointsOf(...weights: number[]): Endpoint[] {
  return weights.map((weight, i) => new Endpoint({ id: String(i), host: '127.0.0.1', port: 9000 + i, weight }))
}

/** The same numbers in every run: a linear congruential generator. */
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

const fresh = { endpoint: undefined } as unknown as Exchange

function share(balancer: Balancer, endpoints: readonly Endpoint[], picks: number): number[] {
  const counts = endpoints.map(() => 0)
  for (let i = 0; i < picks; i++) {
    const at = endpoints.indexOf(balancer.pick(endpoints, fresh))
    counts[at] = (counts[at] as number) + 1
  }
  return counts.map((count) => count / picks)
}

/** Attempts that take as many ticks as their endpoint is slow, a few started per tick; answers how many each got. */
function simulate(balancer: Balancer, endpoints: readonly Endpoint[], ticksPerAttempt: readonly number[], perTick: number, ticks: number): number[] {
  const counts = endpoints.map(() => 0)
  const ends = new Map<number, Endpoint[]>()
  for (let tick = 0; tick < ticks; tick++) {
    for (const endpoint of ends.get(tick) ?? []) endpoint.inFlight--
    for (let i = 0; i < perTick; i++) {
      const endpoint = balancer.pick(endpoints, fresh)
      const at = endpoints.indexOf(endpoint)
      counts[at] = (counts[at] as number) + 1
      endpoint.inFlight++
      const end = tick + (ticksPerAttempt[at] as number)
      ends.set(end, [...(ends.get(end) ?? []), endpoint])
    }
  }
  return counts
}

describe('with equal weights', () => {
  test('the less busy of the two drawn wins', () => {
    const endpoints = endpointsOf(1, 1, 1)
    const [a, b, c] = endpoints as [Endpoint, Endpoint, Endpoint]
    Object.assign(a, { inFlight: 5 })
    Object.assign(b, { inFlight: 2 })
    Object.assign(c, { inFlight: 9 })
    expect(leastRequest({ random: sequence(0, 0) }).pick(endpoints, fresh)).toBe(b)
    expect(leastRequest({ random: sequence(0, 0.99) }).pick(endpoints, fresh)).toBe(a)
    expect(leastRequest({ random: sequence(0.99, 0.99) }).pick(endpoints, fresh)).toBe(b)
  })

  test('of equals the first drawn wins', () => {
    const endpoints = endpointsOf(4, 4, 4)
    expect(leastRequest({ random: sequence(0.5, 0) }).pick(endpoints, fresh)).toBe(endpoints[1])
  })

  test('the two drawn are always different: the busiest of all is never picked', () => {
    const endpoints = endpointsOf(1, 1, 1, 1)
    Object.assign(endpoints[2] as Endpoint, { inFlight: 1 })
    expect(share(leastRequest({ random: seeded(1) }), endpoints, 2000)[2]).toBe(0)
  })

  test('idle endpoints share evenly', () => {
    const endpoints = endpointsOf(1, 1, 1, 1, 1)
    for (const part of share(leastRequest({ random: seeded(2) }), endpoints, 50_000)) expect(part).toBeCloseTo(0.2, 2)
  })

  test.each([3, 5, 8])('with %i choices idle endpoints share evenly too', (choices) => {
    const endpoints = endpointsOf(1, 1, 1, 1, 1)
    for (const part of share(leastRequest({ choices, random: seeded(3) }), endpoints, 50_000)) expect(part).toBeCloseTo(0.2, 2)
  })

  test('with as many choices as endpoints the least busy of all is picked', () => {
    const endpoints = endpointsOf(1, 1, 1, 1)
    endpoints.forEach((endpoint, i) => Object.assign(endpoint, { inFlight: i === 2 ? 0 : 1 }))
    expect(share(leastRequest({ choices: 4, random: seeded(4) }), endpoints, 100)[2]).toBe(1)
  })

  test('an endpoint ten times slower gets far less than its equal share', () => {
    const counts = simulate(leastRequest({ random: seeded(5) }), endpointsOf(1, 1, 1), [10, 10, 100], 1, 5000)
    expect(counts[2] as number).toBeLessThan(700)
  })
})

describe('with different weights', () => {
  test.each([[[5, 1, 1]], [[1, 2]], [[100, 1, 50, 7]]])('idle endpoints share by weight: %j', (weights) => {
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    const shares = share(leastRequest({ random: seeded(6) }), endpointsOf(...weights), total * 100)
    shares.forEach((part, i) => expect(part).toBeCloseTo((weights[i] as number) / total, 2))
  })

  test('load takes off a weight: twice the weight and three in flight against none is half as much', () => {
    const endpoints = endpointsOf(2, 1)
    Object.assign(endpoints[0] as Endpoint, { inFlight: 3 })
    expect(share(leastRequest({ random: seeded(7) }), endpoints, 3000)[0]).toBeCloseTo(1 / 3, 2)
  })

  test('a bias of 0 ignores load, and one of 2 squares it', () => {
    const endpoints = endpointsOf(2, 1)
    Object.assign(endpoints[0] as Endpoint, { inFlight: 1 })
    expect(share(leastRequest({ bias: 0, random: seeded(8) }), endpoints, 3000)[0]).toBeCloseTo(2 / 3, 2)
    expect(share(leastRequest({ bias: 2, random: seeded(8) }), endpoints, 3000)[0]).toBeCloseTo(1 / 3, 2)
  })

  test('under load an endpoint of twice the weight that is five times slower gets the smaller part', () => {
    const counts = simulate(leastRequest({ random: seeded(9) }), endpointsOf(2, 1), [50, 10], 1, 5000)
    expect(counts[0] as number).toBeLessThan(counts[1] as number)
  })
})

describe('when the list is replaced', () => {
  test('shares follow the new weights at once', () => {
    const endpoints = endpointsOf(1, 100)
    const balancer = leastRequest({ random: seeded(10) })
    share(balancer, endpoints, 500)
    const [a, b] = endpoints as [Endpoint, Endpoint]
    a.update({ host: a.host, port: a.port, weight: 100 })
    b.update({ host: b.host, port: b.port, weight: 1 })
    expect(share(balancer, [a, b], 101)[0] as number).toBeGreaterThan(0.95)
  })

  test('equal weights can become different and equal again', () => {
    const endpoints = endpointsOf(1, 1)
    const [a, b] = endpoints as [Endpoint, Endpoint]
    const balancer = leastRequest({ random: seeded(11) })
    expect(share(balancer, endpoints, 5000)[0]).toBeCloseTo(0.5, 1)
    a.update({ host: a.host, port: a.port, weight: 9 })
    expect(share(balancer, [a, b], 5000)[0]).toBeCloseTo(0.9, 2)
    a.update({ host: a.host, port: a.port, weight: 1 })
    expect(share(balancer, [a, b], 5000)[0]).toBeCloseTo(0.5, 1)
  })

  test('an empty list in between is no harm', () => {
    const balancer = leastRequest()
    balancer.update?.([])
    const endpoints = endpointsOf(1, 2)
    expect(endpoints).toContain(balancer.pick(endpoints, fresh))
  })
})

test('two priorities that are picked from in turn each keep their own schedule', () => {
  const first = endpointsOf(3, 1)
  const second = [1, 3].map((weight, i) => new Endpoint({ id: `second-${i}`, host: '127.0.0.1', port: 80, priority: 1, weight }))
  const balancer = leastRequest({ random: seeded(13) })
  const counts = new Map<Endpoint, number>()
  for (let i = 0; i < 800; i++) {
    const picked = balancer.pick(i % 2 === 0 ? first : second, fresh)
    counts.set(picked, (counts.get(picked) ?? 0) + 1)
  }
  expect([...first, ...second].map((endpoint) => Math.round((counts.get(endpoint) ?? 0) / 10))).toEqual([30, 10, 10, 30])
})

test('the only endpoint there is is picked, whatever it carries', () => {
  const [only] = endpointsOf(1) as [Endpoint]
  Object.assign(only, { inFlight: 9 })
  expect(leastRequest().pick([only], fresh)).toBe(only)
})

test.each([{ choices: 1 }, { choices: 2.5 }, { choices: 101 }, { bias: -1 }, { bias: Number.NaN }])('%j is refused', (options) => {
  expect(() => leastRequest(options)).toThrow(RangeError)
})
