// The transport for what undici cannot carry: upgrades, 100 (Continue) and request trailers, one connection each.
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Endpoint } from '../endpoint.ts'
import { MeshError } from '../errors.ts'
import type { Exchange, Response } from '../exchange.ts'
import { passableTrailers } from '../fields.ts'
import { Headers } from '../headers.ts'
import type { BodySink, Flow, Sink } from '../flow.ts'
import type { RequestBody } from '../request-body.ts'
import { responseOf } from './response-head.ts'
import type { TransportOptions } from './undici.ts'
import { toUpstreamError } from './upstream-error.ts'

/** How long the endpoint may keep silent about Expect before the body is sent all the same (RFC 9110 §10.1.1). */
const continueWaitMs = 1_000

/** Must this exchange go through here? */
export function needsNodeHttp(exchange: Exchange): boolean {
  const { request, body } = exchange
  if (request.upgrade !== undefined) return true
  return body !== undefined && (request.expectContinue || (body.declaredBytes === undefined && request.headers.has('trailer')))
}

/** Sends an attempt on a connection of its own, which is closed afterwards. */
export function sendByNodeHttp(exchange: Exchange, endpoint: Endpoint, options: TransportOptions, sink: Sink): void {
  let outgoing: ClientRequest
  try {
    outgoing = httpRequest({
      host: endpoint.host,
      port: endpoint.port,
      method: exchange.request.method,
      path: exchange.request.target,
      headers: headerList(exchange),
      agent: false,
      setHost: false,
      maxHeaderSize: options.headBytes,
      insecureHTTPParser: false,
    })
  } catch (thrown) {
    sink.onError(new MeshError('MESH_BAD_HEADER', (thrown as Error).message, thrown))
    return
  }
  // 0: as many as fit into the head; Node's own limit would drop the rest without a word.
  outgoing.maxHeadersCount = 0
  new NodeAttempt(exchange, outgoing, sink).start()
}

function headerList({ request, body }: Exchange): string[] {
  const list = ['host', request.authority, ...request.headers.toList()]
  if (request.upgrade !== undefined) list.push('connection', 'upgrade', 'upgrade', request.upgrade)
  else list.push('connection', 'close')
  if (request.expectContinue) list.push('expect', '100-continue')
  if (body === undefined) return list
  if (body.declaredBytes === undefined) list.push('transfer-encoding', 'chunked')
  else list.push('content-length', String(body.declaredBytes))
  return list
}

class NodeAttempt implements Flow, BodySink {
  readonly #exchange: Exchange
  readonly #body: RequestBody | undefined
  readonly #outgoing: ClientRequest
  readonly #sink: Sink
  #incoming: IncomingMessage | undefined = undefined
  #continueTimer: NodeJS.Timeout | undefined = undefined
  #connected = false
  #bodyStarted = false
  #over = false

  constructor(exchange: Exchange, outgoing: ClientRequest, sink: Sink) {
    this.#exchange = exchange
    this.#body = exchange.body
    this.#outgoing = outgoing
    this.#sink = sink
  }

  start(): void {
    const outgoing = this.#outgoing
    outgoing.on('error', (error) => this.#fail(toUpstreamError(error, this.#connected, this.#incoming !== undefined)))
    outgoing.on('socket', (socket) => socket.once('connect', () => this.#onConnect()))
    outgoing.on('continue', () => this.#onContinue())
    outgoing.on('information', (info) => this.#onInformation(info.statusCode, info.rawHeaders))
    outgoing.on('response', (incoming) => this.#onResponse(incoming))
    outgoing.on('upgrade', (incoming, socket, head) => this.#onUpgrade(incoming, socket, head))
    outgoing.on('drain', () => this.#body?.resume())
    outgoing.on('close', () => this.#fail(new MeshError('MESH_UPSTREAM_CLOSED', 'closed without a response')))
    if (this.#body === undefined) outgoing.end()
    else outgoing.flushHeaders()
  }

  // -- Flow

  pause(): void {
    this.#incoming?.pause()
  }

  resume(): void {
    this.#incoming?.resume()
  }

  // -- Flow and BodySink: whoever gives up, the endpoint sees the connection go

  abort(_error: MeshError): void {
    this.#finish()
    this.#outgoing.destroy()
  }

  // -- BodySink

  write(chunk: Uint8Array): boolean {
    return this.#over || this.#outgoing.write(chunk)
  }

  end(trailers: Headers | undefined): void {
    if (this.#over) return
    if (trailers !== undefined) this.#outgoing.addTrailers([...trailers])
    this.#outgoing.end()
  }

  // -- node:http's events

  #onConnect(): void {
    if (this.#over) return
    this.#connected = true
    this.#sink.onSent(this)
    if (this.#over || this.#body === undefined) return
    if (this.#exchange.request.expectContinue) this.#continueTimer = setTimeout(() => this.#sendBody(), continueWaitMs)
    else this.#sendBody()
  }

  #onContinue(): void {
    if (this.#over) return
    this.#sink.onInform(100, new Headers())
    this.#sendBody()
  }

  #onInformation(status: number, raw: readonly string[]): void {
    // 100 has an event of its own.
    if (this.#over || status === 100) return
    const response = responseOf(status, '', raw)
    if (response instanceof MeshError) this.#fail(response)
    else this.#sink.onInform(status, response.headers)
  }

  #onResponse(incoming: IncomingMessage): void {
    clearTimeout(this.#continueTimer)
    if (this.#over) return
    const response = responseOf(incoming.statusCode ?? 0, incoming.statusMessage ?? '', incoming.rawHeaders)
    if (response instanceof MeshError) return this.#fail(response)
    this.#incoming = incoming
    incoming.on('data', (chunk: Buffer) => {
      if (!this.#over) this.#sink.onData(chunk)
    })
    incoming.on('end', () => this.#onEnd(incoming))
    incoming.on('error', (error) => this.#fail(toUpstreamError(error, true, true)))
    this.#sink.onHeaders(response)
  }

  #onEnd(incoming: IncomingMessage): void {
    if (this.#over || !incoming.complete) return
    this.#finish()
    const trailers = incoming.rawTrailers.length === 0 ? undefined : passableTrailers(incoming.rawTrailers)
    // The endpoint may have answered before it had read everything.
    this.#outgoing.destroy()
    this.#sink.onEnd(trailers === undefined ? undefined : new Headers(trailers))
  }

  #onUpgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.#over) {
      socket.destroy()
      return
    }
    const response = responseOf(101, incoming.statusMessage ?? '', incoming.rawHeaders)
    const problem = response instanceof MeshError ? response : this.#checkSwitch(incoming)
    if (problem !== undefined) {
      socket.destroy()
      return this.#fail(problem)
    }
    this.#finish()
    socket.pause()
    if (head.byteLength > 0) socket.unshift(head)
    this.#sink.onUpgrade(withUpgrade(response as Response, this.#exchange.request.upgrade ?? ''), socket)
  }

  /** Only what was asked for may be switched to, and only if it was asked for (RFC 9110 §7.8). */
  #checkSwitch(incoming: IncomingMessage): MeshError | undefined {
    const asked = this.#exchange.request.upgrade
    if (asked === undefined) return new MeshError('MESH_UPSTREAM_PROTOCOL', '101 to a request that did not ask for an upgrade')
    const got = incoming.headers.upgrade?.trim().toLowerCase()
    return got === asked ? undefined : new MeshError('MESH_UPSTREAM_PROTOCOL', '101 to another protocol than the one asked for')
  }

  #sendBody(): void {
    clearTimeout(this.#continueTimer)
    if (this.#over || this.#bodyStarted) return
    this.#bodyStarted = true
    this.#body?.sendTo(this)
  }

  #fail(error: MeshError): void {
    if (this.#over) return
    this.#finish()
    this.#outgoing.destroy()
    this.#sink.onError(error)
  }

  #finish(): void {
    this.#over = true
    clearTimeout(this.#continueTimer)
    this.#body?.detach()
  }
}

function withUpgrade(response: Response, protocol: string): Response {
  response.headers.append('connection', 'upgrade')
  response.headers.append('upgrade', protocol)
  return response
}
