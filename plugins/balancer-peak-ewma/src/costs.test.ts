// The cost: up at once, down with time, and what is known of whom when the list changes.
import { Endpoint } from '@meshwright/core'
import { describe, expect, test } from 'vitest'
import { Costs } from './costs.ts'

function endpointsOf(count: number): Endpoint[] {
  return Array.from({ length: count }, (_, i) => new Endpoint({ id: String(i), host: '127.0.0.1', port: 9000 + i }))
}

/** Costs of idle endpoints, at time 0. */
function costsOf(endpoints: readonly Endpoint[]): Costs {
  const costs = new Costs({ decayMs: 10_000, defaultRttMs: 30, penaltyMs: 5_000 })
  costs.replace(endpoints, 0)
  return costs
}

describe('a cost', () => {
  test('is the default while nothing is known of anybody', () => {
    expect(costsOf(endpointsOf(2)).read(1, 0, 0)).toBe(30)
  })

  test('jumps up at once', () => {
    const costs = costsOf(endpointsOf(1))
    costs.learn(0, 100, 0)
    expect(costs.read(0, 0, 0)).toBe(100)
  })

  test('comes down by exp(-Δt / decay), with reads as with answers', () => {
    const costs = costsOf(endpointsOf(1))
    costs.learn(0, 100, 0)
    expect(costs.read(0, 0, 10_000)).toBeCloseTo(36.787944, 6)
    costs.learn(0, 20, 20_000)
    expect(costs.read(0, 0, 20_000)).toBeCloseTo(100 * Math.exp(-2) + 20 * (1 - Math.exp(-1)), 9)
    costs.learn(0, 80, 20_000)
    expect(costs.read(0, 0, 20_000)).toBe(80)
  })

  test('does not change by a faster answer at the same time', () => {
    const costs = costsOf(endpointsOf(1))
    costs.learn(0, 100, 5)
    costs.learn(0, 1, 5)
    expect(costs.read(0, 0, 5)).toBe(100)
  })

  test('is never nothing, however long nobody came', () => {
    expect(costsOf(endpointsOf(1)).read(0, 0, 1e9)).toBe(0.01)
  })

  test('that is held comes down only after that; a higher one still counts', () => {
    const costs = costsOf(endpointsOf(1))
    costs.learn(0, 5_000, 0)
    costs.hold(0, 60_000)
    expect(costs.read(0, 0, 60_000)).toBe(5_000)
    costs.learn(0, 6_000, 30_000)
    expect(costs.read(0, 0, 70_000)).toBeCloseTo(6_000 / Math.E, 6)
  })

  test('that is held is not let go earlier by a shorter hold', () => {
    const costs = costsOf(endpointsOf(1))
    costs.hold(0, 60_000)
    costs.hold(0, 1_000)
    expect(costs.read(0, 0, 60_000)).toBe(30)
  })
})

describe('an endpoint that has not answered yet', () => {
  test('costs the penalty while an attempt is under way', () => {
    const costs = costsOf(endpointsOf(1))
    expect([costs.read(0, 0, 0), costs.read(0, 1, 0)]).toEqual([30, 5_000])
    costs.learn(0, 10, 0)
    expect(costs.read(0, 1, 0)).toBe(30)
  })

  test('has answered with its first response head, though the attempt goes on', () => {
    const endpoints = endpointsOf(1)
    const costs = costsOf(endpoints)
    Object.assign(endpoints[0] as Endpoint, { lastLatencyMs: 12 })
    expect(costs.read(0, 1, 0)).toBe(30)
  })
})

describe('when the list is replaced', () => {
  test('endpoints that stay keep their cost at another place, newcomers get the mean', () => {
    const [a, b, c] = endpointsOf(3) as [Endpoint, Endpoint, Endpoint]
    const costs = costsOf([a, b])
    costs.learn(0, 100, 0)
    costs.learn(1, 50, 0)
    costs.replace([c, b, a], 0)
    expect([0, 1, 2].map((at) => costs.read(at, 0, 0))).toEqual([75, 50, 100])
    expect([a, b, c].map((endpoint) => costs.placeOf(endpoint))).toEqual([2, 1, 0])
  })

  test('an endpoint that returns starts like a newcomer, whatever it cost before', () => {
    const [a, b] = endpointsOf(2) as [Endpoint, Endpoint]
    const costs = costsOf([a, b])
    costs.learn(0, 4_000, 0)
    costs.learn(1, 40, 0)
    costs.replace([b], 0)
    expect(costs.placeOf(a)).toBeUndefined()
    costs.replace([a, b], 0)
    expect([costs.read(0, 0, 0), costs.read(0, 1, 0)]).toEqual([40, 5_000])
  })

  test('the mean leaves out those that a penalty has driven up, unless there are no others', () => {
    const costs = costsOf(endpointsOf(3))
    costs.learn(0, 5_010, 0)
    costs.learn(1, 40, 0)
    expect(costs.mean(0)).toBe(35)
    costs.learn(1, 5_040, 0)
    costs.learn(2, 5_010, 0)
    expect(costs.mean(0)).toBe(5_020)
  })

  test('nothing is kept of those that left', () => {
    const costs = costsOf(endpointsOf(5))
    costs.replace([], 0)
    expect(costs.mean(0)).toBe(30)
  })
})
