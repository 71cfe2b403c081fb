// Where the next read goes.
import { expect, test } from 'vitest'
import { ReadMemory } from './read-memory.ts'

const sizeOf = (memory: Buffer | undefined): number => memory?.byteLength ?? 0

function begun(): { memory: ReadMemory; bytes: Buffer } {
  const memory = new ReadMemory()
  return { memory, bytes: memory.next(true, false) as Buffer }
}

test.each([
  ['to the same place while nobody needs what lies there', false, false, false, 0],
  ['to the same place when what is needed will not be needed any more by then', true, false, true, 0],
  ['elsewhere while somebody needs what lies there', true, false, false, 65_536],
  ['elsewhere when the response is over and its end is needed, also where reading was stopped', true, true, true, 65_536],
])('a read goes %s', (_name, needed, idle, stopped, expected) => {
  const { memory, bytes } = begun()
  memory.was(bytes, 100, needed)
  expect(sizeOf(memory.next(idle, stopped))).toBe(expected)
})

test('a response that fills its memory is given more, until it is over', () => {
  const { memory, bytes } = begun()
  memory.was(bytes, 65_536, false)
  const long = memory.next(false, false) as Buffer
  expect(long.byteLength).toBe(262_144)
  for (const length of [262_144, 100]) {
    memory.was(long, length, false)
    expect(memory.next(false, false)).toBeUndefined()
  }
  expect(sizeOf(memory.next(true, false))).toBe(65_536)
})

test('every socket that is made gets memory, also when the one before was never read from', () => {
  const { memory } = begun()
  expect(sizeOf(memory.next(false, true))).toBe(65_536)
})
