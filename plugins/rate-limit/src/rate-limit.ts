// A limiter of rates: so many requests per client and time, and the others are answered 429.
import { MeshError, problem, type Counter, type Exchange, type Filter, type KeyPart, type Reply } from '@meshwright/core'
import { Budgets } from './budgets.ts'
import { machineClock, type Clock } from './clock.ts'
import { RateLimitFields, seconds, type Budget } from './fields.ts'
import { Key, type Missing } from './key.ts'
import { digestOf, settle, type Settled } from './settings.ts'

declare module '@meshwright/core' {
  interface ExchangeState {
    /** What limiters have found, for the fields of the response. */
    rateLimits?: { readonly by: Filter; readonly budget: Budget }[]
  }
}

export interface RateLimitOptions {
  /** Requests per window that each key may make. 1..100000000, and no more than 1000 per millisecond. */
  readonly requests: number
  /** Milliseconds, 1..31536000000 (a year). Default 1000. */
  readonly windowMs?: number
  /** Requests that a key may make at once after a rest. 1..100000000; default: as many as `requests`. */
  readonly burst?: number
  /** What tells budgets apart, 1..8 parts. Default `[route, address]`. */
  readonly key?: readonly KeyPart[]
  /**
   * A request that lacks a part of the key, or has two of it: `address` counts it for its client's address instead (default), `share` for one
   * budget of all such requests, `pass` not at all.
   */
  readonly missing?: Missing
  /** Keys that are told apart at a time, 1..1000000; default 10000. Takes 16 to 32 bytes each. */
  readonly keys?: number
  /** The bits of an IPv6 address that tell clients apart. 1..128; default 64. */
  readonly ipv6Prefix?: number
  /** Only count what would be refused. Default false. */
  readonly shadow?: boolean
  /** Which responses say what is left: `refused` ones (default), `all`, or `none`. */
  readonly headers?: 'refused' | 'all' | 'none'
  /** X-RateLimit-Limit, -Remaining and -Reset beside the fields of the standard. Default false. */
  readonly legacyHeaders?: boolean
  /** `x-envoy-ratelimited: true` on what is refused. Default false. */
  readonly envoyHeader?: boolean
  /** For metrics and fields; limiters with the same name and numbers share budgets. 1..64 letters, digits, `.`, `_`, `-`; default `default`. */
  readonly name?: string
}

/** What a limiter is given by whoever runs it. */
export interface RateLimitParts {
  /** Of {@link memoryOf}; default: its own. */
  readonly memory?: SharedArrayBuffer
  /** Default: the machine's. */
  readonly clock?: Clock
  readonly counters?: RateLimitCounters
}

export interface RateLimitCounters {
  readonly allowed: Counter
  readonly refused: Counter
  /** What would have been refused. */
  readonly shadow: Counter
  /** Keys whose budget was forgotten while it was not full, to make room for others. */
  readonly forgotten: Counter
}

/** A limiter; it answers at once. */
export interface RateLimiter extends Filter {
  onRequestHeaders(exchange: Exchange): Reply | void
  onResponseHeaders?(exchange: Exchange): void
}

/**
 * Refuses what exceeds a token bucket per key with MESH_RATE_LIMITED.
 * @throws RangeError or MESH_BAD_OPTIONS when an option is out of range
 */
export function rateLimit(options: RateLimitOptions, parts: RateLimitParts = {}): RateLimiter {
  return new RateLimit(settle(options), parts)
}

/** What the budgets of these options are known by, and how many bytes they take. Options that count otherwise have another name. */
export function memoryOf(options: RateLimitOptions): { readonly name: string; readonly bytes: number } {
  const settled = settle(options)
  return { name: digestOf(settled), bytes: Budgets.bytesFor(settled.keys) }
}

class RateLimit implements RateLimiter {
  readonly name = 'rate-limit'
  declare readonly onResponseHeaders?: (exchange: Exchange) => void
  readonly #budgets: Budgets
  readonly #key: Key
  readonly #clock: Clock
  readonly #fields: RateLimitFields
  readonly #counters: RateLimitCounters | undefined
  readonly #options: Settled
  readonly #error: MeshError
  readonly #tellsAll: boolean
  #forgotten = 0

  constructor(options: Settled, { memory = new SharedArrayBuffer(Budgets.bytesFor(options.keys)), clock = machineClock(), counters }: RateLimitParts) {
    this.#options = options
    this.#clock = clock
    this.#counters = counters
    this.#budgets = new Budgets(memory, options, () => clock.now())
    this.#key = new Key({ parts: options.key, missing: options.missing, ipv6Prefix: options.ipv6Prefix }, this.#budgets.secret)
    this.#fields = new RateLimitFields({ ...options, legacy: options.legacyHeaders })
    this.#error = new MeshError('MESH_RATE_LIMITED', `limiter "${options.name}"`)
    this.#tellsAll = options.headers === 'all' && !options.shadow
    if (this.#tellsAll) this.onResponseHeaders = (exchange) => this.#tell(exchange)
  }

  onRequestHeaders(exchange: Exchange): Reply | void {
    const key = this.#key
    if (!key.read(exchange)) return
    const ticks = this.#budgets.take(key.hash.high, key.hash.low, this.#clock.of(exchange))
    if (ticks < 0) return this.#over(exchange, ticks)
    this.#counters?.allowed.inc()
    if (this.#budgets.forgotten !== this.#forgotten) this.#countForgotten()
    if (this.#tellsAll) this.#keep(exchange, ticks)
  }

  #over(exchange: Exchange, ticks: number): Reply | void {
    if (this.#options.shadow) {
      this.#counters?.shadow.inc()
      return
    }
    this.#counters?.refused.inc()
    exchange.error = this.#error
    return this.#refusal(exchange, ticks)
  }

  #refusal(exchange: Exchange, ticks: number): Reply {
    const reply = problem(this.#error, exchange.request.id)
    const { headers, envoyHeader } = this.#options
    if (headers !== 'none') {
      this.#fields.append(reply.headers, this.#budgetOf(this.#budgets.debtOf(ticks)))
      reply.headers.append('retry-after', String(Math.max(1, seconds(this.#budgets.toMs(-ticks)))))
    }
    if (envoyHeader) reply.headers.append('x-envoy-ratelimited', 'true')
    return reply
  }

  #budgetOf(debt: number): Budget {
    return { remaining: this.#budgets.remaining(debt), resetMs: this.#budgets.toMs(debt) }
  }

  #keep(exchange: Exchange, debt: number): void {
    const found = { by: this, budget: this.#budgetOf(debt) }
    const { state } = exchange
    if (state.rateLimits === undefined) state.rateLimits = [found]
    else state.rateLimits.push(found)
  }

  #tell(exchange: Exchange): void {
    const found = exchange.state.rateLimits?.find(({ by }) => by === this)
    if (found !== undefined && exchange.response !== undefined) this.#fields.append(exchange.response.headers, found.budget)
  }

  #countForgotten(): void {
    this.#counters?.forgotten.add(this.#budgets.forgotten - this.#forgotten)
    this.#forgotten = this.#budgets.forgotten
  }
}
