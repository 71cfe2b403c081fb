// The last seconds in numbers: attempts, failures and slow ones, in buckets that are used again.

/** How many buckets a window has; the oldest of them leaves it as a whole. */
const buckets = 10

/** In each bucket: attempts, failures, slow ones. */
const fields = 3

/** Sums over a window that slides by a tenth of its length. */
export class SlidingWindow {
  total = 0
  failed = 0
  slow = 0
  readonly #bucketMs: number
  readonly #counts = new Uint32Array(buckets * fields)
  /** Number of the current bucket since the beginning of the clock. */
  #current = 0

  /** @param windowMs milliseconds, more than 0 */
  constructor(windowMs: number) {
    this.#bucketMs = windowMs / buckets
  }

  /** @param nowMs of a clock that never goes back */
  add(nowMs: number, failed: boolean, slow: boolean): void {
    this.#slide(Math.floor(nowMs / this.#bucketMs))
    const at = (this.#current % buckets) * fields
    this.total += this.#bump(at, true)
    this.failed += this.#bump(at + 1, failed)
    this.slow += this.#bump(at + 2, slow)
  }

  clear(): void {
    this.#counts.fill(0)
    this.total = 0
    this.failed = 0
    this.slow = 0
  }

  #bump(at: number, does: boolean): number {
    if (!does) return 0
    this.#counts[at] = (this.#counts[at] as number) + 1
    return 1
  }

  /** Empties every bucket that a new one takes the place of. */
  #slide(to: number): void {
    if (to - this.#current >= buckets) this.clear()
    else for (let bucket = this.#current + 1; bucket <= to; bucket++) this.#empty((bucket % buckets) * fields)
    this.#current = to
  }

  #empty(at: number): void {
    const counts = this.#counts
    this.total -= counts[at] as number
    this.failed -= counts[at + 1] as number
    this.slow -= counts[at + 2] as number
    counts.fill(0, at, at + fields)
  }
}
