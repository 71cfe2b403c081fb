// The hash of keys: what makes two differ, how well it mixes, and what of a long text counts.
import { expect, test } from 'vitest'
import { KeyHash } from './key-hash.ts'

function hashOf([k0, k1]: readonly [number, number], ...texts: string[]): string {
  const hash = new KeyHash(k0, k1)
  hash.start()
  for (const text of texts) hash.text(text)
  hash.finish()
  return `${hash.high} ${hash.low}`
}

test('differs by secret, text, order and where texts end', () => {
  const hashes = [
    ...([[1, 2], [1, 3], [0, 2]] as const).map((secret) => hashOf(secret, 'a')),
    ...[['b'], ['ab', 'c'], ['a', 'bc'], ['c', 'ab'], ['a', ''], [], ['a\0']].map((texts) => hashOf([1, 2], ...texts)),
  ]
  expect(new Set(hashes).size).toBe(10)
})

test('is the same whenever it is asked for, whatever was hashed before', () => {
  const hash = new KeyHash(1, 2)
  const all = ['a', 'something else', 'a'].map((text) => {
    hash.start()
    hash.text(text)
    hash.finish()
    return `${hash.high} ${hash.low}`
  })
  expect(all[2]).toBe(all[0])
  expect(all[0]).toBe(hashOf([1, 2], 'a'))
})

test('takes only the ends of a text that is longer than asked for, and its length', () => {
  const clipped = (text: string): string => {
    const hash = new KeyHash(1, 2)
    hash.start()
    hash.text(text, 8)
    hash.finish()
    return `${hash.high} ${hash.low}`
  }
  expect(clipped('12345678')).toBe(hashOf([1, 2], '12345678'))
  expect(clipped('1234-5678')).toBe(clipped('1234+5678'))
  for (const other of ['1234--5678', '123-5678', '1234-567-', '-234-5678']) expect(clipped(other)).not.toBe(clipped('1234-5678'))
  expect(hashOf([1, 2], `${'x'.repeat(5000)}-${'x'.repeat(5000)}`)).not.toBe(hashOf([1, 2], `${'x'.repeat(5000)}+${'x'.repeat(5000)}`))
})

test('changes half of its bits with any bit of the text', () => {
  const hash = new KeyHash(123, 456)
  const halves = (text: string): readonly [number, number] => {
    hash.start()
    hash.text(text)
    hash.finish()
    return [hash.high, hash.low]
  }
  let changed = 0
  let texts = 0
  for (let length = 1; length <= 16; length++) {
    for (let bit = 0; bit < length * 8; bit++) {
      const text = Array.from({ length }, (_, i) => String.fromCharCode((i * 37 + length * 11) & 255)).join('')
      const at = bit >> 3
      const other = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << (bit & 7))) + text.slice(at + 1)
      const [[a, b], [c, d]] = [halves(text), halves(other)]
      changed += ones(a ^ c) + ones(b ^ d)
      texts++
    }
  }
  expect(changed / texts / 64).toBeCloseTo(0.5, 2)
})

function ones(word: number): number {
  let count = 0
  for (let left = word >>> 0; left !== 0; left &= left - 1) count++
  return count
}
