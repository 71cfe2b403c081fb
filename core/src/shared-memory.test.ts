// Memory by name: who gets the same, how long it lasts, and how much of it there is.
import { describe, expect, test } from 'vitest'
import { Registry, type AnswerContext } from './registry.ts'
import { SharedBlocks } from './shared-memory.ts'
import { ToldMemory } from './worker/told-memory.ts'

/** Takes a configuration that asks for these names into force, or not. */
function configure(memory: SharedBlocks, names: readonly string[], isInForce = true): SharedArrayBuffer[] {
  memory.begin()
  const buffers = names.map((name) => memory.take(name, 8, false))
  memory.end(isInForce)
  return buffers
}

describe('memory', () => {
  test('is zeroes at first, the same for the same name, and other memory for another name or size', () => {
    const memory = new SharedBlocks()
    const first = memory.take('a', 8, false)
    expect([...new Uint8Array(first)]).toEqual(Array.from({ length: 8 }, () => 0))
    expect(memory.take('a', 8, false)).toBe(first)
    expect(memory.take('b', 8, false)).not.toBe(first)
    expect(memory.take('a', 16, false).byteLength).toBe(16)
  })

  test('lasts as long as every configuration asks for it', () => {
    const memory = new SharedBlocks()
    const [first] = configure(memory, ['a'])
    expect(configure(memory, ['a', 'b'])[0]).toBe(first)
    configure(memory, ['b'])
    expect(configure(memory, ['a'])[0]).not.toBe(first)
  })

  test('of a configuration that is refused is forgotten, and what is in force keeps its own', () => {
    const memory = new SharedBlocks()
    const [a] = configure(memory, ['a'])
    configure(memory, ['b'], false)
    expect([...memory.all.keys()]).toEqual(['8 a'])
    expect(configure(memory, ['a'])[0]).toBe(a)
  })

  test('of what outlives configurations is never forgotten', () => {
    const memory = new SharedBlocks()
    const first = memory.take('a', 8, true)
    configure(memory, ['a'])
    configure(memory, [])
    expect(memory.take('a', 8, false)).toBe(first)
  })

  test.each([
    ['x'.repeat(257), 8, 'MESH_BAD_OPTIONS'],
    ['a', 0, 'MESH_BAD_OPTIONS'],
    ['a', 1.5, 'MESH_BAD_OPTIONS'],
    ['a', 2 ** 28 + 1, 'MESH_SHARED_MEMORY_FULL'],
  ])('named %.3s… of %d bytes is refused', (name, bytes, code) => {
    expect(() => new SharedBlocks().take(name, bytes, false)).toThrow(expect.objectContaining({ code }))
  })

  test('is bounded in pieces and in bytes, and there is room again when some is forgotten', () => {
    const memory = new SharedBlocks()
    configure(memory, Array.from({ length: 1000 }, (_, i) => String(i)))
    memory.begin()
    expect(() => memory.take('one more', 8, false)).toThrow(expect.objectContaining({ code: 'MESH_SHARED_MEMORY_FULL' }))
    memory.end(true)
    expect(memory.take('half', 2 ** 27, false).byteLength).toBe(2 ** 27)
    expect(() => memory.take('more than half', 2 ** 27 + 1, false)).toThrow(/134217728 of 268435456/)
  })
})

describe('what an answer is handed', () => {
  test('is the same for answers of one kind and name, and other memory for others', () => {
    const registry = new Registry()
    const asked: SharedArrayBuffer[] = []
    const make = (_options: never, context: AnswerContext): { name: string } => {
      asked.push(context.shared('own', 8))
      return { name: 'made' }
    }
    registry.provide('filter', 'one', make)
    registry.provide('filter', 'two', make)
    for (const name of ['one', 'one', 'two']) registry.resolve('filter', name, {})
    expect(asked[0]).toBe(asked[1])
    expect(asked[0]).not.toBe(asked[2])
  })
})

describe('a thread', () => {
  test('has what the supervisor has told it of, until it is told to forget it', () => {
    const [memory, told] = [new SharedBlocks(), new ToldMemory()]
    memory.follow((key, buffer) => told.hear(key, buffer))
    const [a] = configure(memory, ['a'])
    expect(told.take('a', 8)).toBe(a)
    configure(memory, [])
    expect(() => told.take('a', 8)).toThrow(expect.objectContaining({ code: 'MESH_WORKER_FAILED' }))
  })
})
