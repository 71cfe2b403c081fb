// What becomes of traffic with each balancer: shares by weight, a slow endpoint, an endpoint that returns. In virtual time.
import { leastRequest } from '@meshwright/balancer-least-request'
import { maglev } from '@meshwright/balancer-maglev'
import { peakEwma } from '@meshwright/balancer-peak-ewma'
import { random } from '@meshwright/balancer-random'
import { roundRobin } from '@meshwright/balancer-round-robin'
import type { Balancer, Endpoint } from '@meshwright/core'
import { describe, expect, test } from 'vitest'
import { Simulation, seeded } from './simulation.ts'

const balancers: Record<string, (simulation: Simulation) => Balancer> = {
  'round-robin': () => roundRobin(),
  random: () => random({ random: seeded(101) }),
  'least-request': () => leastRequest({ random: seeded(102) }),
  'peak-ewma': (simulation) => peakEwma({ random: seeded(103), now: () => simulation.nowMs }),
  maglev: () => maglev({ random: seeded(104) }),
}
const names = Object.keys(balancers)

function balance(simulation: Simulation, name: string, list: readonly Endpoint[]): void {
  simulation.balanceBy((balancers[name] as (typeof balancers)[string])(simulation), list)
}

/** How far a share may be from what the weight says, relative to it. */
const tolerances: Record<string, readonly [idle: number, busy: number]> = {
  'round-robin': [0.01, 0.01],
  random: [0.1, 0.1],
  // Load takes off a weight, and who has more weight has more load.
  'least-request': [0.2, 0.6],
  // Who is asked less is caught less often at being slow.
  'peak-ewma': [0.5, 0.25],
  maglev: [0.1, 0.1],
}

test.each(names)('%s: shares follow weights, with and without load', (name) => {
  ;[20, 400].forEach((perSecond, at) => {
    const simulation = new Simulation(1)
    const list = [1, 2, 5].map((weight) => simulation.endpoint({ weight }, { meanMs: 20, atATime: 2 * weight }))
    balance(simulation, name, list)
    simulation.run(8_000_000 / perSecond, perSecond)
    const offs = list.map((endpoint) => (simulation.share(endpoint) * 8) / endpoint.weight - 1)
    for (const off of offs) expect(Math.abs(off)).toBeLessThan(tolerances[name]?.[at] as number)
  })
})

describe('an endpoint that returns', () => {
  /** Its share, and the most attempts under way, in the first second after it has come back to ten others. */
  function afterReturn(name: string, meanMs: number, seed: number): { share: number; most: number } {
    const simulation = new Simulation(seed)
    const list = Array.from({ length: 10 }, () => simulation.endpoint({}, { meanMs: 20, atATime: 4 }))
    const returning = simulation.endpoint({}, { meanMs, atATime: 4 })
    balance(simulation, name, [...list, returning])
    simulation.run(5_000, 800)
    simulation.list(list)
    simulation.run(5_000, 800)
    const returnedMs = simulation.nowMs
    simulation.list([...list, returning])
    let most = 0
    for (let step = 0; step < 200; step++) {
      simulation.run(5, 800)
      most = Math.max(most, returning.inFlight)
    }
    return { share: simulation.share(returning, returnedMs), most }
  }

  test.each(names)('%s: gets its share of the traffic at once, no more than twice of it at most', (name) => {
    for (const meanMs of [2, 20]) {
      const { share, most } = afterReturn(name, meanMs, 2)
      expect(share).toBeGreaterThan(0.5 / 11)
      expect(share).toBeLessThan(2 / 11)
      expect(most).toBeLessThan(12)
    }
  })

  test.each(['least-request', 'peak-ewma'])('%s: is not flooded while its cache is cold and it is ten times slower', (name) => {
    const { share, most } = afterReturn(name, 200, 3)
    expect(share).toBeLessThan(1 / 11)
    expect(most).toBeLessThan(12)
  })
})

describe('one endpoint in ten is ten times slower', () => {
  function p99(name: string, seed: number): number {
    const simulation = new Simulation(seed)
    const list = Array.from({ length: 10 }, (_, i) => simulation.endpoint({}, { meanMs: i === 3 ? 200 : 20, atATime: 20 }))
    balance(simulation, name, list)
    simulation.run(60_000, 300)
    return simulation.quantile(0.99, 1_000)
  }

  test.each([3, 4, 5])('with peak-ewma the slowest hundredth waits at most a third as long as with round-robin, and less than with least-request; seed %i', (seed) => {
    const waits = Object.fromEntries(['round-robin', 'least-request', 'peak-ewma'].map((name) => [name, p99(name, seed)])) as Record<'round-robin' | 'least-request' | 'peak-ewma', number>
    expect(waits['peak-ewma'] / waits['round-robin']).toBeLessThanOrEqual(1 / 3)
    expect(waits['peak-ewma']).toBeLessThan(waits['least-request'])
  })
})

test('an endpoint that becomes slow loses its traffic with peak-ewma, and has it back soon after it is well again', () => {
  const simulation = new Simulation(6)
  const works = Array.from({ length: 5 }, () => ({ meanMs: 20, atATime: 20 }))
  const list = works.map((work) => simulation.endpoint({}, work))
  const [changing] = list as [Endpoint]
  const work = works[0] as (typeof works)[number]
  balance(simulation, 'peak-ewma', list)
  simulation.run(10_000, 200)
  const shares = [simulation.share(changing)]
  for (const [meanMs, forMs] of [[400, 20_000], [20, 40_000], [20, 20_000]] as const) {
    work.meanMs = meanMs
    const sinceMs = simulation.nowMs
    simulation.run(forMs, 200)
    shares.push(simulation.share(changing, sinceMs))
  }
  const [before, slow, , after] = shares as [number, number, number, number]
  expect(before).toBeCloseTo(0.2, 1)
  expect(slow).toBeLessThan(0.03)
  expect(after).toBeGreaterThan(0.12)
})
