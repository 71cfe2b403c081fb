// The questions plugins answer: the whole extension API on one page.
import type { Endpoint, EndpointSpec } from './endpoint.ts'
import type { MeshError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import type { Flow, Sink } from './flow.ts'
import type { Reply } from './reply.ts'

/** A value now, or later. Synchronous answers stay synchronous; a promise pauses the exchange. */
export type Awaitable<T> = T | Promise<T>

/**
 * May it pass, and changed how? Return nothing to pass it on, a Reply to answer it here; whatever is thrown becomes
 * MESH_FILTER_FAILED. Request phases run in the order of configuration, response phases in the reverse order.
 * A promise may take as long as the listener's `filterMs`; then the exchange fails with MESH_FILTER_TIMEOUT.
 */
export interface Filter {
  readonly name: string
  /**
   * Hold the request body back and hand it to `onRequestBody` whole, in one call with `last` true.
   * Bytes, 1..; a longer body is refused with MESH_REQUEST_BUFFER_FULL (413). Default: not held back.
   */
  readonly bufferRequestBytes?: number
  /** The same for the response body; a longer one fails with MESH_RESPONSE_BUFFER_FULL (502). */
  readonly bufferResponseBytes?: number
  onRequestHeaders?(exchange: Exchange): Awaitable<Reply | void>
  /** Return other bytes to replace the chunk, an empty array to drop it. Called with `last` exactly once, perhaps with an empty chunk. */
  onRequestBody?(exchange: Exchange, chunk: Uint8Array, last: boolean): Awaitable<Uint8Array | void>
  /** An endpoint is chosen and nothing has been sent: sign, trace. Asked again for every attempt. */
  onAttempt?(exchange: Exchange): Awaitable<Reply | void>
  /** `exchange.response` is there and nothing has gone downstream. A Reply replaces the response. */
  onResponseHeaders?(exchange: Exchange): Awaitable<Reply | void>
  onResponseBody?(exchange: Exchange, chunk: Uint8Array, last: boolean): Awaitable<Uint8Array | void>
  /** Over, well or badly; exactly once per exchange that entered the chain. Look, do not touch. */
  onEnd?(exchange: Exchange): void
}

/**
 * Who are the endpoints? Publish the whole set now and after each change; return how to stop.
 * Publish nothing on an error of your own: the last set stays. Asked on the control side, once per service.
 */
export interface Discovery {
  watch(service: string, publish: (endpoints: readonly EndpointSpec[]) => void): Awaitable<() => void>
}

/** Which one? Asked once per attempt, never with an empty list. One instance per service and data-plane thread. */
export interface Balancer {
  pick(endpoints: readonly Endpoint[], exchange: Exchange): Endpoint
  /** The list of fit endpoints, before the first pick and after each change: rebuild rings and tables here, off the request path. */
  update?(endpoints: readonly Endpoint[]): void
}

/** Is it fit? Resolve if it is; reject with the reason if it is not. Asked on the control side; given up as a no after 30 seconds. */
export interface HealthCheck {
  /** Milliseconds between two checks of one endpoint, more than 0. Default 5000. */
  readonly intervalMs?: number
  check(endpoint: Endpoint, signal: AbortSignal): Promise<void>
}

/** Should it rest? Told how each attempt ended; answers how many milliseconds to keep the endpoint out. */
export interface OutlierDetector {
  ended(endpoint: Endpoint, exchange: Exchange): number | undefined
}

/**
 * Is there room? Asked before each attempt; `ended` is called once for each attempt that was admitted. A reload makes new
 * ones by name: what they have counted starts from 0, and exchanges under way give back to the old ones.
 */
export interface Admission {
  admit(exchange: Exchange): MeshError | undefined
  ended(exchange: Exchange): void
}

/** Once more? Asked only about failures; answers the delay in milliseconds, or undefined to stop. The core alone decides whether it may, and makes no more than 100 attempts. */
export interface RetryPolicy {
  /** How much of a request body is kept so that it can be sent again. Bytes; default 65536. A longer body is sent once. */
  readonly replayBytes?: number
  next(exchange: Exchange): number | undefined
}

/** Keys, certificates and roots in PEM. */
export interface TlsMaterial {
  readonly key: string
  readonly cert: string
  /** Roots to verify peers with; default: those of the system. */
  readonly ca?: string
}

/** Who am I, and whom do I trust? Keys, certificates and roots, now and after each rotation. Asked on the control side. */
export interface Identity {
  watch(publish: (material: TlsMaterial) => void): Awaitable<() => void>
}

/** Carry it. The one question whose answer moves bytes, so the core answers it unless told otherwise. */
export interface Transport {
  /**
   * Tells `sink` everything that becomes of it, perhaps before it returns. The request body is `exchange.body`.
   * @returns what steers the attempt, from before there is a connection; without effect once the sink has heard the last of it
   */
  send(exchange: Exchange, endpoint: Endpoint, sink: Sink): Flow
  /** Called when discovery has dropped an endpoint: close its idle connections, let the others end. */
  forget?(endpoint: Endpoint): void
  /** Closes every connection; resolves when they are closed. */
  close(): Promise<void>
}

/** Every question by the word that a configuration file uses for it. */
export interface Questions {
  filter: Filter
  discovery: Discovery
  balancer: Balancer
  health: HealthCheck
  outlier: OutlierDetector
  admission: Admission
  retry: RetryPolicy
  identity: Identity
  transport: Transport
}

export type QuestionKind = keyof Questions
