// 64 bits of a key, under a secret: who does not know it cannot find two keys that count as one.

/**
 * HalfSipHash-1-3 over the key's UTF-16 code units, two to a word; each text ends with a word that has its length.
 * `start`, any number of texts and words, `finish`; then `high` and `low` are the hash, 32 bits each, signed, until the next
 * `start`. Allocates nothing, and may be used again and again.
 * @source Aumasson and Bernstein, SipHash: a fast short-input PRF; HalfSipHash is its variant of 32-bit words
 */
export class KeyHash {
  high = 0
  low = 0
  readonly #k0: number
  readonly #k1: number
  #v0 = 0
  #v1 = 0
  #v2 = 0
  #v3 = 0

  /** @param k0 and k1: the secret, 32 bits each: random, the same for all that compare hashes, and told to nobody */
  constructor(k0: number, k1: number) {
    this.#k0 = k0 | 0
    this.#k1 = k1 | 0
  }

  /** Forgets what was hashed before. */
  start(): void {
    this.#v0 = this.#k0
    this.#v1 = this.#k1 ^ 0xee
    this.#v2 = this.#k0 ^ 0x6c796765
    this.#v3 = this.#k1 ^ 0x74656462
  }

  /** 32 bits, for what is no text. */
  word(word: number): void {
    this.#v3 ^= word
    this.#round()
    this.#v0 ^= word
  }

  /** @param most characters, even: of a longer text the first and the last half as many count, and its length; default: all of it counts */
  text(text: string, most: number = Infinity): void {
    const { length } = text
    if (length <= most) {
      this.#units(text, 0, length)
    } else {
      this.#units(text, 0, most / 2)
      this.#units(text, length - most / 2, length)
    }
    this.word(length | endOfText)
  }

  /** The hash is in `high` and `low`. */
  finish(): void {
    this.#v2 ^= 0xee
    for (let i = 0; i < 3; i++) this.#round()
    this.high = this.#v1 ^ this.#v3
    this.#v1 ^= 0xdd
    for (let i = 0; i < 3; i++) this.#round()
    this.low = this.#v1 ^ this.#v3
  }

  #units(text: string, from: number, to: number): void {
    // hot: the state in locals, 4 ns per character (bench of the plugin rate-limit)
    let v0 = this.#v0
    let v1 = this.#v1
    let v2 = this.#v2
    let v3 = this.#v3
    for (let i = from; i < to; i += 2) {
      const word = text.charCodeAt(i) | (i + 1 < to ? text.charCodeAt(i + 1) << 16 : 0)
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
    this.#v0 = v0
    this.#v1 = v1
    this.#v2 = v2
    this.#v3 = v3
  }

  #round(): void {
    this.#v0 = (this.#v0 + this.#v1) | 0
    this.#v1 = ((this.#v1 << 5) | (this.#v1 >>> 27)) ^ this.#v0
    this.#v0 = (this.#v0 << 16) | (this.#v0 >>> 16)
    this.#v2 = (this.#v2 + this.#v3) | 0
    this.#v3 = ((this.#v3 << 8) | (this.#v3 >>> 24)) ^ this.#v2
    this.#v0 = (this.#v0 + this.#v3) | 0
    this.#v3 = ((this.#v3 << 7) | (this.#v3 >>> 25)) ^ this.#v0
    this.#v2 = (this.#v2 + this.#v1) | 0
    this.#v1 = ((this.#v1 << 13) | (this.#v1 >>> 19)) ^ this.#v2
    this.#v2 = (this.#v2 << 16) | (this.#v2 >>> 16)
  }
}

/** No text has so many units, so that this word is none of text. */
const endOfText = 1 << 30
