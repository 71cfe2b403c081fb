// Finds threads that have stopped giving signs of life.

/** What a watchdog looks at. */
export interface Watched {
  /** Goes up while it lives; 0: it has not begun. */
  readonly beats: number
}

interface Seen {
  beats: number
  /** Time without a new beat, as far as this thread was awake to see it. */
  silentMs: number
}

/**
 * Asked at intervals. Time that passed while nobody looked counts as two intervals at most: when the whole process was
 * suspended, or this thread was busy, the others must first have a chance to show that they live.
 */
export class Watchdog<T extends Watched> {
  readonly #intervalMs: number
  readonly #stuckMs: number
  readonly #startMs: number
  readonly #seen = new Map<T, Seen>()
  #lastMs: number | undefined = undefined

  /**
   * @param intervalMs how often {@link look} is called
   * @param stuckMs how long a silence is a sign that it is stuck
   * @param startMs the same before the first beat
   */
  constructor(intervalMs: number, stuckMs: number, startMs: number) {
    this.#intervalMs = intervalMs
    this.#stuckMs = stuckMs
    this.#startMs = startMs
  }

  /** Those of `all` that are stuck. */
  look(all: Iterable<T>, nowMs: number): T[] {
    const passedMs = Math.min(nowMs - (this.#lastMs ?? nowMs), 2 * this.#intervalMs)
    this.#lastMs = nowMs
    const gone = new Set(this.#seen.keys())
    const stuck: T[] = []
    for (const one of all) {
      gone.delete(one)
      if (this.#silence(one, passedMs) > (one.beats === 0 ? this.#startMs : this.#stuckMs)) stuck.push(one)
    }
    for (const one of gone) this.#seen.delete(one)
    return stuck
  }

  /** How long it has been silent, as of the last look. Milliseconds. */
  silentMs(one: T): number {
    return this.#seen.get(one)?.silentMs ?? 0
  }

  #silence(one: T, passedMs: number): number {
    const { beats } = one
    const seen = this.#seen.get(one)
    if (seen === undefined || seen.beats !== beats) {
      this.#seen.set(one, { beats, silentMs: 0 })
      return 0
    }
    seen.silentMs += passedMs
    return seen.silentMs
  }
}
