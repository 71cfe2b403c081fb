// Lets only so many through at a time; the others wait in line.
import type { Awaitable } from './questions.ts'

export class Turnstile {
  #free: number
  readonly #line: (() => void)[] = []

  /** @param places 1.. */
  constructor(places: number) {
    this.#free = places
  }

  /** Takes a place at once if there is one, or resolves when there is; `leave` gives it back. */
  enter(): Awaitable<void> {
    if (this.#free === 0) return new Promise<void>((resolve) => this.#line.push(resolve))
    this.#free--
  }

  leave(): void {
    const next = this.#line.shift()
    if (next === undefined) this.#free++
    else next()
  }
}
