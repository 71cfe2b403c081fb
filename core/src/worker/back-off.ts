// How long to wait before a dead thread is started again.

const firstMs = 100
const longestMs = 30_000
const stableMs = 10_000

/**
 * None for a thread that has lived for 10 s or dies for the first time; then 100 ms, doubled with each further early
 * death up to 30 s. A thread that lives for 10 s puts it back to none.
 */
export class BackOff {
  #earlyDeaths = 0

  /** Milliseconds to wait. To be called once per death. */
  next(livedMs: number): number {
    this.#earlyDeaths = livedMs >= stableMs ? 0 : this.#earlyDeaths + 1
    return this.#earlyDeaths < 2 ? 0 : Math.min(firstMs * 2 ** (this.#earlyDeaths - 2), longestMs)
  }
}
