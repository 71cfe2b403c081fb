// A call of the mesh's own: a plugin asks a service something, through the same balancing, limits, retries and timeouts as everybody.
import type { Duplex } from 'node:stream'
import { Chain } from './chain.ts'
import { MeshError } from './errors.ts'
import { Exchange, Request } from './exchange.ts'
import type { Downstream, DownstreamRelay } from './flow.ts'
import { Headers } from './headers.ts'
import { attempt } from './proxy.ts'
import { Relay } from './relay.ts'
import type { RelayHost } from './relay-host.ts'
import { RequestBody, type BodyReceiver, type BodySource } from './request-body.ts'
import type { Service } from './service.ts'

/** What a plugin asks a service. */
export interface CallRequest {
  /** Default `GET`. */
  readonly method?: string
  /** Starts with `/`; a query stands behind `?`. Default `/`. */
  readonly path?: string
  /** Host as it will be sent. Default: the name of the service. */
  readonly authority?: string
  readonly headers?: Headers
  /** Sent whole, with its length. Default: no body. */
  readonly body?: Uint8Array
  readonly trailers?: Headers
  /** For the whole call. Milliseconds; default: the service's own `requestMs`. MESH_DEADLINE_EXCEEDED. */
  readonly timeoutMs?: number
  /** What is taken of the response body. Bytes; default 1048576. MESH_RESPONSE_BUFFER_FULL. */
  readonly maxBytes?: number
  /** Aborts it: the promise rejects with MESH_CLIENT_CLOSED. */
  readonly signal?: AbortSignal
}

/** What it answers. */
export interface CallResponse {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array
  readonly trailers: Headers | undefined
}

const defaultMaxBytes = 1_048_576
const noFilters = new Chain([])
/** Nobody waits for a client here. */
const noClient = { requestBodyIdleMs: 0, responseStallMs: 0, tunnelIdleMs: 0, filterMs: 0 }

/**
 * Calls a service. No route and no filter is passed.
 * @returns a promise of any response, whatever its status; rejects with a MeshError when there is none
 */
export function call(service: Service, asked: CallRequest, host: RelayHost): Promise<CallResponse> {
  const exchange = exchangeOf(service, asked)
  const answer = new Answer(exchange, asked.maxBytes ?? defaultMaxBytes)
  const relay = new Relay(exchange, noFilters, answer, noClient, host)
  exchange.service = service
  relay.timeouts = service.timeouts
  if (asked.timeoutMs !== undefined) exchange.deadlineMs = exchange.startedMs + asked.timeoutMs
  exchange.body?.prepare(relay, exchange, undefined, service.retry === undefined ? 0 : (service.retry.replayBytes ?? 65_536))
  relay.startClock(service.timeouts.requestMs)
  const abort = (): void => relay.kill(new MeshError('MESH_CLIENT_CLOSED', 'the call was given up'))
  asked.signal?.addEventListener('abort', abort, { once: true })
  if (asked.signal?.aborted === true) abort()
  else attempt(relay)
  return answer.promise.finally(() => asked.signal?.removeEventListener('abort', abort))
}

/** An exchange that no client has begun. */
export function exchangeOf(service: Service, asked: CallRequest): Exchange {
  const { method = 'GET', path: target = '/', authority = service.name, headers = new Headers(), body, trailers } = asked
  const query = target.indexOf('?')
  const request = new Request({
    method,
    path: query < 0 ? target : target.slice(0, query),
    query: query < 0 ? '' : target.slice(query + 1),
    hasQuery: query >= 0,
    authority,
    scheme: 'http',
    headers: headers.clone(),
    version: '1.1',
    peerAddress: '',
    clientAddress: '',
    id: headers.get('x-request-id') ?? '',
    upgrade: undefined,
    expectContinue: false,
  })
  const sent = body === undefined ? undefined : new RequestBody(new Given(body, trailers), trailers === undefined ? body.byteLength : undefined, 0)
  return new Exchange(request, sent, undefined, 'call', performance.now())
}

/** A body that is there already. */
class Given implements BodySource {
  readonly #body: Uint8Array
  readonly #trailers: Headers | undefined

  constructor(body: Uint8Array, trailers: Headers | undefined) {
    this.#body = body
    this.#trailers = trailers
  }

  open(receiver: BodyReceiver): void {
    if (this.#body.byteLength > 0) receiver.receive(this.#body)
    receiver.finish(this.#trailers)
  }

  pause(): void {}

  resume(): void {}
}

/** Takes the response, as a client does. */
class Answer implements Downstream {
  relay: DownstreamRelay | undefined = undefined
  headSent = false
  readonly promise: Promise<CallResponse>
  readonly #exchange: Exchange
  readonly #maxBytes: number
  readonly #settled = Promise.withResolvers<CallResponse>()
  readonly #chunks: Uint8Array[] = []
  #bytes = 0
  #head: { readonly status: number; readonly headers: Headers } | undefined = undefined

  constructor(exchange: Exchange, maxBytes: number) {
    this.#exchange = exchange
    this.#maxBytes = maxBytes
    this.promise = this.#settled.promise
  }

  inform(): void {}

  head(status: number, _reason: string, headers: Headers): boolean {
    this.headSent = true
    this.#head = { status, headers }
    return true
  }

  write(chunk: Uint8Array): boolean {
    this.#bytes += chunk.byteLength
    if (this.#bytes > this.#maxBytes) {
      this.#lose(new MeshError('MESH_RESPONSE_BUFFER_FULL', `more than ${this.#maxBytes} bytes`))
      return false
    }
    // The bytes are only lent.
    this.#chunks.push(Buffer.from(chunk))
    return true
  }

  flush(): boolean {
    return true
  }

  end(trailers: Headers | undefined): void {
    const { error, replied } = this.#exchange
    if (this.#head === undefined || (replied && error !== undefined)) return this.#lose(error ?? new MeshError('MESH_INTERNAL', 'a call without an answer'))
    this.#settled.resolve({ ...this.#head, body: Buffer.concat(this.#chunks), trailers })
    this.#close(true)
  }

  closeAfter(): void {}

  abort(): void {
    this.#lose(this.#exchange.error ?? new MeshError('MESH_INTERNAL', 'a call was cut'))
  }

  tunnel(_response: unknown, upstream: Duplex, _idleMs: number, _counts: unknown, done: (error: MeshError) => void): void {
    upstream.destroy()
    done(new MeshError('MESH_UPSTREAM_PROTOCOL', 'the endpoint switched protocols'))
    this.abort()
  }

  #lose(error: MeshError): void {
    this.#settled.reject(error)
    this.#close(false)
  }

  /** A client's connection tells it later, too. */
  #close(finished: boolean): void {
    queueMicrotask(() => this.relay?.closed(finished))
  }
}
