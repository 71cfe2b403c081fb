// The hash: published vectors, and texts that look alike.
import { expect, test } from 'vitest'
import { finish, fnv1a, placeOf } from './hash.ts'

test.each([
  ['', 0x811c9dc5],
  ['a', 0xe40c292c],
  ['b', 0xe70c2de5],
  ['foobar', 0xbf9cf968],
  ['chongo was here!\n', 0xd49930d5],
])('FNV-1a of %j is that of its authors', (text, hash) => {
  expect(fnv1a(text) >>> 0).toBe(hash)
})

test('a text may be hashed in pieces', () => {
  expect(fnv1a('bar', fnv1a('foo'))).toBe(fnv1a('foobar'))
})

// MurmurHash3 of an empty text is the finaliser of its seed.
test.each([
  [0, 0],
  [1, 0x514e28b7],
  [0xffffffff, 0x81f16f39],
])('the finaliser turns %i into %i', (hash, finished) => {
  expect(finish(hash) >>> 0).toBe(finished)
})

test('texts that differ in one digit are spread over all places', () => {
  const counts = new Uint32Array(97)
  for (let i = 0; i < 97_000; i++) {
    const place = placeOf(fnv1a(`user-${i}`), 97)
    counts[place] = (counts[place] as number) + 1
  }
  expect(Math.min(...counts)).toBeGreaterThan(850)
  expect(Math.max(...counts)).toBeLessThan(1150)
})
