// A limiter of rates across a fleet: so many requests per client and time, counted in Redis, and the others are answered 429.
import { MeshError, problem, type Awaitable, type Counter, type Exchange, type Filter, type KeyPart, type Reply } from '@meshwright/core'
import { Key, type Missing } from './key.ts'
import { Leases, pass, unknown, type Now, type Store, type Verdict } from './leases.ts'
import { limiterOf, settle, type Settled } from './settings.ts'
import type { TlsFiles } from './tls.ts'

export interface RateLimitRedisOptions extends TlsFiles {
  /** `redis://` or `rediss://`, with `user:password@` if need be. Never logged, never shown. */
  readonly url: string
  /** In front of every key in Redis: up to 100 visible characters. Default `meshwright:`. */
  readonly prefix?: string
  /** Requests per window that each key may make, in the whole fleet. 1..100000000, and no more than 1000 per millisecond. */
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
  /** The bits of an IPv6 address that tell clients apart. 1..128; default 64. */
  readonly ipv6Prefix?: number
  /** The most requests that a thread takes out of a budget at once. 1..10000; default a fiftieth of `burst`, 1..100. */
  readonly lease?: number
  /** How long a thread keeps them. Milliseconds, 1..60000; default 1000. */
  readonly leaseMs?: number
  /** How long a request waits for Redis. Milliseconds, 1..10000; default 20. */
  readonly timeoutMs?: number
  /** Keys that a thread remembers. 2..1000000; default 10000. */
  readonly keys?: number
  /**
   * What happens while Redis is away: each thread lets through its share of the budget (`local`, default), everything passes (`open`), or is answered 503
   * with MESH_RATE_UNKNOWN (`closed`).
   */
  readonly onFailure?: 'local' | 'open' | 'closed'
  /** That share, more than 0 and at most 1. Default: one of as many as there were threads in the fleet when Redis was last there. */
  readonly share?: number
  /** Only count what would be refused. Default false. */
  readonly shadow?: boolean
  /** Whether refusals carry RateLimit, RateLimit-Policy and Retry-After. Default `refused`. */
  readonly headers?: 'refused' | 'none'
  /** X-RateLimit-Limit, -Remaining and -Reset beside them. Default false. */
  readonly legacyHeaders?: boolean
  /** `x-envoy-ratelimited: true` on what is refused. Default false. */
  readonly envoyHeader?: boolean
  /** For metrics, fields and keys. 1..64 letters, digits, `.`, `_`, `-`; default `default`. */
  readonly name?: string
}

/** What a limiter is given by whoever runs it. */
export interface RateLimitRedisParts {
  /** Where the budgets are; asked for those of a limiter. */
  readonly store: (limiter: string, options: Settled) => Store
  readonly counters?: RateLimitRedisCounters
  /** Default performance.now. */
  readonly now?: Now
  /** The limiter needs its store no more. */
  readonly release?: () => void
}

export interface RateLimitRedisCounters {
  readonly allowed: Counter
  readonly refused: Counter
  /** What would have been refused. */
  readonly shadow: Counter
  /** Requests that were decided without Redis. */
  readonly alone: Counter
}

/**
 * Refuses what exceeds a token bucket per key with MESH_RATE_LIMITED. Most requests are answered at once.
 * @throws RangeError or MESH_BAD_OPTIONS when an option is out of range
 */
export function rateLimitRedis(options: RateLimitRedisOptions, parts: RateLimitRedisParts): Filter {
  return new RateLimitRedis(settle(options), parts)
}

class RateLimitRedis implements Filter {
  readonly name = 'rate-limit-redis'
  readonly #options: Settled
  readonly #key: Key
  readonly #leases: Leases
  readonly #counters: RateLimitRedisCounters | undefined
  readonly #refused: MeshError
  readonly #unknown: MeshError
  readonly #release: (() => void) | undefined
  #alone = 0

  constructor(options: Settled, { store, counters, now, release }: RateLimitRedisParts) {
    const { name } = options
    this.#options = options
    this.#counters = counters
    this.#release = release
    this.#key = new Key(options)
    this.#leases = new Leases(store(limiterOf(options), options), options, now)
    this.#refused = new MeshError('MESH_RATE_LIMITED', `limiter "${name}"`)
    this.#unknown = new MeshError('MESH_RATE_UNKNOWN', `limiter "${name}"`)
  }

  onRequestHeaders(exchange: Exchange): Awaitable<Reply | void> {
    const key = this.#key.read(exchange)
    if (key === undefined) return
    const verdict = this.#leases.take(key)
    return typeof verdict === 'number' ? this.#judge(exchange, verdict) : this.#judgeLater(exchange, verdict)
  }

  /** Requests that still wait for an answer are decided without it. */
  retire(): void {
    this.#release?.()
  }

  async #judgeLater(exchange: Exchange, verdict: Promise<Verdict>): Promise<Reply | void> {
    return this.#judge(exchange, await verdict)
  }

  #judge(exchange: Exchange, verdict: Verdict): Reply | void {
    if (this.#leases.alone !== this.#alone) this.#countAlone()
    if (verdict === pass) {
      this.#counters?.allowed.inc()
      return
    }
    if (this.#options.shadow) {
      this.#counters?.shadow.inc()
      return
    }
    this.#counters?.refused.inc()
    return verdict === unknown ? this.#answer(exchange, this.#unknown) : this.#refuse(exchange, verdict)
  }

  #refuse(exchange: Exchange, waitMs: number): Reply {
    const reply = this.#answer(exchange, this.#refused)
    const { name, requests, windowMs, burst, headers: told, legacyHeaders, envoyHeader } = this.#options
    const { headers } = reply
    if (told !== 'none') {
      const reset = seconds(waitMs + ((burst - 1) * windowMs) / requests)
      headers.append('ratelimit-policy', `"${name}";q=${requests};w=${seconds(windowMs)}`)
      headers.append('ratelimit', `"${name}";r=0;t=${reset}`)
      headers.append('retry-after', String(Math.max(1, seconds(waitMs))))
      if (legacyHeaders) for (const [field, value] of [['limit', burst], ['remaining', 0], ['reset', reset]] as const) headers.append(`x-ratelimit-${field}`, String(value))
    }
    if (envoyHeader) headers.append('x-envoy-ratelimited', 'true')
    return reply
  }

  #answer(exchange: Exchange, error: MeshError): Reply {
    exchange.error = error
    return problem(error, exchange.request.id)
  }

  #countAlone(): void {
    this.#counters?.alone.add(this.#leases.alone - this.#alone)
    this.#alone = this.#leases.alone
  }
}

/** Whole seconds, rounded up, so that who waits for as long has waited enough. */
function seconds(ms: number): number {
  return Math.ceil(ms / 1000 - 1e-6)
}
