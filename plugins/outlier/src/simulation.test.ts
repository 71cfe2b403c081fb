// What the detector does to the requests of a service over ten minutes.
import { describe, expect, test } from 'vitest'
import { Played } from './played.test.kit.ts'

/** The same numbers in every run: a linear congruential generator. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

describe('in a simulation', () => {
  /** An attempt every 10 ms, in turn at those that do not rest; answers the share of failures the clients saw, and how often each rested. */
  function simulate(size: number, failing: readonly number[], forMs: number, seed: number): { failed: number; rests: number[] } {
    const random = seeded(seed)
    const service = new Played(size)
    let failed = 0
    let attempts = 0
    for (let next = 0; service.nowMs < forMs; next = (next + 1) % size) {
      const endpoint = service.at(next)
      if (endpoint.restingUntilMs !== 0) continue
      const fails = random() < (failing[next] ?? 0)
      service.end(next, fails ? 500 : 200)
      attempts++
      if (fails) failed++
      service.pass(10)
    }
    return { failed: failed / attempts, rests: service.endpoints.map(({ rests }) => rests) }
  }

  test.each([1, 2, 3])('an endpoint that always fails hardly matters (seed %i)', (seed) => {
    const { failed, rests } = simulate(10, [1], 600_000, seed)
    expect(failed).toBeLessThan(0.001)
    expect(rests[0]).toBeGreaterThan(3)
    expect(rests.slice(1)).toEqual(Array(9).fill(0))
  })

  test.each([1, 2, 3])('an endpoint that fails half of the time is found by the statistics, as it seldom fails five times in a row (seed %i)', (seed) => {
    const { failed } = simulate(10, [0.5], 600_000, seed)
    expect(failed).toBeLessThan(0.02)
  })

  test.each([1, 2, 3])('hardly anybody rests when one in a hundred fails everywhere (seed %i)', (seed) => {
    expect(simulate(5, Array(5).fill(0.01) as number[], 300_000, seed).rests.reduce((a, b) => a + b)).toBeLessThan(3)
  })
})
