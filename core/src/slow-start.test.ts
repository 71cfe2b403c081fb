// Slow start: the vectors of its formula.
import { describe, expect, test } from 'vitest'
import { Endpoint } from './endpoint.ts'
import { slowStartFactor, weigh } from './slow-start.ts'

describe('the part of its weight that an endpoint has', () => {
  test.each([
    [1, [0.1, 0.1, 0.25, 0.5, 0.75, 1]],
    [2, [0.1, 0.316, 0.5, Math.SQRT1_2, 0.866, 1]],
  ])('with an aggression of %d grows as %j', (aggression, factors) => {
    const ages = [0, 0.1, 0.25, 0.5, 0.75, 1]
    ages.forEach((age, at) => expect(slowStartFactor(age, { aggression })).toBeCloseTo(factors[at] as number, 3))
  })

  test('begins where it is told to, and stays whole afterwards', () => {
    expect([slowStartFactor(0, { minWeightPercent: 30 }), slowStartFactor(7)]).toEqual([0.3, 1])
  })
})

describe('weighing', () => {
  const spec = { host: 'a', port: 80, weight: 8 }

  test('lets one grow that has become fit, and leaves one alone that always was', () => {
    const [fresh, old] = [new Endpoint(spec), new Endpoint(spec)]
    fresh.fitSinceMs = 1000
    expect([weigh([fresh, old], { windowMs: 100 }, 1050), fresh.weight, old.weight]).toEqual([true, 4, 8])
    expect([weigh([fresh, old], { windowMs: 100 }, 1100), fresh.weight, old.weight]).toEqual([false, 8, 8])
  })

  test('gives the full weight where nothing starts slowly', () => {
    const endpoint = new Endpoint(spec)
    Object.assign(endpoint, { fitSinceMs: 1000, weight: 1 })
    expect([weigh([endpoint], undefined, 1001), endpoint.weight]).toEqual([false, 8])
  })
})
