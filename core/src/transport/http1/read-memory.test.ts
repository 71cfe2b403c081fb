// Where the next read goes.
import { describe, expect, test } from 'vitest'
import { ReadMemory } from './read-memory.ts'

const usual = 73_728
const long = 262_144

function begun(): { memory: ReadMemory; bytes: Buffer } {
  const memory = new ReadMemory()
  return { memory, bytes: memory.next(true, false) as Buffer }
}

/** Reads as a long response does until there is memory for it. */
function lengthen(memory: ReadMemory, bytes: Buffer): Buffer {
  for (let reads = 1; reads < 4; reads++) {
    memory.was(bytes, usual, false)
    expect(memory.next(false, false)).toBeUndefined()
  }
  memory.was(bytes, usual, false)
  return memory.next(false, false) as Buffer
}

test.each([
  ['to the same place while nobody needs what lies there', false, false, false, undefined],
  ['to the same place when what is needed will not be needed any more by then', true, false, true, undefined],
  ['elsewhere while somebody needs what lies there', true, false, false, usual],
  ['to the same place when the response is over and nobody needs its end', false, true, false, undefined],
  ['elsewhere when the response is over and its end is needed, also where reading was stopped', true, true, true, usual],
])('a read goes %s', (_name, needed, idle, stopped, expected) => {
  const { memory, bytes } = begun()
  memory.was(bytes, 100, needed)
  const next = memory.next(idle, stopped)
  expect(next?.byteLength).toBe(expected)
  expect(next).not.toBe(bytes)
})

describe('a long response', () => {
  test('is given more until it is over, and the connection has its own memory again then', () => {
    const { memory, bytes } = begun()
    const more = lengthen(memory, bytes)
    expect(more.byteLength).toBe(long)
    for (const length of [long, 100]) {
      memory.was(more, length, false)
      expect(memory.next(false, false)).toBeUndefined()
    }
    expect(memory.next(true, false)).toBe(bytes)
  })

  test('leaves what it was given to the next one', () => {
    const one = begun()
    const more = lengthen(one.memory, one.bytes)
    one.memory.was(more, 100, false)
    one.memory.next(true, false)
    const other = begun()
    expect(lengthen(other.memory, other.bytes)).toBe(more)
  })

  test('leaves it to nobody while its end is needed', () => {
    const one = begun()
    const more = lengthen(one.memory, one.bytes)
    one.memory.was(more, 100, true)
    expect(one.memory.next(true, true)).toBe(one.bytes)
    const other = begun()
    expect(lengthen(other.memory, other.bytes)).not.toBe(more)
  })

  test('stays where it is while what was read last is needed and reading is stopped', () => {
    const { memory, bytes } = begun()
    for (let reads = 0; reads < 4; reads++) memory.was(bytes, usual, true)
    expect(memory.next(false, true)).toBeUndefined()
  })
})

test('every socket that is made gets memory, also when the one before was never read from', () => {
  const { memory, bytes } = begun()
  const next = memory.next(false, true)
  expect(next?.byteLength).toBe(usual)
  expect(next).not.toBe(bytes)
})
