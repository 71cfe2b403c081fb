// Spill-over and panic: the vectors that Envoy documents, and that shares always add up.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadsOf, panicsOf, type Headcount } from './priority.ts'

function percent(...fits: readonly number[]): Headcount[] {
  return fits.map((fit) => ({ fit, total: 100 }))
}

describe('the traffic of a priority', () => {
  test.each([
    [[100, 100], [100, 0]],
    [[72, 100], [100, 0]],
    [[71, 100], [99, 1]],
    [[50, 100], [70, 30]],
    [[25, 100], [35, 65]],
    [[0, 100], [0, 100]],
    [[25, 25], [50, 50]],
    [[25, 25, 20], [37, 35, 28]],
    [[100], [100]],
    [[1], [100]],
  ])('with %j percent fit is %j percent', (fits, loads) => {
    expect(loadsOf(percent(...fits))).toEqual(loads)
  })

  test('follows the numbers of endpoints when none of them is fit', () => {
    expect(loadsOf([{ fit: 0, total: 3 }, { fit: 0, total: 1 }])).toEqual([75, 25])
    expect(loadsOf([{ fit: 0, total: 0 }, { fit: 0, total: 3 }, { fit: 0, total: 3 }])).toEqual([0, 50, 50])
  })

  test('is nothing where there is nobody', () => {
    expect([loadsOf([]), loadsOf([{ fit: 0, total: 0 }])]).toEqual([[], [0]])
  })

  test('adds up to 100, whatever is fit', () => {
    const headcount = fc.nat(40).chain((total) => fc.record({ fit: fc.nat(total), total: fc.constant(total) }))
    fc.assert(
      fc.property(fc.array(headcount, { minLength: 1, maxLength: 5 }), (priorities) => {
        const loads = loadsOf(priorities)
        const anybody = priorities.some(({ total }) => total > 0)
        expect(loads.reduce((sum, load) => sum + load, 0)).toBe(anybody ? 100 : 0)
        expect(loads.every((load) => load >= 0)).toBe(true)
      }),
    )
  })
})

describe('a priority', () => {
  test.each([
    ['is in panic below the threshold', [49], 50, [true]],
    ['is not in panic at the threshold', [50], 50, [false]],
    ['is not in panic while another one carries the traffic', [0, 100], 50, [false, false]],
    ['is in panic by itself, not with the others', [10, 55], 50, [true, false]],
    ['is never in panic at a threshold of 0', [0], 0, [false]],
    ['without a fit endpoint is in panic at any other threshold', [0], 1, [true]],
  ])('%s', (_name, fits, threshold, panics) => {
    expect(panicsOf(percent(...fits), threshold)).toEqual(panics)
  })

  test('without any endpoint is never in panic', () => {
    expect(panicsOf([{ fit: 0, total: 0 }], 50)).toEqual([false])
  })
})
