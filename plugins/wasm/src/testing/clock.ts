// The time of a test: it stands still until the test moves it.

interface Timer {
  dueMs: number
  /** Undefined: it comes once. */
  readonly everyMs: number | undefined
  readonly run: () => void
}

export class TestClock {
  readonly #startMs: number
  readonly #timers = new Set<Timer>()
  #elapsedMs = 0

  /** @param startMs milliseconds since 1970 */
  constructor(startMs: number) {
    this.#startMs = startMs
  }

  /** Milliseconds since 1970. */
  get nowMs(): number {
    return this.#startMs + this.#elapsedMs
  }

  /** Milliseconds since the filter was loaded. */
  get elapsedMs(): number {
    return this.#elapsedMs
  }

  /** Returns how to stop. */
  every(ms: number, run: () => void): () => void {
    return this.#add({ dueMs: this.#elapsedMs + ms, everyMs: ms, run })
  }

  /** Returns how to stop. */
  after(ms: number, run: () => void): () => void {
    return this.#add({ dueMs: this.#elapsedMs + ms, everyMs: undefined, run })
  }

  /** Milliseconds until the next thing that comes again and again; undefined: there is none. */
  get nextTickMs(): number | undefined {
    const due = [...this.#timers].filter(({ everyMs }) => everyMs !== undefined).map(({ dueMs }) => dueMs)
    return due.length === 0 ? undefined : Math.min(...due) - this.#elapsedMs
  }

  /** Moves on, from one thing that is due to the next. @param settled called after each of them */
  async advance(ms: number, settled: () => Promise<void>): Promise<void> {
    const endMs = this.#elapsedMs + ms
    for (let timer = this.#nextUntil(endMs); timer !== undefined; timer = this.#nextUntil(endMs)) {
      this.#elapsedMs = timer.dueMs
      if (timer.everyMs === undefined) this.#timers.delete(timer)
      else timer.dueMs += timer.everyMs
      timer.run()
      await settled()
    }
    this.#elapsedMs = endMs
  }

  #add(timer: Timer): () => void {
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  #nextUntil(endMs: number): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers) if (timer.dueMs <= endMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer
    return next
  }
}
