// HTTP/1.1 through undici's `dispatch`, to compare the core's own transport with. The only file that knows undici.
import { createRequire } from 'node:module'
import { Readable } from 'node:stream'
import type { Dispatcher, Pool } from 'undici'
import type { Endpoint } from '../endpoint.ts'
import { MeshError } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import { Headers } from '../headers.ts'
import type { BodySink, Flow, Sink } from '../flow.ts'
import type { Transport } from '../questions.ts'
import type { RequestBody } from '../request-body.ts'
import { passableTrailers } from '../fields.ts'
import { toUpstreamError } from './upstream-error.ts'
import { Http1Transport } from './http1.ts'
import type { TransportOptions } from './options.ts'
import { readResponseHead } from './response-head.ts'

/** Loaded when the first service asks for it: it takes some 20 MB. */
function load(): typeof import('undici') {
  return createRequire(import.meta.url)('undici') as typeof import('undici')
}

/**
 * Carries attempts over undici's pools, one per endpoint. What undici cannot carry (upgrades, 100 (Continue), request
 * trailers) goes by the core's own transport, and so does all that goes by TLS. `pending`, `pendingMs` and
 * `requestsPerConnection` hold there only, `warmConnections` nowhere. Known differences: undici takes a 100 it did not ask for, as any status line
 * of HTTP/0.9 or 2.0, for what it is not, and a close-delimited response that is reset for a whole one.
 */
export class UndiciTransport implements Transport {
  readonly #options: TransportOptions
  readonly #own: Http1Transport
  readonly #undici = load()
  readonly #pools = new Map<Endpoint, Pool>()

  constructor(options: TransportOptions) {
    this.#options = options
    this.#own = new Http1Transport(options)
  }

  send(exchange: Exchange, endpoint: Endpoint, sink: Sink): Flow {
    if (this.#options.tls !== undefined || needsOwn(exchange)) return this.#own.send(exchange, endpoint, sink)
    const attempt = new UndiciAttempt(exchange, sink)
    try {
      this.#pool(endpoint).dispatch(attempt.options, attempt)
    } catch (thrown) {
      // A head that undici refuses to write: nothing has been sent.
      attempt.onResponseError(undefined, thrown as Error)
    }
    return attempt
  }

  forget(endpoint: Endpoint): void {
    this.#own.forget(endpoint)
    const pool = this.#pools.get(endpoint)
    if (pool === undefined) return
    this.#pools.delete(endpoint)
    // Resolves when the exchanges under way have ended; they report their own errors.
    pool.close().catch((error: unknown) => pool.destroy(error as Error))
  }

  async close(): Promise<void> {
    const pools = [...this.#pools.values()]
    this.#pools.clear()
    await Promise.all([this.#own.close(), ...pools.map((pool) => pool.destroy())])
  }

  #pool(endpoint: Endpoint): Pool {
    const known = this.#pools.get(endpoint)
    if (known !== undefined) return known
    const { connectMs, keepAliveMs, headBytes, connections } = this.#options
    const pool = new this.#undici.Pool(`http://${endpoint.address}`, {
      connections: connections === 0 ? null : connections,
      pipelining: 1,
      allowH2: false,
      connect: { timeout: connectMs, keepAlive: true },
      keepAliveTimeout: Math.max(1, keepAliveMs),
      keepAliveMaxTimeout: Math.max(1, keepAliveMs),
      maxHeaderSize: headBytes,
      // Every wait is on the exchange's own clock.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
    this.#pools.set(endpoint, pool)
    return pool
  }
}

/** Makes the transport that goes by the name `undici`. */
export function undici(options: TransportOptions): Transport {
  return new UndiciTransport(options)
}

function needsOwn({ request, body }: Exchange): boolean {
  if (request.upgrade !== undefined) return true
  return body !== undefined && (request.expectContinue || (body.declaredBytes === undefined && request.headers.has('trailer')))
}

/** One attempt: undici's handler on one side, our Sink and Flow on the other. */
class UndiciAttempt implements Dispatcher.DispatchHandler, Flow {
  readonly options: Dispatcher.DispatchOptions
  readonly #sink: Sink
  readonly #body: UndiciBody | undefined
  #controller: Dispatcher.DispatchController | undefined = undefined
  #aborted: MeshError | undefined = undefined
  #responded = false
  #over = false

  constructor(exchange: Exchange, sink: Sink) {
    const { request, body } = exchange
    this.#sink = sink
    this.#body = body === undefined ? undefined : new UndiciBody(body)
    this.options = {
      method: request.method,
      path: request.target,
      headers: headerList(exchange),
      body: this.#body ?? null,
    }
    // undici closes the connection after a HEAD to be safe from endpoints that send a body; it also checks for stray bytes.
    if (request.method === 'HEAD') this.options.reset = false
  }

  // -- Flow

  pause(): void {
    this.#controller?.pause()
  }

  resume(): void {
    this.#controller?.resume()
  }

  abort(error: MeshError): void {
    this.#over = true
    this.#aborted = error
    this.#body?.release()
    this.#controller?.abort(error)
  }

  // -- undici's events

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#aborted !== undefined) controller.abort(this.#aborted)
    else this.#sink.onSent()
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _headers: unknown, reason?: string): void {
    if (this.#over) return
    const raw = controller.rawHeaders as Buffer[] | undefined
    const head = readResponseHead(status, reason ?? '', toText(raw ?? []))
    if (head instanceof MeshError) {
      this.#fail(head)
      controller.abort(head)
    } else if (status < 200) this.#sink.onInform(status, head.response.headers)
    else {
      this.#responded = true
      this.#sink.onHeaders(head.response)
    }
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#over) this.#sink.onData(chunk)
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.#over) return
    this.#over = true
    this.#body?.release()
    const raw = controller.rawTrailers as Buffer[] | undefined
    const trailers = raw === undefined || raw.length === 0 ? undefined : passableTrailers(toText(raw))
    this.#sink.onEnd(trailers === undefined ? undefined : new Headers(trailers))
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#fail(toUpstreamError(error, this.#controller !== undefined, this.#responded))
  }

  #fail(error: MeshError): void {
    if (this.#over) return
    this.#over = true
    this.#body?.release()
    this.#sink.onError(error)
  }
}

function headerList({ request, body }: Exchange): string[] {
  const list = ['host', request.authority, ...request.headers.toList()]
  if (body === undefined) {
    // RFC 9110 §8.6: a method that expects content says that there is none; undici does so by itself for the usual ones.
    return list
  }
  if (body.declaredBytes !== undefined) list.push('content-length', String(body.declaredBytes))
  return list
}

function toText(raw: readonly Buffer[]): string[] {
  // hot: a loop over a list of known length (bench transport)
  const text = new Array<string>(raw.length)
  for (let i = 0; i < raw.length; i++) text[i] = (raw[i] as Buffer).toString('latin1')
  return text
}

/** A request body as the stream that undici wants. Destroying it leaves the client's connection alone. */
class UndiciBody extends Readable implements BodySink {
  readonly #body: RequestBody
  #started = false
  #released = false

  constructor(body: RequestBody) {
    super({ highWaterMark: 65_536 })
    this.#body = body
    this.on('error', () => {})
  }

  override _read(): void {
    if (this.#released) return
    if (this.#started) return this.#body.resume()
    this.#started = true
    this.#body.sendTo(this)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.release()
    done(error)
  }

  write(chunk: Uint8Array): boolean {
    return this.push(chunk)
  }

  end(): void {
    this.push(null)
  }

  /** The body will never be whole: the endpoint must see an abort. */
  abort(error: MeshError): void {
    this.destroy(error)
  }

  /** The attempt is over: the body may go to another one. */
  release(): void {
    if (this.#released) return
    this.#released = true
    this.#body.detach()
  }
}
