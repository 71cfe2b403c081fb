// A ring of numbers that threads put and take in order, in memory that they share, without a lock.
//
// Both ends are counts. The slot of a count has a word of 64 bits: which round it is in, twice, plus 1 if it is full; and the
// number. Whoever swaps that word has put or taken; moving the count on is only tidying up, and whoever finds that it was not
// done does it. So a thread may be ended between any two instructions.
// @source Tsigas and Zhang, A simple, fast and scalable non-blocking concurrent FIFO queue; the rounds in place of their two nulls

import { Words } from './words.ts'

export class Ring {
  readonly #counts: Int32Array<SharedArrayBuffer>
  readonly #words: Words
  readonly #bits: number

  /**
   * @param countsAt of 8 bytes for the counts
   * @param slotsAt of 8 bytes for each slot. A multiple of 8
   * @param bits of the number of slots
   */
  constructor(memory: SharedArrayBuffer, countsAt: number, slotsAt: number, bits: number) {
    this.#counts = new Int32Array(memory, countsAt, 2)
    this.#words = new Words(memory, slotsAt, 2 ** bits)
    this.#bits = bits
  }

  /** Answers whether there was room. */
  put(number: number): boolean {
    for (;;) {
      const count = Atomics.load(this.#counts, 1)
      const at = this.#slot(count)
      const word = this.#words.load(at)
      const round = this.#words.high
      if (Atomics.load(this.#counts, 1) !== count) continue
      const ahead = this.#ahead(round, count)
      if (ahead === -1) return false
      const done = ahead === 0 && this.#words.swap(at, word, round + 1, number)
      if (done || ahead > 0) Atomics.compareExchange(this.#counts, 1, count, (count + 1) | 0)
      if (done) return true
    }
  }

  /** The first that was put, or -1. */
  take(): number {
    for (;;) {
      const count = Atomics.load(this.#counts, 0)
      const at = this.#slot(count)
      const word = this.#words.load(at)
      const { high: round, low: number } = this.#words
      if (Atomics.load(this.#counts, 0) !== count) continue
      const ahead = this.#ahead(round, count)
      if (ahead === 0) return -1
      const done = ahead === 1 && this.#words.swap(at, word, round + 1, 0)
      if (done || ahead > 1) Atomics.compareExchange(this.#counts, 0, count, (count + 1) | 0)
      if (done) return number
    }
  }

  #slot(count: number): number {
    return count & (2 ** this.#bits - 1)
  }

  /** How far a slot is from being free for a count: 0 it is, 1 it is full, 2 it is free for the next round; -1 still full from the last one. */
  #ahead(round: number, count: number): number {
    // A count has fewer bits for its round than a word has.
    const unused = this.#bits - 1
    return ((round - (count >>> this.#bits) * 2) << unused) >> unused
  }
}
