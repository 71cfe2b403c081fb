// Whose turn it is: nginx's sequences, and what happens to them when the list changes.
import { Endpoint, type Balancer, type Exchange } from '@meshwright/core'
import { describe, expect, test } from 'vitest'
import { roundRobin } from './round-robin.ts'

function endpointsOf(weights: Readonly<Record<string, number>>): Endpoint[] {
  return Object.entries(weights).map(([id, weight], i) => new Endpoint({ id, host: '127.0.0.1', port: 9000 + i, weight }))
}

const fresh = { endpoint: undefined } as unknown as Exchange

function picks(balancer: Balancer, endpoints: readonly Endpoint[], count: number): string {
  return Array.from({ length: count }, () => balancer.pick(endpoints, fresh).id).join(' ')
}

describe('the order', () => {
  test.each([
    [{ a: 5, b: 1, c: 1 }, 'a a b a c a a a a b a c a a'],
    [{ a: 1, b: 2 }, 'b a b b a b'],
    [{ a: 4, b: 2, c: 1 }, 'a b a c a b a'],
    [{ a: 1, b: 1, c: 1 }, 'a b c a b c a'],
    [{ a: 7, b: 7 }, 'a b a b a b'],
    [{ a: 3 }, 'a a a'],
  ])('%j gives %s', (weights, order) => {
    const endpoints = endpointsOf(weights)
    const balancer = roundRobin()
    balancer.update?.(endpoints)
    expect(picks(balancer, endpoints, order.split(' ').length)).toBe(order)
  })

  test('each full turn gives every endpoint exactly its weight', () => {
    const weights = { a: 13, b: 1, c: 200, d: 86 }
    const endpoints = endpointsOf(weights)
    const balancer = roundRobin()
    for (let turn = 0; turn < 3; turn++) {
      const counts: Record<string, number> = {}
      for (const id of picks(balancer, endpoints, 300).split(' ')) counts[id] = (counts[id] ?? 0) + 1
      expect(counts).toEqual(weights)
    }
  })
})

describe('when the list is replaced', () => {
  test('the same endpoints in a new list go on where they were', () => {
    const endpoints = endpointsOf({ a: 5, b: 1, c: 1 })
    const balancer = roundRobin()
    const before = picks(balancer, endpoints, 3)
    balancer.update?.([...endpoints])
    expect(`${before} ${picks(balancer, [...endpoints], 4)}`).toBe('a a b a c a a')
  })

  test('equal endpoints go on behind the one that had the last turn', () => {
    const [a, b, c, d] = endpointsOf({ a: 1, b: 1, c: 1, d: 1 }) as [Endpoint, Endpoint, Endpoint, Endpoint]
    const balancer = roundRobin()
    expect(picks(balancer, [a, b, c], 2)).toBe('a b')
    expect(picks(balancer, [d, a, b, c], 2)).toBe('c d')
  })

  test('when the one that had the last turn leaves, the next one is not passed over', () => {
    const [a, b, c] = endpointsOf({ a: 1, b: 1, c: 1 }) as [Endpoint, Endpoint, Endpoint]
    const balancer = roundRobin()
    expect(picks(balancer, [a, b, c], 2)).toBe('a b')
    expect(picks(balancer, [a, c], 2)).toBe('c a')
  })

  test('an empty list in between is no harm', () => {
    const endpoints = endpointsOf({ a: 2, b: 1 })
    const balancer = roundRobin()
    balancer.update?.(endpoints)
    balancer.update?.([])
    balancer.update?.(endpoints)
    expect(picks(balancer, endpoints, 3)).toBe('a b a')
  })

  test('after any number of endpoints that come and go, a newcomer is neither starved nor flooded', () => {
    const stay = endpointsOf({ a: 50, b: 30 })
    const balancer = roundRobin()
    for (let round = 0; round < 500; round++) {
      const visitor = new Endpoint({ id: `v${round}`, host: '127.0.0.1', port: 1, weight: 1 + (round % 100) })
      picks(balancer, [...stay, visitor], 1 + (round % 7))
    }
    const newcomer = new Endpoint({ id: 'n', host: '127.0.0.1', port: 1, weight: 20 })
    const counts: Record<string, number> = {}
    for (const id of picks(balancer, [...stay, newcomer], 1000).split(' ')) counts[id] = (counts[id] ?? 0) + 1
    expect(counts['n']).toBeGreaterThan(190)
    expect(counts['n']).toBeLessThan(210)
  })

  test('an endpoint whose weight falls from a million to one is picked again within its turn', () => {
    const [a, b] = endpointsOf({ a: 1_000_000, b: 999_999 }) as [Endpoint, Endpoint]
    const balancer = roundRobin()
    picks(balancer, [a, b], 1)
    a.update({ host: a.host, port: a.port, weight: 1 })
    b.update({ host: b.host, port: b.port, weight: 2 })
    expect(picks(balancer, [a, b], 6).split(' ')).toContain('a')
  })
})

test('two priorities that are picked from in turn each keep their own turns', () => {
  const first = endpointsOf({ a: 5, b: 1, c: 1 })
  const second = ['x', 'y', 'z'].map((id) => new Endpoint({ id, host: '127.0.0.1', port: 80, priority: 1 }))
  const balancer = roundRobin()
  for (const list of [first, second]) balancer.update?.(list)
  const order = Array.from({ length: 7 }, () => picks(balancer, first, 1) + picks(balancer, second, 1))
  expect(order.join(' ')).toBe('ax ay bz ax cy az ax')
})
