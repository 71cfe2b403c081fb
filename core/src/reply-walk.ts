// Takes a reply past the filters in front of whoever made it, as a response would pass them.
import { BodyPipe } from './body-pipe.ts'
import { isPromise, type Chain, type Verdict } from './chain.ts'
import { MeshError } from './errors.ts'
import { Response, type Exchange, type ExchangeRun } from './exchange.ts'
import type { Awaitable } from './questions.ts'
import type { Reply } from './reply.ts'
import { isBodyless } from './send-reply.ts'

/** What a walk needs of the exchange's relay. */
export interface ReplyWalker extends ExchangeRun {
  readonly exchange: Exchange
  readonly chain: Chain
  readonly host: { pluginFailed(error: MeshError): void }
  /** A filter has promised an answer; `walk.timedOut` is called when it has not kept the promise. */
  waitForFilter(): void
  /** It has. */
  endpointAtMs: number
  /** Sends `exchange.response` with this body. */
  sendAnswer(body: Uint8Array): void
}

/**
 * The way of one reply; made only where a filter in front of it has a response phase. Each of them is asked at most once:
 * 1. the heads, from `walker.front` outwards. A filter that answers by another reply puts it in place of the first, which goes on
 *    outwards from there;
 * 2. the bodies, of those in front of the filter whose reply it is now.
 *
 * A filter that fails is reported, and cannot hide the reply: that goes on as it was made, past the filters in front of the one
 * that has failed; or past none, if its body was on the way already.
 */
export class ReplyWalk {
  readonly #walker: ReplyWalker
  #reply: Reply
  #pipe: BodyPipe | undefined = undefined

  constructor(walker: ReplyWalker, reply: Reply) {
    this.#walker = walker
    this.#reply = reply
  }

  /** Sets out from where the walker stands. */
  start(): void {
    const walker = this.#walker
    const { front, exchange } = walker
    exchange.response = responseOf(this.#reply)
    this.#hear(walker.chain.replyHeaders(exchange, front), front)
  }

  /** Whoever is waited for has taken too long. */
  timedOut(): void {
    const error = new MeshError('MESH_FILTER_TIMEOUT')
    this.#walker.turn++
    if (this.#pipe === undefined) this.#headers(error, this.#walker.front)
    else this.#bodyFailed(error)
  }

  /** The client is gone: nobody is asked any more. */
  stop(): void {
    this.#pipe?.stop()
  }

  /** @param from where the reply has set out */
  #hear(verdict: Awaitable<Verdict>, from: number): void {
    if (!isPromise(verdict)) return this.#headers(verdict, from)
    const { turn } = this.#walker
    this.#walker.waitForFilter()
    void verdict.then((later) => {
      if (turn === this.#walker.turn) this.#headers(later, from)
    })
  }

  #headers(verdict: Verdict, from: number): void {
    const walker = this.#walker
    walker.endpointAtMs = Infinity
    if (verdict === undefined) return this.#body(from)
    if (verdict instanceof MeshError) walker.host.pluginFailed(verdict)
    else this.#reply = verdict
    this.start()
  }

  #body(from: number): void {
    const { chain, exchange } = this.#walker
    const response = exchange.response as Response
    const steps = isBodyless(exchange.request.method, response.status) ? undefined : chain.replyBody(from)
    response.source = undefined
    if (steps === undefined) return this.#send(this.#reply.body)
    response.headers.delete('content-length')
    this.#pipe = this.#pipeOf(steps, exchange)
    // A filter may keep what it is given, and the same reply may be given to many.
    if (this.#reply.body.byteLength > 0) this.#pipe.push(Buffer.from(this.#reply.body))
    this.#pipe.end()
  }

  #pipeOf(steps: NonNullable<Chain['responseBody']>, exchange: Exchange): BodyPipe {
    const walker = this.#walker
    const chunks: Uint8Array[] = []
    const ends = {
      write: (chunk: Uint8Array) => void chunks.push(chunk),
      end: () => this.#send(Buffer.concat(chunks)),
      fail: (error: MeshError) => this.#bodyFailed(error),
      hold: () => walker.waitForFilter(),
      release: () => void (walker.endpointAtMs = Infinity),
    }
    return new BodyPipe(steps, exchange, ends, 'MESH_RESPONSE_BUFFER_FULL')
  }

  /** Its head says what filters wanted to make of its body. */
  #bodyFailed(error: MeshError): void {
    const { host, exchange } = this.#walker
    this.#pipe?.stop()
    host.pluginFailed(error)
    exchange.response = responseOf(this.#reply)
    exchange.response.source = undefined
    this.#send(this.#reply.body)
  }

  #send(body: Uint8Array): void {
    this.#walker.endpointAtMs = Infinity
    // The client may have gone meanwhile.
    if (this.#walker.exchange.endedMs === 0) this.#walker.sendAnswer(body)
  }
}

/** What filters see of it. */
function responseOf({ status, headers, body }: Reply): Response {
  const response = new Response(status, '', headers.clone())
  if (!isBodyless('GET', status)) response.headers.set('content-length', String(body.byteLength))
  response.source = {
    async readResponse(maxBytes) {
      if (body.byteLength > maxBytes) throw new MeshError('MESH_RESPONSE_BUFFER_FULL', `more than ${maxBytes} bytes`)
      return body
    },
  }
  return response
}
