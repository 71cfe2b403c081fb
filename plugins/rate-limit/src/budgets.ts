// The budgets of many keys in memory that threads share: one word of 64 bits each, changed by compare-and-swap.
//
// A budget is a token bucket, kept as the time at which it will be full again (GCRA): a request moves that time on by the
// interval between two requests, and is refused if it came to lie further ahead than the whole burst lasts. A time that is
// past means a full bucket, so an idle key needs no entry, and its place is free for another without being cleared.
//
// The table is set-associative: the hash of a key names a set of 8 words, one line of the processor's cache, and the key is
// in it or nowhere. A word holds 24 bits of the key's hash and 40 bits of time; as it is swapped whole, a thread may be
// ended between any two instructions. Time counts in ticks, a million to the burst, and wraps around: one key in a million that
// comes back after a long absence is taken to owe something still, for as long as a burst takes.
//
// Two threads that meet the same new key at the same time may both enter it; both look again, and the later place is given up.

import { randomFillSync } from 'node:crypto'

/** How much a key may do. */
export interface Rate {
  /** Requests per window, 1..100000000. */
  readonly requests: number
  /** Milliseconds. There are at most 1000 requests per millisecond. */
  readonly windowMs: number
  /** Requests at once after a rest, 1..100000000. */
  readonly burst: number
}

const ways = 8
const bytesPerSet = ways * BigInt64Array.BYTES_PER_ELEMENT
/** Places per key that the table is made for, at least: with 2 to 4, sets overflow for fewer than 1 key of 100 when all are active. */
const spare = 2

const timeSpan = 2 ** 40
const halfSpan = 2 ** 39
/** What a burst is divided into, and a millisecond at most: finer than any clock, and little against the span of time. */
const ticksPerBurst = 2 ** 20
const maxTicksPerMs = 1_000_000
/** Clocks of two threads may differ by that much. Milliseconds. */
const skewMs = 10

const littleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1
const highHalf = littleEndian ? 1 : 0
const lowHalf = littleEndian ? 0 : 1

export class Budgets {
  /** Entries that were given to another key while their budget was not full again. */
  forgotten = 0
  /** What a request moves a key's time on by. Ticks. */
  readonly #cost: number
  readonly #burstTicks: number
  /** The debt from which on nothing passes. */
  readonly #limit: number
  /** A debt that no clock can explain: the time is an old one, and has wrapped around. */
  readonly #maxDebt: number
  readonly #ticksPerMs: number
  readonly #burst: number
  readonly #clock: () => number
  readonly #words: BigInt64Array<SharedArrayBuffer>
  readonly #halves: Int32Array<SharedArrayBuffer>
  readonly #setMask: number
  /** Between words of 64 bits and their halves: without numbers that are made on the heap. */
  readonly #word = new BigInt64Array(1)
  readonly #half = new Uint32Array(this.#word.buffer)

  /**
   * @param keys how many the table is made for, 1..1000000
   * @returns how much memory it takes, in bytes
   */
  static bytesFor(keys: number): number {
    return (1 + 2 ** Math.ceil(Math.log2(Math.max(1, (keys * spare) / ways)))) * bytesPerSet
  }

  /**
   * @param memory of {@link Budgets.bytesFor}; the same for all that share the budgets, zeroes at first
   * @param clock the time of now in milliseconds, one clock for all threads
   */
  constructor(memory: SharedArrayBuffer, { requests, windowMs, burst }: Rate, clock: () => number) {
    this.#words = new BigInt64Array(memory)
    this.#halves = new Int32Array(memory)
    this.#setMask = memory.byteLength / bytesPerSet - 2
    this.#burst = burst
    this.#cost = Math.max(1, Math.floor(Math.min(ticksPerBurst / burst, (maxTicksPerMs * windowMs) / requests)))
    this.#burstTicks = burst * this.#cost
    this.#limit = this.#burstTicks - this.#cost
    this.#ticksPerMs = (requests * this.#cost) / windowMs
    this.#maxDebt = this.#burstTicks + skewMs * this.#ticksPerMs
    this.#clock = clock
  }

  /** The same 64 random bits for all that share the memory. */
  get secret(): readonly [number, number] {
    if (Atomics.load(this.#words, 0) === 0n) Atomics.compareExchange(this.#words, 0, 0n, randomFillSync(new BigInt64Array(1))[0] as bigint)
    this.#word[0] = Atomics.load(this.#words, 0)
    return [this.#half[0] as number, this.#half[1] as number]
  }

  /**
   * Takes one request out of a key's budget, if it has one left.
   * @param high and low: the key's hash
   * @param nowMs a time of the clock, or a little before it
   * @returns how much the key owes then, in ticks; or, less than 0, how long it lacks one, in ticks
   */
  take(high: number, low: number, nowMs: number): number {
    // 0 would be an empty place.
    const print = high >>> 8 || 1
    const first = (1 + (low & this.#setMask)) * ways
    let now = this.#ticks(nowMs)
    for (;;) {
      const at = this.#find(first, print)
      if (at < 0) {
        if (!this.#enter(first, print, now)) continue
        return this.#cost
      }
      const old = Atomics.load(this.#words, at)
      this.#word[0] = old
      if ((this.#half[highHalf] as number) >>> 8 !== print) continue
      let debt = this.#debt(now)
      if (debt > this.#limit) {
        // The request may have come a while ago, and an old entry look like a new one: only now the time of now is worth its cost.
        now = this.#ticks(this.#clock())
        debt = this.#debt(now)
        if (debt > this.#maxDebt) debt = 0
        if (debt > this.#limit) return this.#limit - debt
      }
      this.#set(print, now + debt + this.#cost)
      if (Atomics.compareExchange(this.#words, at, old, this.#word[0]) === old) return debt + this.#cost
    }
  }

  /** Requests that are left to a key that owes so many ticks. */
  remaining(debt: number): number {
    return Math.max(0, Math.floor((this.#burstTicks - debt) / this.#cost))
  }

  /** How long so many ticks are. Milliseconds. */
  toMs(ticks: number): number {
    return ticks / this.#ticksPerMs
  }

  /** What a key owes that is refused for so many ticks. */
  debtOf(lacking: number): number {
    return this.#limit - lacking
  }

  get burst(): number {
    return this.#burst
  }

  #ticks(ms: number): number {
    return Math.floor(ms * this.#ticksPerMs)
  }

  /** The place of a key, or -1. A hint: what is there is looked at again as a whole. */
  #find(first: number, print: number): number {
    const halves = this.#halves
    for (let at = first; at < first + ways; at++) if (Atomics.load(halves, at * 2 + highHalf) >>> 8 === print) return at
    return -1
  }

  /** Enters a new key, with one request taken. False: somebody was faster, and it may be there by now. */
  #enter(first: number, print: number, now: number): boolean {
    const words = this.#words
    let victim = first
    let least = Infinity
    let old = 0n
    for (let at = first; at < first + ways; at++) {
      const word = Atomics.load(words, at)
      this.#word[0] = word
      const debt = word === 0n ? -1 : this.#debt(now)
      if (debt >= least) continue
      least = debt
      victim = at
      old = word
    }
    this.#set(print, now + this.#cost)
    const made = this.#word[0] as bigint
    if (Atomics.compareExchange(words, victim, old, made) !== old) return false
    if (this.#find(first, print) < victim) {
      Atomics.compareExchange(words, victim, made, 0n)
      return false
    }
    if (least > 0 && least <= this.#maxDebt) this.forgotten++
    return true
  }

  /** How far the time in the word lies ahead of now; 0 if it is past. */
  #debt(now: number): number {
    const time = ((this.#half[highHalf] as number) & 0xff) * 0x1_0000_0000 + (this.#half[lowHalf] as number)
    const ahead = wrapped(time - now)
    return ahead < halfSpan ? ahead : 0
  }

  #set(print: number, time: number): void {
    const within = wrapped(time)
    this.#half[highHalf] = print * 256 + Math.floor(within / 0x1_0000_0000)
    this.#half[lowHalf] = within % 0x1_0000_0000
  }
}

function wrapped(time: number): number {
  // hot: % of two floats takes 20 ns, this 1 (bench rate-limit)
  return time - Math.floor(time / timeSpan) * timeSpan
}
