// An exchange: one request and everything that becomes of it.
import type { X509Certificate } from 'node:crypto'
import type { Endpoint } from './endpoint.ts'
import { MeshError } from './errors.ts'
import type { Headers } from './headers.ts'
import type { PeerCertificate } from './identity/peer-certificate.ts'
import type { Filter } from './questions.ts'
import type { Reply } from './reply.ts'
import type { RequestBody } from './request-body.ts'
import type { Route } from './route/route.ts'
import type { Service } from './service.ts'

/** The connection that a request came on, as far as somebody wants to know: a socket of Node. */
export interface ClientConnection {
  readonly remotePort?: number | undefined
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
  /** Of TLS, `TLSv1.3`; only where TLS is spoken. */
  getProtocol?(): string | null
  /** The certificate that this side has shown; only where TLS is spoken. */
  getX509Certificate?(): X509Certificate | undefined
  /** The name that the client asked for by SNI. */
  readonly servername?: string | false | null | undefined
}

/** The request as it will be sent. Filters may change method, path, query, authority and headers until an attempt is made. */
export class Request {
  /** Case-sensitive token. */
  method: string
  /** Starts with `/` (or is `*` for OPTIONS), without the query; normalised by the listener's path policy. */
  path: string
  /** What stood behind `?`, without it; empty if there was none. */
  query: string
  /** Whether there was a `?`, even with nothing behind it. */
  hasQuery: boolean
  /** The Host as it will be sent upstream, with a port if the client sent one. */
  authority: string
  /** `http` or `https`: how the client (or the trusted hop before us says it) spoke. */
  scheme: 'http' | 'https'
  /** End-to-end fields only: hop-by-hop fields, Host, Content-Length and Transfer-Encoding are not among them. */
  readonly headers: Headers
  /** `1.0` or `1.1`. */
  readonly version: string
  /** The other end of the client's connection. */
  readonly peerAddress: string
  /** Undefined for a request that no client has sent. */
  readonly connection: ClientConnection | undefined
  /** The certificate that the other end has shown, verified; undefined: it has shown none, or was not asked for one. */
  readonly peerCertificate: PeerCertificate | undefined
  /** The client, looked for behind trusted hops. */
  readonly clientAddress: string
  /** X-Request-Id: kept from a trusted hop, made otherwise. */
  readonly id: string
  /** The path before any rewrite. */
  readonly originalPath: string
  /** The protocol asked for by Upgrade, lower case; undefined for an ordinary request. */
  readonly upgrade: string | undefined
  /** The client waits for 100 (Continue) before it sends its body. */
  readonly expectContinue: boolean
  /** The trailer fields, there when `onRequestBody` is called for the last time; a body filter may change or set them then. */
  trailers: Headers | undefined = undefined

  constructor(parts: RequestParts) {
    this.method = parts.method
    this.path = parts.path
    this.query = parts.query
    this.hasQuery = parts.hasQuery
    this.authority = parts.authority
    this.scheme = parts.scheme
    this.headers = parts.headers
    this.version = parts.version
    this.peerAddress = parts.peerAddress
    this.connection = parts.connection
    this.peerCertificate = parts.peerCertificate
    this.clientAddress = parts.clientAddress
    this.id = parts.id
    this.originalPath = parts.path
    this.upgrade = parts.upgrade
    this.expectContinue = parts.expectContinue
  }

  /** The request target in origin form. */
  get target(): string {
    return this.hasQuery ? `${this.path}?${this.query}` : this.path
  }
}

export type RequestParts = Omit<Request, 'target' | 'originalPath' | 'trailers' | 'peerCertificate' | 'connection'> & {
  readonly peerCertificate?: PeerCertificate | undefined
  readonly connection?: ClientConnection | undefined
}

/** Who can read the body of a response ahead: the exchange's relay. */
export interface ResponseSource {
  readResponse(maxBytes: number): Promise<Uint8Array>
}

/** The response as the endpoint sent it and as the client will see it. */
export class Response {
  /** 200..999 in `onResponseHeaders`. */
  status: number
  /** May be empty. */
  reason: string
  /** End-to-end fields only. Content-Length is among them until a body filter makes it void. */
  readonly headers: Headers
  /** The trailer fields, there when `onResponseBody` is called for the last time; a body filter may change or set them then. */
  trailers: Headers | undefined = undefined
  /** Set by the core while its body can be read ahead. */
  source: ResponseSource | undefined = undefined

  constructor(status: number, reason: string, headers: Headers) {
    this.status = status
    this.reason = reason
    this.headers = headers
  }

  /**
   * Reads all of the body before the head is sent, for a filter that decides by the body what the head is to be; to be awaited
   * in `onResponseHeaders`. The body then goes its way as if it had not been read; `trailers` are there. A second call answers the same.
   * @param maxBytes a longer one rejects with MESH_RESPONSE_BUFFER_FULL
   */
  async read(maxBytes: number): Promise<Uint8Array> {
    if (this.source === undefined) throw new MeshError('MESH_INTERNAL', 'the body of a response was asked for when its head had gone')
    return this.source.readResponse(maxBytes)
  }
}

/** What carries an exchange while it is under way: its relay. */
export interface ExchangeRun {
  /** A reply made now passes the filters before this place in the chain. */
  front: number
  /** Another one: nobody waits for a phase that began before. */
  turn: number
  answerFrom(filter: Filter, answer: Reply | MeshError): void
  wake(filter: Filter, of: 'request' | 'response'): void
}

/** Room for plugins, one property each: `declare module '@meshwright/core' { interface ExchangeState { geo?: Place } }`. */
export interface ExchangeState {}

const noEndpoints: readonly Endpoint[] = []

/** One request and everything that becomes of it. The only object made per request that plugins see. */
export class Exchange {
  readonly request: Request
  /** The body on its way to the endpoint; undefined when the request has none. */
  readonly body: RequestBody | undefined
  /** There from `onResponseHeaders` on; for a reply made here, what was replied. */
  response: Response | undefined = undefined
  /** Whether `response` was made here instead of by an endpoint. */
  replied = false
  /** Undefined when no route matched. */
  route: Route | undefined
  /** Undefined until the route has chosen one. Stays the same for every attempt. */
  service: Service | undefined = undefined
  /** The endpoint of the current, or else the last, attempt. */
  endpoint: Endpoint | undefined = undefined
  /** Attempts made so far, the current one included. */
  attempt = 0
  /** How often a request went to the same endpoint again, within one attempt, because an idle connection turned out to be closed. */
  resent = 0
  /** The endpoints of the attempts before the current one. */
  tried: readonly Endpoint[] = noEndpoints
  /** Whether any byte of the request was sent in the current, or else the last, attempt. */
  sent = false
  /** Why it failed, or between two attempts why the last one did; undefined when all is well. */
  error: MeshError | undefined = undefined
  /**
   * Why a failure that was worth another attempt got none: the retry policy has made as many as it may (`attempts`, set by it), or there was no room for
   * one (`overflow`). Envoy's flags URX and UO.
   */
  unretried: 'attempts' | 'overflow' | undefined = undefined
  /** Name of the listener it came from. */
  readonly listener: string

  // Milliseconds of the monotonic clock (performance.now()); 0: has not happened.
  /** The request head was there. */
  readonly startedMs: number
  /** The current attempt was handed to the transport; stays that of the one before until then. */
  attemptMs = 0
  /** The response head was there. */
  headersMs = 0
  /** It was over. */
  endedMs = 0
  /** It is given up then, and no attempt is made that could not begin before. A filter may set it in `onRequestHeaders` (MESH_DEADLINE_EXCEEDED); the service's `requestMs` can only bring it forward (MESH_REQUEST_TIMEOUT). Infinity: never. */
  deadlineMs: number = Infinity

  /** Body bytes taken from the client, and sent to it. */
  requestBytes = 0
  responseBytes = 0

  /** Set by the core. */
  run: ExchangeRun | undefined = undefined

  #state: ExchangeState | undefined = undefined

  constructor(request: Request, body: RequestBody | undefined, route: Route | undefined, listener: string, startedMs: number) {
    this.request = request
    this.body = body
    this.route = route
    this.listener = listener
    this.startedMs = startedMs
  }

  /**
   * Answers it, or fails it with an error, from outside of the filter's phases: when a timer fires, or something else has come to light
   * while an endpoint is at work. An attempt that is under way is given up, which says nothing about its endpoint; so is what any filter
   * still thinks about. What is answered passes the filters in front, as what a phase answers. Once the head of a response has gone the
   * client is cut; without effect when the exchange is over or answered already. It happens in a microtask, never inside of the call;
   * within a phase return the answer instead.
   * @param filter who answers: itself
   */
  answer(filter: Filter, answer: Reply | MeshError): void {
    this.run?.answerFrom(filter, answer)
  }

  /**
   * Calls the filter's body phase between two chunks, with an empty one and `last` false: to be asked for by a filter that has kept bytes
   * back (by returning an empty array) and may let them go before the next chunk comes. What the phase returns goes on to the filters
   * behind it and out at once. The call is made as soon as no filter thinks about this body and its destination takes more: in a
   * microtask at the earliest, once for however many times it was asked for, and not at all when the last call has been made by then,
   * or no call has. A filter with `bufferRequestBytes` or `bufferResponseBytes` is not called.
   * @param filter who wants to be called: itself
   */
  wake(filter: Filter, of: 'request' | 'response'): void {
    this.run?.wake(filter, of)
  }

  /** What plugins keep about this exchange. Made at the first use. */
  get state(): ExchangeState {
    return (this.#state ??= {})
  }
}
