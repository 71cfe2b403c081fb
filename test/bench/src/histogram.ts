// Counts durations in buckets that grow with them, so that a percentile is known to 1.6 % whatever its size.

/** Buckets for each doubling. */
const steps = 64
const doublings = 32

/** Durations in microseconds, 1 µs to an hour. */
export class Histogram {
  readonly #counts: number[]
  #total = 0

  /** @param counts what `counts` of another one said */
  constructor(counts: readonly number[] = []) {
    this.#counts = Array.from({ length: steps * doublings }, (_, index) => counts[index] ?? 0)
    this.#total = this.#counts.reduce((sum, count) => sum + count, 0)
  }

  get total(): number {
    return this.#total
  }

  /** As they stand, to send to another process. */
  get counts(): readonly number[] {
    return this.#counts
  }

  record(us: number): void {
    const index = Math.min(this.#counts.length - 1, Math.floor(Math.log2(Math.max(1, us)) * steps))
    this.#counts[index] = (this.#counts[index] as number) + 1
    this.#total++
  }

  /**
   * The duration that a part of all are no longer than: the upper end of its bucket. NaN where there are none.
   * @param part 0..1
   */
  percentileUs(part: number): number {
    let left = Math.max(1, Math.ceil(this.#total * part))
    const index = this.#counts.findIndex((count) => (left -= count) <= 0)
    return index < 0 ? NaN : 2 ** ((index + 1) / steps)
  }
}
