// Each service gets its share, and one without a weight gets nothing.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileSplit } from './split.ts'

describe('a split', () => {
  it('of one service never asks for a random number', () => {
    const never = (): number => expect.unreachable('asked for a random number')
    expect(compileSplit('users')(never)).toBe('users')
    expect(compileSplit([{ service: 'a', weight: 0 }, { service: 'users' }])(never)).toBe('users')
  })

  it('gives each service the part of the unit interval that its weight says', () => {
    const split = compileSplit([{ service: 'a', weight: 90 }, { service: 'b', weight: 10 }])
    expect([0, 0.5, 0.8999, 0.9, 0.95, 0.9999].map((point) => split(() => point))).toEqual(['a', 'a', 'a', 'b', 'b', 'b'])
  })

  it('counts a missing weight as 1', () => {
    const split = compileSplit([{ service: 'a' }, { service: 'b' }, { service: 'c', weight: 2 }])
    expect([0, 0.25, 0.5, 0.75].map((point) => split(() => point))).toEqual(['a', 'b', 'c', 'c'])
  })

  it('gives the shares exactly over evenly spread points, and nothing to weight 0', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 12 }).filter((weights) => weights.some((weight) => weight > 0)), (weights) => {
        const split = compileSplit(weights.map((weight, i) => ({ service: `s${i}`, weight })))
        const sum = weights.reduce((a, b) => a + b)
        const counts = weights.map(() => 0)
        // The middle of each of `sum` equal parts, so that rounding at the bounds plays no role.
        for (let part = 0; part < sum; part++) {
          const place = Number(split(() => (part + 0.5) / sum).slice(1))
          counts[place] = (counts[place] as number) + 1
        }
        expect(counts).toEqual(weights)
      }),
    )
  })

  it('answers a service even to a random number out of range', () => {
    const split = compileSplit([{ service: 'a' }, { service: 'b' }])
    expect([1, 2, -1, Number.NaN].map((point) => split(() => point))).toEqual(['b', 'b', 'a', 'b'])
  })

  it.each<[Parameters<typeof compileSplit>[0], string]>([
    [[], 'to: no service'], [[{ service: 'a', weight: 0 }], 'to: no service'], [[{ service: 'a', weight: -1 }], 'to[0].weight:'], [[{ service: 'a' }, { service: 'b', weight: 1.5 }], 'to[1].weight:'],
    [[{ service: 'a', weight: 1_000_001 }], 'to[0].weight:'], [[{ service: 'a', weight: Number.NaN }], 'to[0].weight:'], [[{ service: 'a', weight: '1' as never }], 'to[0].weight:'], [[{ service: '' }], 'to[0].service:'], ['', 'to[0].service:'], [{} as never, 'to: '],
  ])('of %j is refused', (to, detail) => {
    expect(() => compileSplit(to)).toThrow(expect.objectContaining({ code: 'MESH_BAD_ROUTE', message: expect.stringContaining(detail) as string }))
  })
})
