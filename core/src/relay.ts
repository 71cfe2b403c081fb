// One exchange under way: what a transport tells goes to the client from here, and every way out ends in `complete`.
import type { Chain, Verdict } from './chain.ts'
import type { Wait } from './deadlines.ts'
import type { Starter } from './end-of-turn.ts'
import type { Endpoint } from './endpoint.ts'
import { MeshError, toMeshError } from './errors.ts'
import { Response, type Exchange } from './exchange.ts'
import type { Downstream, Flow, Sink } from './flow.ts'
import type { Headers } from './headers.ts'
import { problem } from './problem.ts'
import { mayBeFailure, proxy, recover, respond, when } from './proxy.ts'
import type { ClientTimeouts, RelayHost } from './relay-host.ts'
import type { Filter } from './questions.ts'
import { isReply, type Reply } from './reply.ts'
import { ReplyWalk, type ReplyWalker } from './reply-walk.ts'
import type { BodyWatcher } from './request-body.ts'
import { isBodyless, sendReply } from './send-reply.ts'
import { ResponseFlow } from './response-flow.ts'
import type { Duplex } from 'node:stream'

/**
 * The run of one exchange. Its life:
 * 1. `proxy` takes it through the request filters and makes an attempt;
 * 2. the transport tells it, as a Sink, what becomes of the attempt; an attempt that fails may be followed by another;
 * 3. response, reply or error goes to the client through the listener's Downstream;
 * 4. `complete` runs once, when the client has everything or is gone.
 */
export class Relay extends ResponseFlow implements Sink, BodyWatcher, ReplyWalker, Starter {
  readonly host: RelayHost
  /** None have seen the request before it enters the chain. */
  front = 0
  turn = 0
  /** Makes another attempt later. */
  repeat: NodeJS.Timeout | undefined = undefined
  #counted = false
  #retrying = false
  #sent = false
  #bodyDone = false
  /** A reply that filters look at before it is sent. */
  #walk: ReplyWalk | undefined = undefined

  constructor(exchange: Exchange, chain: Chain, downstream: Downstream, client: ClientTimeouts, host: RelayHost) {
    super(exchange, chain, downstream, client, host.deadlines)
    this.host = host
    this.#bodyDone = exchange.body === undefined
    downstream.relay = this
    exchange.run = this
    host.deadlines.add(this)
  }

  /** Did any byte of the request reach an endpoint, in any attempt? */
  get sent(): boolean {
    return this.#sent
  }

  /** All filters have seen the request, and none a response. */
  passed(): void {
    this.front = this.chain.filters.length
  }

  /** The request enters the chain, unless its client has gone meanwhile. */
  start(): void {
    if (this.over) return
    try {
      proxy(this)
    } catch (thrown) {
      // A mistake of our own ends this exchange, and none of those that start with it.
      const error = toMeshError(thrown, 'MESH_INTERNAL', 'the start of a request')
      this.host.pluginFailed(error)
      this.fail(error)
    }
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
    this.passed()
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
    if (this.#counted && this.exchange.attempt === number) this.flow = flow
    else flow.abort(new MeshError('MESH_INTERNAL', 'given up before it began'))
  }

  /** Ends the attempt, if one is under way: nothing more is heard of it, and it is uncounted. */
  endAttempt(): void {
    this.endpointAtMs = Infinity
    this.attemptAtMs = Infinity
    this.flow = undefined
    this.stopBody()
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
    this.turn++
    this.passed()
    this.#retrying = true
    service.retrying++
    if (endpoint !== undefined) this.exchange.tried = [...tried, endpoint]
  }

  abortAttempt(error: MeshError): void {
    const flow = this.flow
    this.flow = undefined
    this.exchange.body?.detach()
    flow?.abort(error)
  }

  // -- Sink: what the transport tells

  onSent(): void {
    if (this.over) return
    this.#sent = true
    this.exchange.sent = true
    if (this.#bodyDone) this.waitForHeaders()
    else this.endpointAtMs = Infinity
  }

  onInform(status: number, headers: Headers): void {
    if (this.over) return
    this.downstream.inform(status, headers)
  }

  onHeaders(response: Response): void {
    if (this.over) return
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
    this.keepBody()
    when(verdict, this, respond)
  }

  /** The response head goes to the client. */
  forward(response: Response): void {
    const bodyless = isBodyless(this.exchange.request.method, response.status)
    response.source = undefined
    // All of them have seen a response.
    this.front = 0
    if (this.chain.responseBody !== undefined && !bodyless) {
      // A filter may change the length, so the one that was declared is void.
      response.headers.delete('content-length')
      this.filterBody(this.chain.responseBody)
    }
    response.headers.append('via', this.host.via)
    if (!this.downstream.head(response.status, response.reason, response.headers, bodyless)) {
      return this.#lost(new MeshError('MESH_UPSTREAM_PROTOCOL', 'the response head cannot be written'))
    }
    this.releaseBody()
  }

  onError(error: MeshError): void {
    if (this.over) return
    this.flow = undefined
    this.#lost(error)
  }

  onUpgrade(response: Response, tunnel: Duplex): void {
    if (this.over) {
      tunnel.destroy()
      return
    }
    this.exchange.response = response
    this.exchange.error = undefined
    this.exchange.headersMs = performance.now()
    this.flow = { pause() {}, resume() {}, abort: () => tunnel.destroy() }
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

  /** A filter answers out of turn. A phase may be on the stack, which takes the exchange for its own until it returns. */
  answerFrom(filter: Filter, answer: Reply | MeshError): void {
    queueMicrotask(() => {
      if (this.over) return
      const place = this.chain.filters.indexOf(filter)
      if (place >= 0) this.front = Math.min(this.front, place)
      this.conclude(answer instanceof MeshError || isReply(answer) ? answer : new MeshError('MESH_FILTER_FAILED', `filter "${filter.name}" answered with no reply`))
    })
  }

  /** Answers the exchange here. */
  answer(reply: Reply): void {
    if (this.over) return
    if (this.downstream.headSent) return this.#cut()
    if (this.#counted) this.abortAttempt(new MeshError('MESH_INTERNAL', 'answered here'))
    const exchange = this.exchange
    exchange.replied = true
    exchange.response = new Response(reply.status, '', reply.headers.clone())
    this.over = true
    this.turn++
    this.endAttempt()
    this.totalAtMs = Infinity
    if (!this.chain.concernsReply(this.front)) return this.sendAnswer(reply.body)
    this.clientAtMs = Infinity
    exchange.body?.giveUp()
    this.#walk = new ReplyWalk(this, reply)
    this.#walk.start()
  }

  /** The filters have seen it: sends the reply that is the exchange's response now. */
  sendAnswer(body: Uint8Array): void {
    this.#walk = undefined
    this.waitForReader()
    sendReply(body, this.exchange.response as Response, this.exchange, this.downstream)
  }

  /** Ends the exchange with an error: a problem reply while nothing has been sent, a cut connection after that. */
  fail(error: MeshError): void {
    if (this.over) return
    this.exchange.error = error
    if (this.downstream.headSent) return this.#cut(error)
    // The filters of the whole mesh may be asked about what no route takes.
    if (error.code === 'MESH_NO_ROUTE') this.passed()
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
    this.over = true
    this.turn++
    this.#walk?.stop()
    this.#walk = undefined
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
    if (this.over) return
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
      if (this.#walk !== undefined) return this.#walk.timedOut()
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

  protected finish(): void {
    this.totalAtMs = Infinity
    this.endAttempt()
    // The last bytes may still wait for a client that does not read.
    this.waitForReader()
    this.over = true
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
    this.over = true
    this.exchange.error ??= error
    this.abortAttempt(error)
    this.downstream.abort()
    this.complete()
  }

  #join(verdict: Verdict, response: Response, tunnel: Duplex): void {
    if (verdict !== undefined) return this.conclude(verdict)
    if (this.over) {
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
    if (this.over) this.exchange.error ??= error
    else this.exchange.error = error
  }

  #clientTimedOut(error: MeshError): void {
    this.#endWith(error)
    if (error.code === 'MESH_RESPONSE_STALLED' || this.over) return this.#cut(error)
    this.abortAttempt(error)
    // Nobody knows when the rest of the body would come.
    this.downstream.closeAfter()
    this.fail(error)
  }
}
