// The names that plugins provide, and what becomes of an answer by value, by name, and by name with options.
import { Type } from 'typebox'
import { describe, expect, test } from 'vitest'
import type { Balancer, QuestionKind } from './questions.ts'
import { Registry, type AnswerContext } from './registry.ts'
import { inTurn } from './service.ts'

const schema = Type.Object({ seed: Type.Integer({ minimum: 1, default: 7 }) }, { additionalProperties: false })

/** A registry with one balancer, and what it was asked to make. */
function setup(): { registry: Registry; made: { options: unknown; context: AnswerContext }[] } {
  const registry = new Registry()
  const made: { options: unknown; context: AnswerContext }[] = []
  const make = (options: object, context: AnswerContext): Balancer => {
    made.push({ options, context })
    return inTurn()
  }
  registry.provide('balancer', 'mine', make, schema)
  return { registry, made }
}

describe('an answer', () => {
  test('by value is itself', () => {
    const balancer: Balancer = { pick: ([first]) => first as never }
    class Own implements Balancer {
      pick: Balancer['pick'] = ([first]) => first as never
    }
    const own = new Own()
    expect([setup().registry.resolve('balancer', balancer, {}), setup().registry.resolve('balancer', own, {})]).toEqual([balancer, own])
  })

  test('by name is made for each place that names it, with the schema\'s defaults', () => {
    const { registry, made } = setup()
    const first = registry.resolve('balancer', 'mine', { service: 'users' })
    expect(registry.resolve('balancer', 'mine', {})).not.toBe(first)
    expect(made).toMatchObject([{ options: { seed: 7 }, context: { service: 'users' } }, { options: { seed: 7 }, context: {} }])
  })

  test('by name with options hands them over; empty options are none', () => {
    const { registry, made } = setup()
    registry.resolve('balancer', { mine: { seed: 3 } }, {})
    registry.resolve('balancer', { mine: null }, {})
    expect(made.map(({ options }) => options)).toEqual([{ seed: 3 }, { seed: 7 }])
  })

  test('leaves the options it was given as they are', () => {
    const options = {}
    setup().registry.resolve('balancer', { mine: options }, {})
    expect(options).toEqual({})
  })

  test('with wrong options says whose they are, what is wrong, and all of it', () => {
    const failing = (): unknown => setup().registry.resolve('balancer', { mine: { seed: 0, sed: 1 } }, { service: 'users' })
    expect(failing).toThrow(expect.objectContaining({ code: 'MESH_BAD_OPTIONS' }))
    expect(failing).toThrow(/balancer "mine" of service "users": .*"sed".*; seed must be >= 1|balancer "mine" of service "users": seed must be >= 1; .*"sed"/)
  })

  test('by a name that nobody provides says which there are', () => {
    const failing = (): unknown => setup().registry.resolve('balancer', 'min', {})
    expect(failing).toThrow(expect.objectContaining({ code: 'MESH_UNKNOWN_NAME' }))
    expect(failing).toThrow('no plugin provides balancer "min"; known: mine')
    expect(() => new Registry().resolve('retry', 'x', {})).toThrow('known: none')
  })

  test('by a name of another kind is not found', () => {
    expect(() => setup().registry.resolve('filter', 'mine', {})).toThrow(expect.objectContaining({ code: 'MESH_UNKNOWN_NAME' }))
  })

  test.each([
    ['an error', new Error('no luck'), /balancer "bad" of service "users": no luck/],
    ['nothing', null, /balancer "bad" of service "users"/],
  ])('whose maker throws %s says whose it was', (_name, thrown, message) => {
    const { registry } = setup()
    registry.provide('balancer', 'bad', () => { throw thrown as Error })
    const failing = (): unknown => registry.resolve('balancer', 'bad', { service: 'users' })
    expect(failing).toThrow(expect.objectContaining({ code: 'MESH_BAD_OPTIONS' }))
    expect(failing).toThrow(message)
  })

  const broken: [QuestionKind, unknown][] = [
    ['balancer', {}], ['balancer', 7], ['balancer', { pick: 'a', update: 'b' }], ['discovery', { start() {} }], ['health', []],
    ['outlier', new Map()], ['admission', { admit: 1, ended: 2 }], ['retry', true], ['identity', {}], ['transport', { send: null, close: null }], ['filter', {}], ['filter', null],
  ]
  test.each(broken)('that is no %s is refused at boot: %j', (kind, value) => {
    expect(() => new Registry().resolve(kind, value as never, { service: 'users' })).toThrow(expect.objectContaining({ code: 'MESH_BAD_OPTIONS' }))
  })

  test('by name that is made without its method is refused at boot', () => {
    const { registry } = setup()
    registry.provide('balancer', 'empty', () => undefined as never)
    expect(() => registry.resolve('balancer', 'empty', { service: 'users' })).toThrow('balancer "empty" of service "users": has no method "pick"')
  })

  test('that is a filter needs a name and nothing else', () => {
    class Named {
      readonly name = 'named'
    }
    expect(new Registry().resolve('filter', new Named(), {})).toEqual({ name: 'named' })
  })
})

describe('names', () => {
  test('are provided once per kind', () => {
    const { registry } = setup()
    expect(() => registry.provide('balancer', 'mine', inTurn)).toThrow(expect.objectContaining({ code: 'MESH_DUPLICATE_NAME' }))
    expect(() => registry.provide('retry', 'mine', () => ({ next: () => undefined }))).not.toThrow()
  })

  test('are listed by kind, with the schemas of their options', () => {
    const { registry } = setup()
    registry.provide('retry', 'never', () => ({ next: () => undefined }))
    expect(registry.list('balancer')).toMatchObject([{ kind: 'balancer', name: 'mine', schema }])
    expect(registry.list().map(({ kind, name }) => `${kind}.${name}`)).toEqual(['balancer.mine', 'retry.never'])
  })

  test('like those of object properties are names like any other', () => {
    const { registry } = setup()
    expect(() => registry.resolve('balancer', 'constructor', {})).toThrow(expect.objectContaining({ code: 'MESH_UNKNOWN_NAME' }))
  })
})
