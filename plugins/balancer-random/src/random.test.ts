// Who is drawn: everybody alike, or by weight.
import { Endpoint, type Balancer, type Exchange } from '@meshwright/core'
import { describe, expect, test } from 'vitest'
import { aliasTable, drawFrom } from './alias-table.ts'
import { random } from './random.ts'

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

const exchange = {} as Exchange

function share(balancer: Balancer, endpoints: readonly Endpoint[], picks: number): number[] {
  const counts = new Map(endpoints.map((endpoint) => [endpoint, 0]))
  for (let i = 0; i < picks; i++) {
    const picked = balancer.pick(endpoints, exchange)
    counts.set(picked, (counts.get(picked) as number) + 1)
  }
  return [...counts.values()].map((count) => count / picks)
}

/** The exact share of each place: what stays of its own, and what others pass on. */
function sharesOf(weights: readonly number[]): number[] {
  const { stay, other } = aliasTable(weights)
  const shares = weights.map((_, i) => stay[i] as number)
  other.forEach((to, from) => (shares[to] = (shares[to] as number) + 1 - (stay[from] as number)))
  return shares.map((part) => part / weights.length)
}

describe('the table', () => {
  test.each([[[1]], [[3, 1]], [[1, 1, 1, 1]], [[5, 1, 1]], [[1_000_000, 1]], [[0.1, 1, 1]], [Array.from({ length: 999 }, (_, i) => (i % 97) + 1)]])('gives each its share exactly %#', (weights) => {
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    sharesOf(weights).forEach((part, i) => expect(part).toBeCloseTo((weights[i] as number) / total, 12))
  })

  test('has a place for the smallest and for the greatest number drawn', () => {
    const table = aliasTable([1, 2, 3])
    for (const drawn of [0, 1 - 2 ** -53]) expect([0, 1, 2]).toContain(drawFrom(table, drawn))
  })
})

describe('picks', () => {
  test.each([[[1, 1, 1, 1]], [[5, 1, 1]], [[100, 1, 50, 7]], [[1, 0.1, 1]]])('follow the weights %j', (weights) => {
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    const endpoints = endpointsOf(...weights.map(() => 1))
    endpoints.forEach((endpoint, i) => (endpoint.weight = weights[i] as number))
    share(random({ random: seeded(1) }), endpoints, 100_000).forEach((part, i) => expect(part).toBeCloseTo((weights[i] as number) / total, 2))
  })

  test('are one draw each', () => {
    let draws = 0
    const balancer = random({ random: () => (draws++, 0.99) })
    const endpoints = endpointsOf(1, 2, 3)
    balancer.update?.(endpoints)
    for (let i = 0; i < 10; i++) balancer.pick(endpoints, exchange)
    expect(draws).toBe(10)
  })

  test('follow the new weights as soon as the list is replaced', () => {
    const endpoints = endpointsOf(1, 100)
    const balancer = random({ random: seeded(2) })
    balancer.update?.(endpoints)
    for (const endpoint of endpoints) endpoint.weight = 101 - endpoint.weight
    balancer.update?.([...endpoints])
    expect(share(balancer, [...endpoints], 10_000)[0]).toBeCloseTo(100 / 101, 2)
  })

  test('go to the only endpoint there is, and an empty list in between is no harm', () => {
    const endpoints = endpointsOf(7)
    const balancer = random()
    balancer.update?.([])
    expect(balancer.pick(endpoints, exchange)).toBe(endpoints[0])
  })
})
