// What stands in a guest's memory, read as texts.
import { expect, test } from 'vitest'
import { seeded } from '../meter/structured.test.kit.ts'
import { GuestMemory, OutOfMemory } from './guest-memory.ts'

test('names are those that stand there, in lower case, whichever were read before', () => {
  const random = seeded(7)
  const wasm = new WebAssembly.Memory({ initial: 1, maximum: 8 })
  const memory = new GuestMemory(wasm)
  for (let round = 0; round < 20_000; round++) {
    // Few letters, and the same beginnings and ends: many of them fall into one place.
    const middle = Array.from({ length: Math.floor(random() * 70) }, () => (random() < 0.5 ? 'a' : 'B')).join('')
    const name = random() < 0.2 ? middle : `X-${middle}-id`
    const at = Math.floor(random() * 1_000)
    memory.setLatin1(at, name)
    expect(memory.name(at, name.length)).toBe(name.toLowerCase())
    if (round % 4_000 !== 3_999) continue
    wasm.grow(1)
    memory.look()
  }
})

test('texts of any length and all bytes are written and read as they are', () => {
  const memory = new GuestMemory(new WebAssembly.Memory({ initial: 1 }))
  const random = seeded(11)
  for (let round = 0; round < 5_000; round++) {
    const text = Array.from({ length: Math.floor(random() * 80) }, () => String.fromCharCode(Math.floor(random() * 256))).join('')
    const at = Math.floor(random() * 1_000)
    memory.setLatin1(at, text)
    expect(memory.latin1(at, text.length)).toBe(text)
  }
  expect(() => memory.latin1(65_530, 7)).toThrow(OutOfMemory)
  expect(() => memory.name(65_533, 4)).toThrow(OutOfMemory)
})

test('the size follows the memory as it grows', () => {
  const wasm = new WebAssembly.Memory({ initial: 1, maximum: 8 })
  const memory = new GuestMemory(wasm)
  expect(memory.size).toBe(65_536)
  wasm.grow(2)
  expect(memory.size).toBe(3 * 65_536)
})
