// Options are checked against their schema, and the error says who wanted what.
import { Type } from 'typebox'
import { describe, expect, test } from 'vitest'
import { checkOptions } from './options.ts'

const schema = Type.Object(
  { windowMs: Type.Integer({ minimum: 1, default: 1000 }), paths: Type.Optional(Type.Array(Type.String())), stream: Type.Optional(Type.Unknown()) },
  { additionalProperties: false },
)

describe('options', () => {
  test('get the defaults of their schema, on a copy', () => {
    const given = { paths: ['/a'] }
    expect(checkOptions('x', schema, given)).toEqual({ paths: ['/a'], windowMs: 1000 })
    expect(given).toEqual({ paths: ['/a'] })
    expect(checkOptions('x', schema, undefined)).toEqual({ windowMs: 1000 })
  })

  test('without a schema are taken as they are', () => {
    const given = { anything: () => 1 }
    expect(checkOptions('x', undefined, given)).toBe(given)
    expect(checkOptions('x', undefined, undefined)).toEqual({})
  })

  test('that are wrong are told all at once, with the place of each', () => {
    const failing = (): unknown => checkOptions('plugin meshwright-x', schema, { windowMs: 0, paths: ['a', 7], window: 1 })
    expect(failing).toThrow(expect.objectContaining({ code: 'MESH_BAD_OPTIONS' }))
    expect(failing).toThrow(/^Options are not valid: plugin meshwright-x: /)
    for (const part of [/must NOT have additional properties "window"/, /windowMs must be >= 1/, /paths › 1 must be string/]) expect(failing).toThrow(part)
  })

  test.each(['text', 7, [], true])('that are no object are refused: %j', (given) => {
    expect(() => checkOptions('x', schema, given)).toThrow(expect.objectContaining({ code: 'MESH_BAD_OPTIONS' }))
  })

  test('may hold what cannot be copied: streams, functions, loggers', () => {
    const stream = { write: () => true }
    const taken = checkOptions<{ stream: unknown; windowMs: number }>('x', schema, { stream })
    expect([taken.stream === stream, taken.windowMs]).toEqual([true, 1000])
    expect(() => checkOptions('plugin x', schema, { stream, windowMs: 'a' })).toThrow('plugin x: windowMs must be integer')
  })

  test('that point to themselves are no trap', () => {
    const given: Record<string, unknown> = {}
    given['stream'] = given
    expect(checkOptions<{ windowMs: number }>('x', schema, given).windowMs).toBe(1000)
  })
})
