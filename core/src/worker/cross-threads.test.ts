// What a specification may hold where there are threads.
import { expect, test } from 'vitest'
import { checkPlain } from './cross-threads.ts'

test('plain data crosses', () => {
  expect(() => checkPlain({ a: [1, 'b', null, true, undefined, { c: Object.create(null) as object }] })).not.toThrow()
})

test.each([
  ['services.a.balancer', { services: { a: { balancer: new Map() } } }],
  ['filters.0.onEnd', { filters: [{ name: 'x', onEnd() {} }] }],
  ['x', { x: Symbol('s') }],
])('%s by value is refused by its place', (place, spec) => {
  expect(() => checkPlain(spec)).toThrow(`${place} is given by value`)
})

test('a specification that holds itself is refused', () => {
  const spec: Record<string, unknown> = {}
  spec['self'] = spec
  expect(() => checkPlain(spec)).toThrow('nested more than 200 deep')
})
