// The questions plugins answer: the whole extension API on one page.
import type { Endpoint, EndpointSpec } from './endpoint.ts'
import type { MeshError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import type { Flow, Sink } from './flow.ts'
import type { Reply } from './reply.ts'
import type { TcpConnection } from './tcp/tcp-connection.ts'

export { TcpConnection, type ConnectionSteering, type DataFrom, type EndpointConnection } from './tcp/tcp-connection.ts'

/** A value now, or later. Synchronous answers stay synchronous; a promise pauses the exchange. */
export type Awaitable<T> = T | Promise<T>

/**
 * May it pass, and changed how? Return nothing to pass it on, a Reply to answer it here; whatever is thrown becomes
 * MESH_FILTER_FAILED. Request phases run in the order of configuration, response phases in the reverse order.
 * A promise may take as long as the listener's `filterMs`; then the exchange fails with MESH_FILTER_TIMEOUT.
 * Between its phases a filter answers by `exchange.answer`.
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
  /**
   * Return other bytes to replace the chunk, an empty array to drop it or keep it for later, a Reply to answer the exchange and give the
   * attempt up (the connection is cut if the response has begun). Called with `last` exactly once, perhaps with an empty chunk.
   * What is kept leaves with what a later call returns; `exchange.wake` asks for a call before there is a chunk.
   */
  onRequestBody?(exchange: Exchange, chunk: Uint8Array, last: boolean): Awaitable<Uint8Array | Reply | void>
  /** An endpoint is chosen and nothing has been sent: sign, trace. Asked again for every attempt. */
  onAttempt?(exchange: Exchange): Awaitable<Reply | void>
  /**
   * `exchange.response` is there and nothing has gone downstream. A Reply replaces the response. What is answered here instead of
   * by an endpoint (`exchange.replied`) passes this phase of the filters in front of whoever answered, and their `onResponseBody`:
   * what filters and routes reply, and errors. For a request that no route takes it is the first phase. A filter that fails over a
   * reply is logged, and does not take its place.
   */
  onResponseHeaders?(exchange: Exchange): Awaitable<Reply | void>
  /** As for the request. In both directions a chunk may be kept: nothing else is written to its memory later. */
  onResponseBody?(exchange: Exchange, chunk: Uint8Array, last: boolean): Awaitable<Uint8Array | void>
  /** Over, well or badly; exactly once per exchange that entered the chain. Look, do not touch. */
  onEnd?(exchange: Exchange): void
  /** No further exchange enters it: a reload has replaced it, or the mesh closes. Those under way still come through. Called once. */
  retire?(): void
}

/**
 * May the bytes of a connection pass, and changed how? For TCP listeners, as {@link Filter} is for routes; whatever is thrown
 * becomes MESH_FILTER_FAILED, and the connection is broken off. Phases about the endpoint's bytes run in the reverse order.
 * A promise may take as long as the listener's `filterMs`; then the connection fails with MESH_FILTER_TIMEOUT.
 */
export interface NetworkFilter {
  readonly name: string
  /** A client has connected. Until all filters have answered nothing is read, and no endpoint is chosen. To refuse it, throw, or close it. */
  onNewConnection?(connection: TcpConnection): Awaitable<void>
  /**
   * The client has sent something. Return other bytes to replace the chunk, an empty array to drop it or to keep it for later
   * (`connection.pass`). Called with `last` once, perhaps with an empty chunk, when the client has ended its side. Nothing
   * more is read while a promise is pending. A chunk may be kept: nothing else is written to its memory later.
   */
  onDownstreamData?(connection: TcpConnection, chunk: Uint8Array, last: boolean): Awaitable<Uint8Array | void>
  /** The same for what the endpoint sends. */
  onUpstreamData?(connection: TcpConnection, chunk: Uint8Array, last: boolean): Awaitable<Uint8Array | void>
  /** Over, well or badly, and both sides are closed; exactly once per connection. Look, do not touch. */
  onEnd?(connection: TcpConnection): void
  /** No further connection enters it: a reload has replaced it, or the mesh closes. Those under way still come through. Called once. */
  retire?(): void
}

/**
 * Who are the endpoints? Publish the whole set now and after each change; return how to stop.
 * Publish nothing on an error of your own: the last set stays. Asked on the control side, once per service.
 */
export interface Discovery {
  watch(service: string, publish: (endpoints: readonly EndpointSpec[]) => void): Awaitable<() => void>
  /** Is what the options name on this machine there, and can it be used? Rejects with the reason. Never by a network. For `meshwright check`, which asks instead of `watch`. */
  check?(): Promise<void>
}

/**
 * Which one? Asked once per attempt, never with an empty list. One instance per service, data-plane thread and priority of
 * endpoints; one that is given by value serves all priorities of its service, and is handed their lists in turn (`perPriority`).
 * That a further attempt of an exchange goes to another endpoint is seen to by the core.
 */
export interface Balancer {
  /** Reads `endpoint.weight`, which grows while an endpoint starts slowly. */
  pick(endpoints: readonly Endpoint[], exchange: Exchange): Endpoint
  /**
   * The list that picks come from, before the first of them and after each change: rebuild rings and tables here, off the
   * request path. It has the fit endpoints of one priority, or all of them when too few are fit; it may be empty.
   */
  update?(endpoints: readonly Endpoint[]): void
  /**
   * An attempt is over that says something about its endpoint: never one that ended with a reply made here or because the
   * client went away. Told once per attempt, when nothing more is to come; the endpoint may have left the list. The response
   * head is there if `exchange.headersMs` is not before `exchange.attemptMs`. A balancer without it costs nothing.
   */
  ended?(endpoint: Endpoint, exchange: Exchange): void
}

/** When endpoints are checked, and when an answer is believed. The core does this for every check; `healthScheduleProperties` has its schema. */
export interface HealthSchedule {
  /** Between two checks of one endpoint. Milliseconds, 1..86400000; default 5000. */
  readonly intervalMs?: number
  /** How long a check may take; then it has failed. Milliseconds, 1..600000; default 2000. */
  readonly timeoutMs?: number
  /** Failures in a row that make an endpoint unfit. 1..1000; default 3. The first answer about an endpoint, and an `Unfit`, are believed at once. */
  readonly unhealthyThreshold?: number
  /** Successes in a row that make it fit again. 1..1000; default 2. The first answer about an endpoint is believed at once. */
  readonly healthyThreshold?: number
  /** Every interval is longer by up to this share of it, at random. 0..100; default 10. */
  readonly jitterPercent?: number
  /** The first check of an endpoint is put off by up to this long, at random. Milliseconds, 0..86400000; default 0. */
  readonly initialJitterMs?: number
  /** Between two checks of an unfit endpoint. Milliseconds; default: `intervalMs`. */
  readonly unhealthyIntervalMs?: number
  /** Until the next check while the last ones contradict what is believed and a threshold is not reached. Milliseconds; default: `intervalMs`. */
  readonly edgeIntervalMs?: number
  /** Between two checks of a fit endpoint until its service has had traffic. Milliseconds; default: `intervalMs`. */
  readonly noTrafficIntervalMs?: number
  /** Whether a new endpoint gets no traffic before its first check has succeeded. Default false: it is fit until a check says otherwise. */
  readonly waitForFirst?: boolean
}

/** Is it fit? Asked on the control side, once per endpoint and time, however many threads carry traffic. */
export interface HealthCheck extends HealthSchedule {
  /**
   * Resolve if it is; reject with the reason if it is not, with an `Unfit` if the endpoint itself has said so.
   * @param signal aborts when the time is over or nobody wants to know any more
   */
  check(endpoint: Endpoint, signal: AbortSignal): Promise<void>
  /** The endpoint is checked no more: close what was kept for it. */
  forget?(endpoint: Endpoint): void
}

/**
 * Should it rest? Told how each attempt ended that says something about its endpoint: never of a reply made here, nor of a
 * client that went away. After a rest the endpoint is on probation (`endpoint.probation`) until one attempt has gone well.
 */
export interface OutlierDetector {
  /**
   * @param peers all endpoints of the service, fit or not, this one among them
   * @returns how many milliseconds to keep the endpoint out, more than 0; undefined: it stays
   */
  ended(endpoint: Endpoint, exchange: Exchange, peers: readonly Endpoint[]): number | undefined
}

/**
 * Is there room? Asked before each attempt; `ended` is called once for each attempt that was admitted. A reload makes new
 * ones by name: what they have counted starts from 0, and exchanges under way give back to the old ones.
 */
export interface Admission {
  admit(exchange: Exchange): MeshError | undefined
  ended(exchange: Exchange): void
  /**
   * Is there room for one more attempt? Asked when the retry policy wants one, before what there is of the failed one is given up: on false the client gets that, and
   * `exchange.unretried` is `overflow`. On true the attempt counts in `service.retrying` at once, and `admit` is asked when it is made.
   */
  mayRetry?(exchange: Exchange): boolean
}

/**
 * Once more? Asked only about failures: an error (`exchange.error`), a status of 400 and more, a `grpc-status` other than 0
 * among the header fields. The core alone decides whether it may: it does not ask about a request that cannot be repeated
 * safely, nor once anything went downstream, and makes no more than 100 attempts, none after the deadline.
 */
export interface RetryPolicy {
  /** How much of a request body is kept so that it can be sent again. Bytes; default 65536. A longer body is sent once. */
  readonly replayBytes?: number
  /** How long one attempt may take to bring a response head, from when it was made. Milliseconds; default 0: as long as all of them. MESH_ATTEMPT_TIMEOUT. */
  readonly attemptTimeoutMs?: number
  /** A request header that tells the endpoint which attempt it sees: `1`, `2`, … Lower case; default: none. */
  readonly attemptHeader?: string
  /** Be asked about every response, whatever its status. Default false. */
  readonly everyResponse?: boolean
  /** Milliseconds until the next attempt, 0..; undefined: what there is goes to the client. */
  next(exchange: Exchange): number | undefined
}

/** A private key and the certificate that was made for it, in PEM. */
export interface KeyPair {
  /** Not encrypted. */
  readonly key: string
  /** The certificate first, then the intermediates that lead to a root. */
  readonly cert: string
}

/** Keys, certificates and roots, all of them together. */
export interface TlsMaterial {
  /** A listener shows the one whose names fit what the client asks for, else the first; a service shows the first. A service may do without any. */
  readonly certificates: readonly KeyPair[]
  /** Roots to verify peers with, in PEM. Default: those that come with Node; a listener verifies its clients with nothing else than this. */
  readonly ca?: string
}

/**
 * Who am I, and whom do I trust? Publishes all of it within ten seconds and after each rotation. Material that cannot be used
 * (a key that does not belong to its certificate, say) is logged and changes nothing. Asked on the control side, once for each
 * listener and service that names it.
 */
export interface Identity {
  watch(publish: (material: TlsMaterial) => void): Awaitable<() => void>
  /** As that of a {@link Discovery}. */
  check?(): Promise<void>
}

/** Carry it. The one question whose answer moves bytes, so the core answers it unless told otherwise. */
export interface Transport {
  /**
   * Tells `sink` everything that becomes of it, perhaps before it returns. The request body is `exchange.body`.
   * @returns what steers the attempt, from before there is a connection; without effect once the sink has heard the last of it
   */
  send(exchange: Exchange, endpoint: Endpoint, sink: Sink): Flow
  /** The endpoints of one priority that may get traffic, told when the service begins and after each change: connections to them may be made ahead. */
  prepare?(endpoints: readonly Endpoint[]): void
  /** Called when discovery has dropped an endpoint: close its idle connections, let the others end. */
  forget?(endpoint: Endpoint): void
  /**
   * Closes every connection; resolves when they are closed. Called once, when the mesh closes. One that no service has any more after a
   * reload is told to forget all endpoints before that, and is kept by nobody: exchanges may be under way with it.
   */
  close(): Promise<void>
}

/** Every question by the word that a configuration file uses for it. */
export interface Questions {
  filter: Filter
  networkFilter: NetworkFilter
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
