// Words of 64 bits in memory that threads share, each made of two halves and swapped whole.

const littleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1

/** Where the halves of a word are, in words of 32 bits. */
export const highHalf: 0 | 1 = littleEndian ? 1 : 0
export const lowHalf: 0 | 1 = littleEndian ? 0 : 1

/**
 * One word after the other: `load` takes one apart, `swap` puts another one in its place if nobody was faster. Halves are
 * unsigned. An object belongs to whoever uses it at the moment: nothing else may use it between `load` and `swap`.
 */
export class Words {
  high = 0
  low = 0
  readonly #words: BigInt64Array<SharedArrayBuffer>
  /** Between words of 64 bits and their halves: without numbers that are made on the heap. */
  readonly #word = new BigInt64Array(1)
  readonly #halves = new Uint32Array(this.#word.buffer)

  /**
   * @param byteOffset a multiple of 8
   * @param count of words
   */
  constructor(memory: SharedArrayBuffer, byteOffset: number, count: number) {
    this.#words = new BigInt64Array(memory, byteOffset, count)
  }

  /** Takes a word apart into `high` and `low`; answers it as a whole, for `swap`. */
  load(at: number): bigint {
    const word = Atomics.load(this.#words, at)
    this.#word[0] = word
    this.high = this.#halves[highHalf] as number
    this.low = this.#halves[lowHalf] as number
    return word
  }

  /** Answers whether the word was still the old one, and is the new one now. */
  swap(at: number, old: bigint, high: number, low: number): boolean {
    return Atomics.compareExchange(this.#words, at, old, this.#join(high, low)) === old
  }

  store(at: number, high: number, low: number): void {
    Atomics.store(this.#words, at, this.#join(high, low))
  }

  #join(high: number, low: number): bigint {
    this.#halves[highHalf] = high
    this.#halves[lowHalf] = low
    return this.#word[0] as bigint
  }
}
