// What a client is told of its budget: RateLimit and RateLimit-Policy, their older X- forms, and Retry-After.
import type { Headers } from '@meshwright/core'

/** A budget as a client sees it. */
export interface Budget {
  /** Requests that are left. */
  readonly remaining: number
  /** Until all of them are there again. Milliseconds. */
  readonly resetMs: number
}

export interface FieldOptions {
  /** The name of the policy: letters, digits, `.`, `_` and `-`. */
  readonly name: string
  readonly requests: number
  readonly windowMs: number
  readonly burst: number
  /** Also X-RateLimit-Limit, -Remaining and -Reset. */
  readonly legacy: boolean
}

/**
 * Writes the fields of one limiter; those of others, and of the endpoint, stay beside them.
 * @source draft-ietf-httpapi-ratelimit-headers-10; the X- forms as in draft-polli-ratelimit-headers-03, reset in seconds
 */
export class RateLimitFields {
  readonly #name: string
  readonly #policy: string
  readonly #limit: string
  readonly #legacy: boolean

  constructor({ name, requests, windowMs, burst, legacy }: FieldOptions) {
    this.#name = name
    this.#policy = `"${name}";q=${requests};w=${seconds(windowMs)}`
    this.#limit = String(burst)
    this.#legacy = legacy
  }

  append(headers: Headers, { remaining, resetMs }: Budget): void {
    const reset = seconds(resetMs)
    headers.append('ratelimit-policy', this.#policy)
    headers.append('ratelimit', `"${this.#name}";r=${remaining};t=${reset}`)
    if (this.#legacy) this.#appendLegacy(headers, remaining, reset)
  }

  #appendLegacy(headers: Headers, remaining: number, reset: number): void {
    headers.set('x-ratelimit-limit', this.#limit)
    headers.set('x-ratelimit-remaining', String(remaining))
    headers.set('x-ratelimit-reset', String(reset))
  }
}

/** Whole seconds, rounded up, so that who waits for as long has waited enough. */
export function seconds(ms: number): number {
  // Division leaves some billionths: they are not worth a second.
  return Math.ceil(ms / 1000 - 1e-6)
}
