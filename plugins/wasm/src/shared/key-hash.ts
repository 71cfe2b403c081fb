// 64 bits of a key, under a secret: whoever chooses keys cannot choose many that are looked for in the same place.
import type { Buffer } from 'node:buffer'

/** The halves of a hash. */
export interface Hash {
  high: number
  low: number
}

/**
 * HalfSipHash-1-3. Allocates nothing.
 * @param bytes the key stands at the beginning, of `length`
 * @param into takes the hash; unsigned
 * @source Aumasson and Bernstein, SipHash: a fast short-input PRF; HalfSipHash is its variant of 32-bit words
 */
export function hashKey(k0: number, k1: number, bytes: Buffer, length: number, into: Hash): void {
  let v0 = k0 | 0
  let v1 = (k1 | 0) ^ 0xee
  let v2 = (k0 | 0) ^ 0x6c796765
  let v3 = (k1 | 0) ^ 0x74656462
  const words = length >>> 2
  // Whole words, one that has the rest and the length, and the rounds that finish either half.
  for (let i = 0; i < words + 7; i++) {
    const word = i < words ? bytes.readInt32LE(i * 4) : i === words ? lastWord(bytes, words * 4, length) : 0
    if (i === words + 1) v2 ^= 0xee
    if (i === words + 4) {
      into.high = (v1 ^ v3) >>> 0
      v1 ^= 0xdd
    }
    v3 ^= word
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= word
  }
  into.low = (v1 ^ v3) >>> 0
}

function lastWord(bytes: Buffer, from: number, length: number): number {
  let word = length << 24
  for (let i = from; i < length; i++) word |= (bytes[i] as number) << (8 * (i - from))
  return word
}
