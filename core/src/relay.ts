// One exchange under way: what a transport tells goes to the client from here, and every way out ends in `complete`.
import { BodyPipe } from './body-pipe.ts'
import type { Chain, Verdict } from './chain.ts'
import type { Wait } from './deadlines.ts'
import { EarlyBody } from './early-body.ts'
import type { Endpoint } from './endpoint.ts'
import { MeshError, toMeshError } from './errors.ts'
import { Response, type Exchange } from './exchange.ts'
import type { Downstream, Flow, Sink } from './flow.ts'
import type { Headers } from './headers.ts'
import { problem } from './problem.ts'
import { mayBeFailure, recover, respond, when } from './proxy.ts'
import type { ClientTimeouts, RelayHost } from './relay-host.ts'
import type { Reply } from './reply.ts'
import type { BodyWatcher } from './request-body.ts'
import { isBodyless, sendReply } from './send-reply.ts'
import { Waits } from './waits.ts'
import type { Duplex } from 'node:stream'

/**
 * The run of one exchange. Its life:
 * 1. `proxy` takes it through the request filters and makes an attempt;
 * 2. the transport tells it, as a Sink, what becomes of the attempt; an attempt that fails may be followed by another;
 * 3. response, reply or error goes to the client through the listener's Downstream;
 * 4. `complete` runs once, when the client has everything or is gone.
 */
export class Relay extends Waits implements Sink, BodyWatcher {
  readonly exchange: Exchange
  readonly chain: Chain
  readonly downstream: Downstream
  readonly host: RelayHost
  /** Makes another attempt later. */
  repeat: NodeJS.Timeout | undefined = undefined
  #flow: Flow | undefined = undefined
  #pipe: BodyPipe | undefined = undefined
  #counted = false
  #retrying = false
  #sent = false
  #bodyDone = false
  #over = false
  #full = false
  #held = false
  /** What came while the response filters were still thinking. */
  #early: EarlyBody | undefined = undefined

  constructor(exchange: Exchange, chain: Chain, downstream: Downstream, client: ClientTimeouts, host: RelayHost) {
    super(host.deadlines, client)
    this.exchange = exchange
    this.chain = chain
    this.downstream = downstream
    this.host = host
    this.#bodyDone = exchange.body === undefined
    downstream.relay = this
    host.deadlines.add(this)
  }

  /** Is the exchange complete, or its answer on the way? Then a late result of anything is of no use. */
  get over(): boolean {
    return this.#over
  }

  /** Did any byte of the request reach an endpoint, in any attempt? */
  get sent(): boolean {
    return this.#sent
  }

  // -- attempts

  /** The attempt is admitted: it stays counted until `endAttempt`. */
  countAttempt(): void {
    this.#counted = true
  }

  /** Hands the attempt to the transport of its service. */
  send(endpoint: Endpoint): void {
    const service = this.exchange.service
    const timeouts = this.timeouts
    if (service === undefined || timeouts === undefined) return this.fail(new MeshError('MESH_NO_SERVICE'))
    const number = this.exchange.attempt
    const attemptMs = (this.exchange.attemptMs = performance.now())
    this.waitForConnection(attemptMs)
    if (service.retry?.attemptTimeoutMs !== undefined) this.waitForAttempt(service.retry.attemptTimeoutMs, attemptMs)
    let flow: Flow
    try {
      flow = service.transport.send(this.exchange, endpoint, this)
    } catch (thrown) {
      return this.fail(toMeshError(thrown, 'MESH_PLUGIN_FAILED', `transport of service "${service.name}"`))
    }
    // It may have failed already, and another attempt may be under way.
    if (this.#counted && this.exchange.attempt === number) this.#flow = flow
    else flow.abort(new MeshError('MESH_INTERNAL', 'given up before it began'))
  }

  /** Ends the attempt, if one is under way: nothing more is heard of it, and it is uncounted. */
  endAttempt(): void {
    this.endpointAtMs = Infinity
    this.attemptAtMs = Infinity
    this.#flow = undefined
    this.#pipe?.stop()
    this.#pipe = undefined
    this.#early?.abandon()
    this.#early = undefined
    this.#uncountRetry()
    if (!this.#counted) return
    this.#counted = false
    const failed = this.exchange.service?.attemptEnded(this.exchange, { sent: this.exchange.sent })
    if (failed !== undefined) this.host.pluginFailed(failed)
  }

  /** Another attempt will be made, now or later: it counts as a retry until it ends. */
  countRetry(): void {
    const { service, endpoint, tried } = this.exchange
    if (service === undefined) return
    this.#retrying = true
    service.retrying++
    if (endpoint !== undefined) this.exchange.tried = [...tried, endpoint]
  }

  abortAttempt(error: MeshError): void {
    const flow = this.#flow
    this.#flow = undefined
    this.exchange.body?.detach()
    flow?.abort(error)
  }

  // -- Sink: what the transport tells

  onSent(): void {
    if (this.#over) return
    this.#sent = true
    this.exchange.sent = true
    if (this.#bodyDone) this.waitForHeaders()
    else this.endpointAtMs = Infinity
  }

  onInform(status: number, headers: Headers): void {
    if (this.#over) return
    this.downstream.inform(status, headers)
  }

  onHeaders(response: Response): void {
    if (this.#over) return
    const exchange = this.exchange
    exchange.response = response
    exchange.error = undefined
    exchange.headersMs = performance.now()
    if (exchange.endpoint !== undefined) exchange.endpoint.lastLatencyMs = exchange.headersMs - exchange.attemptMs
    this.waitForData(exchange.headersMs)
    if (exchange.service?.retry !== undefined && mayBeFailure(response, exchange.service.retry) && recover(this, undefined)) return
    this.attemptAtMs = Infinity
    response.source = this
    const verdict = this.chain.responseHeaders(exchange)
    if (verdict === undefined) return respond(this, undefined)
    this.#early ??= new EarlyBody()
    if (!this.#early.wanted) this.#flow?.pause()
    when(verdict, this, respond)
  }

  /** The response head goes to the client. */
  forward(response: Response): void {
    const bodyless = isBodyless(this.exchange.request.method, response.status)
    response.source = undefined
    if (this.chain.responseBody !== undefined && !bodyless) {
      // A filter may change the length, so the one that was declared is void.
      response.headers.delete('content-length')
      this.#pipe = this.#responsePipe(this.chain.responseBody)
    }
    response.headers.append('via', this.host.via)
    if (!this.downstream.head(response.status, response.reason, response.headers, bodyless)) {
      return this.#lost(new MeshError('MESH_UPSTREAM_PROTOCOL', 'the response head cannot be written'))
    }
    this.#releaseEarly()
  }

  onData(chunk: Uint8Array): void {
    if (this.#over) return
    if (this.#early !== undefined) return this.#keepEarly(this.#early, chunk)
    if (!this.#held) this.waitForData()
    // A filter may keep what it is given.
    if (this.#pipe !== undefined) this.#pipe.push(Buffer.from(chunk))
    else this.#write(chunk)
  }

  /** Reads all of the body while the response filters still think; `Response.read` says how. */
  readResponse(maxBytes: number): Promise<Uint8Array> {
    const early = (this.#early ??= new EarlyBody())
    const whole = early.read(maxBytes)
    if (early.wanted) this.#flow?.resume()
    return whole
  }

  onFlush(): boolean {
    if (this.downstream.flush()) return true
    if (!this.#over) this.#holdForClient()
    return false
  }

  onEnd(trailers: Headers | undefined): void {
    if (this.#over) return
    if (this.#early !== undefined) {
      if (this.#early.wanted && this.exchange.response !== undefined) this.exchange.response.trailers = trailers
      this.#early.end(trailers)
      return
    }
    this.#flow = undefined
    // A filter that still thinks about the last chunk is waited for as before.
    if (!this.#held) this.endpointAtMs = Infinity
    // A filter that has read the body ahead may have set them already.
    if (this.exchange.response !== undefined) this.exchange.response.trailers ??= trailers
    if (this.#pipe !== undefined) this.#pipe.end()
    else this.#finish()
  }

  onError(error: MeshError): void {
    if (this.#over) return
    this.#flow = undefined
    this.#lost(error)
  }

  onUpgrade(response: Response, tunnel: Duplex): void {
    if (this.#over) {
      tunnel.destroy()
      return
    }
    this.exchange.response = response
    this.exchange.error = undefined
    this.exchange.headersMs = performance.now()
    this.#flow = { pause() {}, resume() {}, abort: () => tunnel.destroy() }
    this.endpointAtMs = Infinity
    this.attemptAtMs = Infinity
    tunnel.on('error', () => tunnel.destroy())
    when(this.chain.responseHeaders(this.exchange), this, (_relay, verdict) => this.#join(verdict, response, tunnel))
  }

  // -- the ways out

  /** A filter has spoken: answer its reply, or fail with its error. */
  conclude(verdict: Exclude<Verdict, undefined>): void {
    if (verdict instanceof MeshError) this.fail(verdict)
    else this.answer(verdict)
  }

  /** Answers the exchange here. */
  answer(reply: Reply): void {
    if (this.#over) return
    if (this.downstream.headSent) return this.#cut()
    if (this.#counted) this.abortAttempt(new MeshError('MESH_INTERNAL', 'answered here'))
    const exchange = this.exchange
    exchange.replied = true
    const response = (exchange.response = new Response(reply.status, '', reply.headers.clone()))
    this.#over = true
    this.endAttempt()
    this.totalAtMs = Infinity
    this.waitForReader()
    sendReply(reply.body, response, exchange, this.downstream)
  }

  /** Ends the exchange with an error: a problem reply while nothing has been sent, a cut connection after that. */
  fail(error: MeshError): void {
    if (this.#over) return
    this.exchange.error = error
    if (this.downstream.headSent) return this.#cut(error)
    this.answer(problem(error, this.exchange.request.id))
  }

  /** The listener says that the client has everything, or is gone. */
  closed(finished: boolean): void {
    if (!finished) {
      const error = new MeshError('MESH_CLIENT_CLOSED')
      this.#endWith(error)
      this.abortAttempt(error)
    }
    this.complete()
  }

  /** Law: runs exactly once per exchange, whatever happened. */
  complete(): void {
    if (this.exchange.endedMs !== 0) return
    this.#over = true
    this.exchange.endedMs = performance.now()
    this.endAttempt()
    this.host.deadlines.remove(this)
    // An endpoint may have asked for minutes, with all of the exchange in memory.
    if (this.repeat !== undefined) clearTimeout(this.repeat)
    this.exchange.body?.discard(() => this.downstream.abort())
    this.chain.end(this.exchange, (error) => this.host.pluginFailed(error))
    this.host.completed(this.exchange)
  }

  // -- Downstream and body

  /** The client takes more again. */
  drained(): void {
    this.#full = false
    this.clientAtMs = Infinity
    this.#flowOn()
  }

  bodyArrived(bytes: number): void {
    this.exchange.requestBytes += bytes
    this.waitForBody()
  }

  bodyWaiting(on: 'client' | 'endpoint' | 'filter'): void {
    const answered = this.exchange.response !== undefined
    if (on === 'client') {
      this.waitForBody()
      if (this.exchange.sent && !answered) this.endpointAtMs = Infinity
      return
    }
    this.clientAtMs = Infinity
    if (answered) return
    if (on === 'filter') this.waitForFilter()
    else this.waitForHeaders()
  }

  bodySent(): void {
    this.#bodyDone = true
    this.clientAtMs = Infinity
    if (this.exchange.sent && this.exchange.response === undefined) this.waitForHeaders()
  }

  bodyFailed(error: MeshError): void {
    if (this.#over) return
    this.abortAttempt(error)
    this.fail(error)
  }

  bodyAnswered(reply: Reply): void {
    this.conclude(reply)
  }

  timedOut(wait: Wait): void {
    if (wait === 'total') {
      const error = new MeshError(this.totalCode)
      this.abortAttempt(error)
      this.fail(error)
    } else if (wait === 'attempt') {
      const error = new MeshError('MESH_ATTEMPT_TIMEOUT')
      this.abortAttempt(error)
      this.#lost(error)
    } else if (wait === 'endpoint') {
      const error = new MeshError(this.endpointCode)
      this.abortAttempt(error)
      // A filter that does not answer is nothing that another attempt could mend.
      if (error.source === 'mesh') this.fail(error)
      else this.#lost(error)
    } else {
      this.#clientTimedOut(new MeshError(this.clientCode))
    }
  }

  /** Starts the clock of the whole exchange. */
  startClock(requestMs: number): void {
    const { exchange } = this
    const ownMs = requestMs > 0 ? exchange.startedMs + requestMs : Infinity
    // A client with less patience than the service is told so, and the endpoint is not blamed for it.
    const code = exchange.deadlineMs < ownMs ? 'MESH_DEADLINE_EXCEEDED' : 'MESH_REQUEST_TIMEOUT'
    exchange.deadlineMs = Math.min(exchange.deadlineMs, ownMs)
    if (exchange.deadlineMs !== Infinity) this.lastUntil(exchange.deadlineMs, code)
  }

  /** Cuts everything at once: the mesh is going down. */
  kill(error: MeshError): void {
    this.#endWith(error)
    this.#cut(error)
  }

  // -- private

  #uncountRetry(): void {
    if (!this.#retrying) return
    this.#retrying = false
    if (this.exchange.service !== undefined) this.exchange.service.retrying--
  }

  #write(chunk: Uint8Array): void {
    this.exchange.responseBytes += chunk.byteLength
    if (!this.downstream.write(chunk)) this.#holdForClient()
  }

  #keepEarly(early: EarlyBody, chunk: Uint8Array): void {
    const { wanted } = early
    early.push(chunk)
    if (wanted && !early.wanted) this.#flow?.pause()
  }

  /** Nothing more until the client has taken what is there. */
  #holdForClient(): void {
    this.#full = true
    this.#flow?.pause()
    this.endpointAtMs = Infinity
    this.waitForReader()
  }

  #finish(): void {
    this.totalAtMs = Infinity
    this.endAttempt()
    // The last bytes may still wait for a client that does not read.
    this.waitForReader()
    this.#over = true
    this.exchange.body?.discard(() => this.downstream.abort())
    this.downstream.end(this.exchange.response?.trailers)
  }

  /** The attempt failed: another one, an answer, or a cut. */
  #lost(error: MeshError): void {
    this.exchange.error = error
    if (this.downstream.headSent) return this.#cut(error)
    if (this.exchange.service?.retry !== undefined && recover(this, error)) return
    this.fail(error)
  }

  #cut(error: MeshError = new MeshError('MESH_INTERNAL', 'the response had begun')): void {
    this.#over = true
    this.exchange.error ??= error
    this.abortAttempt(error)
    this.downstream.abort()
    this.complete()
  }

  #responsePipe(steps: NonNullable<Chain['responseBody']>): BodyPipe {
    return new BodyPipe(
      steps,
      this.exchange,
      {
        write: (chunk) => this.#write(chunk),
        end: () => this.#finish(),
        fail: (error) => this.fail(error),
        hold: () => this.#hold(),
        release: () => this.#release(),
      },
      'MESH_RESPONSE_BUFFER_FULL',
    )
  }

  #hold(): void {
    this.#held = true
    this.waitForFilter()
    this.#flow?.pause()
  }

  #release(): void {
    this.#held = false
    this.endpointAtMs = Infinity
    this.#flowOn()
  }

  #flowOn(): void {
    if (this.#full || this.#held || this.#flow === undefined || this.#over) return
    this.waitForData()
    this.#flow.resume()
  }

  #releaseEarly(): void {
    const early = this.#early
    if (early === undefined) return
    this.#early = undefined
    early.abandon()
    for (const chunk of early.chunks) this.onData(chunk)
    if (early.ended !== undefined) this.onEnd(early.ended.trailers)
    else this.#flowOn()
  }

  #join(verdict: Verdict, response: Response, tunnel: Duplex): void {
    if (verdict !== undefined) return this.conclude(verdict)
    if (this.#over) {
      tunnel.destroy()
      return
    }
    // An upgraded connection lives as long as it is used: only its own idle timeout ends it.
    this.totalAtMs = Infinity
    this.clientAtMs = Infinity
    response.headers.append('via', this.host.via)
    this.downstream.tunnel(response, tunnel, this.client.tunnelIdleMs, this.exchange, (error) => {
      if (error !== undefined) this.exchange.error ??= error
      this.complete()
    })
  }

  /** The exchange ends for this reason, unless it was over for another. What stands there before is that of an earlier attempt. */
  #endWith(error: MeshError): void {
    if (this.#over) this.exchange.error ??= error
    else this.exchange.error = error
  }

  #clientTimedOut(error: MeshError): void {
    this.#endWith(error)
    if (error.code === 'MESH_RESPONSE_STALLED' || this.#over) return this.#cut(error)
    this.abortAttempt(error)
    // Nobody knows when the rest of the body would come.
    this.downstream.closeAfter()
    this.fail(error)
  }
}
