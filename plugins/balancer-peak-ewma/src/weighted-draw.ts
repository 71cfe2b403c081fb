// Draws places of a list, heavier ones more often.
import type { Endpoint } from '@meshwright/core'

/** With equal weights two draws never are the same place; with different ones they may be, or weights would not be kept. */
export class WeightedDraw {
  readonly #random: () => number
  #length = 0
  #mean = 1
  #weights = new Float64Array(0)
  /** Sums of the weights up to and with each place; undefined while all weights are equal. */
  #sums: Float64Array | undefined = undefined

  constructor(random: () => number) {
    this.#random = random
  }

  replace(endpoints: readonly Endpoint[]): void {
    const weights = Float64Array.from(endpoints, ({ weight }) => weight)
    let sum = 0
    const sums = weights.map((weight) => (sum += weight))
    this.#length = weights.length
    this.#weights = weights
    this.#mean = sum / weights.length
    this.#sums = weights.every((weight) => weight === weights[0]) ? undefined : sums
  }

  /** The weight of a place, where 1 is the mean. */
  relative(at: number): number {
    return this.#sums === undefined ? 1 : (this.#weights[at] as number) / this.#mean
  }

  next(): number {
    return this.#sums === undefined ? Math.floor(this.#random() * this.#length) : search(this.#sums, this.#random() * this.#mean * this.#length)
  }

  /** A second draw, to be compared with the first. Of two or more places. */
  another(first: number): number {
    if (this.#sums !== undefined) return this.next()
    const drawn = Math.floor(this.#random() * (this.#length - 1))
    return drawn < first ? drawn : drawn + 1
  }
}

/** The first place whose sum is greater; the last one if rounding leaves none. */
function search(sums: Float64Array, drawn: number): number {
  let low = 0
  let high = sums.length - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sums[middle] as number) > drawn) high = middle
    else low = middle + 1
  }
  return low
}
