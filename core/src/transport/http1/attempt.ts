// One attempt over an HTTP/1.1 connection: writes the request, passes the response on, gives the connection back.
import { MeshError } from '../../errors.ts'
import type { Exchange, Response } from '../../exchange.ts'
import type { BodySink, Flow, Sink } from '../../flow.ts'
import type { Headers } from '../../headers.ts'
import { trailerText } from '../../http1/trailer-text.ts'
import { isIdempotent } from '../../methods.ts'
import type { RequestBody } from '../../request-body.ts'
import type { ResponseHead } from '../response-head.ts'
import type { Connection } from './connection.ts'
import type { Applicant, Pool } from './pool.ts'

/** How long the endpoint may keep silent about Expect before the body is sent all the same (RFC 9110 §10.1.1). */
const continueWaitMs = 1_000

export class Http1Attempt implements Applicant, Flow, BodySink {
  readonly #exchange: Exchange
  readonly #body: RequestBody | undefined
  readonly #pool: Pool
  readonly #sink: Sink
  readonly #head: string
  #connection: Connection | undefined = undefined
  #reused = false
  #triedFresh = false
  #over = false
  #bodyStarted = false
  #bodyDone: boolean
  #continueTimer: NodeJS.Timeout | undefined = undefined
  /** The 101 that was accepted. */
  #switching: Response | undefined = undefined

  constructor(exchange: Exchange, head: string, pool: Pool, sink: Sink) {
    this.#exchange = exchange
    this.#body = exchange.body
    this.#bodyDone = exchange.body === undefined
    this.#head = head
    this.#pool = pool
    this.#sink = sink
  }

  get takesOver(): boolean {
    return this.#exchange.request.upgrade !== undefined
  }

  assign(connection: Connection): void {
    this.#connection = connection
    this.#reused = connection.connected
    const { request } = this.#exchange
    connection.take(this, request.method === 'HEAD', request.upgrade !== undefined)
  }

  // -- Flow

  pause(): void {
    this.#connection?.socket.pause()
  }

  resume(): void {
    this.#connection?.socket.resume()
  }

  // -- Flow and BodySink: whoever gives up, the endpoint sees the connection go

  abort(_error: MeshError): void {
    if (this.#over) return
    if (this.#connection === undefined) this.#pool.withdraw(this)
    this.#finish()?.destroy()
  }

  // -- the connection's events

  onConnected(): void {
    if (this.#over) return
    const connection = this.#connection as Connection
    if (!this.#triedFresh) this.#sink.onSent()
    if (this.#over) return
    connection.begin(this.#head)
    if (this.#bodyDone) return
    if (this.#exchange.request.expectContinue) this.#continueTimer = setTimeout(() => this.#sendBody(), continueWaitMs)
    else this.#sendBody()
  }

  onDrain(): void {
    if (!this.#over && this.#bodyStarted && !this.#bodyDone) this.#body?.resume()
  }

  onHead(head: ResponseHead): void {
    if (this.#over) return
    const { status, headers } = head.response
    if (status === 101) return this.#checkSwitch(head)
    if (status >= 200) {
      clearTimeout(this.#continueTimer)
      this.#sink.onHeaders(head.response)
      return
    }
    this.#sink.onInform(status, headers)
    if (status === 100 && this.#exchange.request.expectContinue) this.#sendBody()
  }

  onBody(chunk: Uint8Array): void {
    if (!this.#over) this.#sink.onData(chunk)
  }

  onComplete(trailers: Headers | undefined, _rest: number): void {
    if (this.#over) return
    const connection = this.#finish()
    // An endpoint that answered before it had read everything cannot be given another request.
    if (this.#bodyDone) connection?.release()
    else connection?.destroy()
    this.#sink.onEnd(trailers)
  }

  onSwitch(rest: Buffer): void {
    const response = this.#switching
    if (this.#over || response === undefined) return
    const socket = (this.#finish() as Connection).detach()
    if (rest.byteLength > 0) socket.unshift(Buffer.from(rest))
    this.#sink.onUpgrade(response, socket)
  }

  onFlush(): boolean {
    return this.#sink.onFlush()
  }

  onLost(error: MeshError): void {
    if (this.#over) return
    const connection = this.#connection
    if (this.#mayTryFresh(connection)) {
      this.#triedFresh = true
      this.#exchange.resent++
      clearTimeout(this.#continueTimer)
      this.#body?.detach()
      this.#connection = undefined
      this.#pool.apply(this, true)
      return
    }
    this.#finish()
    this.#sink.onError(error)
  }

  // -- BodySink

  write(chunk: Uint8Array): boolean {
    if (this.#over || chunk.byteLength === 0) return true
    const { socket } = this.#connection as Connection
    if (this.#body?.declaredBytes !== undefined) return socket.write(chunk)
    socket.cork()
    socket.write(`${chunk.byteLength.toString(16)}\r\n`, 'latin1')
    socket.write(chunk)
    const more = socket.write('\r\n', 'latin1')
    socket.uncork()
    return more
  }

  end(trailers: Headers | undefined): void {
    if (this.#over) return
    this.#bodyDone = true
    if (this.#body?.declaredBytes !== undefined) return
    this.#connection?.socket.write(`0\r\n${trailers === undefined ? '' : trailerText(trailers)}\r\n`, 'latin1')
  }

  // -- private

  /** Only what was asked for may be switched to (RFC 9110 §7.8). */
  #checkSwitch(head: ResponseHead): void {
    const asked = this.#exchange.request.upgrade
    if (head.upgrade !== asked || asked === undefined) {
      this.#finish()?.destroy()
      return this.#sink.onError(new MeshError('MESH_UPSTREAM_PROTOCOL', '101 to another protocol than the one asked for'))
    }
    this.#switching = head.response
    head.response.headers.append('connection', 'upgrade')
    head.response.headers.append('upgrade', asked)
  }

  /**
   * An endpoint may close an idle connection just when it is used again. Then a request that is safe to repeat, and still
   * whole, is sent once more on a fresh one (RFC 9112 §9.3.1).
   */
  #mayTryFresh(connection: Connection | undefined): boolean {
    if (!this.#reused || this.#triedFresh || connection === undefined || connection.answered) return false
    if (!isIdempotent(this.#exchange.request.method)) return false
    return this.#body === undefined || (this.#body.replayable && !this.#bodyStarted)
  }

  #sendBody(): void {
    clearTimeout(this.#continueTimer)
    if (this.#over || this.#bodyStarted) return
    this.#bodyStarted = true
    this.#body?.sendTo(this)
  }

  /** Lets go of everything: what the connection does next is no longer this attempt's. */
  #finish(): Connection | undefined {
    const connection = this.#connection
    this.#over = true
    this.#connection = undefined
    clearTimeout(this.#continueTimer)
    if (!this.#bodyDone) this.#body?.detach()
    return connection
  }
}
