// What is counted of one endpoint: failures in a row, and successes in the current interval.
import type { Endpoint } from '@meshwright/core'
import type { Outcome } from './outcome.ts'

/** What an endpoint rests for, as metrics name it. */
export type Rule = 'consecutive-5xx' | 'consecutive-gateway' | 'consecutive-local' | 'success-rate' | 'failure-percentage' | 'local-success-rate' | 'local-failure-percentage' | 'probation'

/** Attempts of one interval. */
export class Rate {
  total = 0
  good = 0

  /** Percent of the attempts that were good; of none: 100. */
  get percent(): number {
    return this.total === 0 ? 100 : (this.good * 100) / this.total
  }

  clear(): void {
    this.total = 0
    this.good = 0
  }
}

export class Tally {
  // Failures in a row.
  errors = 0
  gateway = 0
  local = 0
  /** Answers; without split also the attempts that got none. */
  readonly answers: Rate = new Rate()
  /** Attempts by whether there was an answer; counted with split only. */
  readonly attempts: Rate = new Rate()
  /** The interval that the rates are of. */
  interval = 0
  /** What the statistics of the interval before have found; holds in `interval` only. */
  verdict: Rule | undefined = undefined
  /** How many times the base its last rest was, less the healthy intervals since. */
  multiplier: number
  /** `endpoint.rests` up to which the multiplier is. */
  #rests: number

  constructor({ rests, probation }: Endpoint) {
    this.#rests = rests
    this.multiplier = probation ? 1 : 0
  }

  /** Counts an attempt of the given interval. `splits`: without an answer it is no failure of the endpoint's answers. */
  count(outcome: Outcome, splits: boolean, interval: number): void {
    if (this.interval !== interval) this.#begin(interval)
    const isLocal = outcome === 'local'
    if (splits) {
      this.attempts.total++
      if (!isLocal) this.attempts.good++
      this.local = isLocal ? this.local + 1 : 0
      if (isLocal) return
    }
    this.answers.total++
    if (outcome === 'good') {
      this.answers.good++
      this.errors = 0
      this.gateway = 0
      return
    }
    this.errors++
    this.gateway = outcome === 'error' ? 0 : this.gateway + 1
  }

  /** The statistics of the interval before `interval` have found it. */
  found(rule: Rule, interval: number): void {
    this.#begin(interval)
    this.verdict = rule
  }

  /** Begins anew, as after a rest. */
  clear(): void {
    this.errors = 0
    this.gateway = 0
    this.local = 0
    this.verdict = undefined
    this.answers.clear()
    this.attempts.clear()
  }

  /** Adds the rests that other threads have decided. */
  learn({ rests }: Endpoint): void {
    this.multiplier += rests - this.#rests
    this.#rests = rests
  }

  /** Another rest is decided here; the core will count it. */
  rest(endpoint: Endpoint, maxMultiplier: number): void {
    this.learn(endpoint)
    this.multiplier = Math.min(this.multiplier + 1, maxMultiplier)
    this.#rests++
    this.clear()
  }

  #begin(interval: number): void {
    this.interval = interval
    this.verdict = undefined
    this.answers.clear()
    this.attempts.clear()
  }
}
