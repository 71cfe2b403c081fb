// The core's own answer to "carry it": HTTP/1.1 over pools of keep-alive connections, one pool per endpoint.
import type { Endpoint } from '../endpoint.ts'
import { MeshError } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import type { Flow, Sink } from '../flow.ts'
import type { Transport } from '../questions.ts'
import { Http1Attempt } from './http1/attempt.ts'
import { Pool } from './http1/pool.ts'
import { writeRequestHead } from './http1/request-head.ts'
import { UpstreamTls } from './http1/upstream-tls.ts'
import type { TransportOptions } from './options.ts'

/** Steers an attempt that was never made. */
const notSent: Flow = { pause() {}, resume() {}, abort() {} }

/** How often idle connections are looked at. */
const sweepMs = 1_000

/** Carries attempts; the default transport of every service. */
export class Http1Transport implements Transport {
  readonly #options: TransportOptions
  readonly #tls: UpstreamTls | undefined
  readonly #pools = new Map<Endpoint, Pool>()
  /** Pools of endpoints that are gone, until their last exchange has ended. */
  readonly #retired = new Set<Pool>()
  #sweeper: NodeJS.Timeout | undefined = undefined
  #closed = false

  /** @throws MESH_BAD_OPTIONS if TLS cannot be spoken with what they say */
  constructor(options: TransportOptions) {
    this.#options = options
    this.#tls = options.tls === undefined ? undefined : new UpstreamTls(options.tls)
  }

  send(exchange: Exchange, endpoint: Endpoint, sink: Sink): Flow {
    const head = this.#closed ? new MeshError('MESH_CONNECT_FAILED', 'the transport is closed') : writeRequestHead(exchange)
    if (head instanceof MeshError) {
      sink.onError(head)
      return notSent
    }
    const pool = this.#pool(endpoint)
    const attempt = new Http1Attempt(exchange, head, pool, sink)
    pool.apply(attempt, false)
    return attempt
  }

  prepare(endpoints: readonly Endpoint[]): void {
    if (this.#closed || this.#options.warmConnections === 0) return
    for (const endpoint of endpoints) this.#pool(endpoint).warm()
  }

  forget(endpoint: Endpoint): void {
    const pool = this.#pools.get(endpoint)
    if (pool === undefined) return
    this.#pools.delete(endpoint)
    pool.retire()
    if (pool.size > 0) this.#retired.add(pool)
  }

  close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#sweeper)
    for (const pool of [...this.#pools.values(), ...this.#retired]) pool.destroy()
    this.#pools.clear()
    this.#retired.clear()
    return Promise.resolve()
  }

  #pool(endpoint: Endpoint): Pool {
    const known = this.#pools.get(endpoint)
    if (known !== undefined) return known
    const pool = new Pool(endpoint, this.#options, this.#tls)
    this.#pools.set(endpoint, pool)
    if (this.#sweeper === undefined) {
      this.#sweeper = setInterval(() => this.#sweep(), sweepMs)
      this.#sweeper.unref()
    }
    return pool
  }

  #sweep(): void {
    const nowMs = performance.now()
    // An empty pool is made anew when it is needed; its endpoint may have been forgotten before the pool was made.
    for (const [endpoint, pool] of this.#pools) if (!pool.sweep(nowMs)) this.#pools.delete(endpoint)
    for (const pool of this.#retired) if (!pool.sweep(nowMs)) this.#retired.delete(pool)
    if (this.#pools.size + this.#retired.size > 0) return
    // Nobody uses this transport any more, for now or for good.
    clearInterval(this.#sweeper)
    this.#sweeper = undefined
  }
}

/** Makes the default transport of a service. */
export function http1(options: TransportOptions): Transport {
  return new Http1Transport(options)
}
