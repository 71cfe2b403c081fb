// The body of a response between an attempt and the client: kept while the head is thought about, filtered, held back for whoever is slower.
import { BodyPipe } from './body-pipe.ts'
import type { BodyStep, Chain } from './chain.ts'
import type { Deadlines } from './deadlines.ts'
import { EarlyBody } from './early-body.ts'
import type { MeshError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import type { Downstream, Flow } from './flow.ts'
import type { Headers } from './headers.ts'
import type { Filter } from './questions.ts'
import type { ClientTimeouts } from './relay-host.ts'
import { Waits } from './waits.ts'

/** The part of a relay that moves the bytes of a response. */
export abstract class ResponseFlow extends Waits {
  readonly exchange: Exchange
  readonly chain: Chain
  readonly downstream: Downstream
  /** Is the exchange complete, or its answer on the way? Then a late result of anything is of no use. */
  over = false
  /** What steers the attempt; undefined while there is none, and when all of its response has come. */
  protected flow: Flow | undefined = undefined
  #pipe: BodyPipe | undefined = undefined
  #full = false
  #held = false
  /** What came while the response filters were still thinking. */
  #early: EarlyBody | undefined = undefined

  constructor(exchange: Exchange, chain: Chain, downstream: Downstream, client: ClientTimeouts, deadlines: Deadlines) {
    super(deadlines, client)
    this.exchange = exchange
    this.chain = chain
    this.downstream = downstream
  }

  /** Ends the exchange with an error. */
  abstract fail(error: MeshError): void
  /** All of the body has gone to the client. */
  protected abstract finish(): void

  onData(chunk: Uint8Array): void {
    if (this.over) return
    if (this.#early !== undefined) return this.#keepEarly(this.#early, chunk)
    if (!this.#held) this.waitForData()
    // A filter may keep what it is given.
    if (this.#pipe !== undefined) this.#pipe.push(Buffer.from(chunk))
    else this.#write(chunk)
  }

  onFlush(): boolean {
    if (this.downstream.flush()) return true
    if (!this.over) this.#holdForClient()
    return false
  }

  onEnd(trailers: Headers | undefined): void {
    if (this.over) return
    if (this.#early !== undefined) {
      if (this.#early.wanted && this.exchange.response !== undefined) this.exchange.response.trailers = trailers
      this.#early.end(trailers)
      return
    }
    this.flow = undefined
    // A filter that still thinks about the last chunk is waited for as before.
    if (!this.#held) this.endpointAtMs = Infinity
    // A filter that has read the body ahead may have set them already.
    if (this.exchange.response !== undefined) this.exchange.response.trailers ??= trailers
    if (this.#pipe !== undefined) this.#pipe.end()
    else this.finish()
  }

  /** Reads all of the body while the response filters still think; `Response.read` says how. */
  readResponse(maxBytes: number): Promise<Uint8Array> {
    const early = (this.#early ??= new EarlyBody())
    const whole = early.read(maxBytes)
    if (early.wanted) this.flow?.resume()
    return whole
  }

  /** The client takes more again. */
  drained(): void {
    this.#full = false
    this.clientAtMs = Infinity
    if (!this.over) this.#pipe?.wakeUp()
    this.#flowOn()
  }

  /** A filter wants to be asked once more about a body. */
  wake(filter: Filter, of: 'request' | 'response'): void {
    const place = this.chain.filters.indexOf(filter)
    if (this.over || place < 0) return
    if (of === 'request') this.exchange.body?.wake(place)
    else this.#pipe?.wake(place)
  }

  /** The response filters think about the head: the body is not to come yet, unless one of them reads it. */
  protected keepBody(): void {
    this.#early ??= new EarlyBody()
    if (!this.#early.wanted) this.flow?.pause()
  }

  /** The head is gone: what was kept goes its way, and so does what comes. */
  protected releaseBody(): void {
    const early = this.#early
    if (early === undefined) return
    this.#early = undefined
    early.abandon()
    for (const chunk of early.chunks) this.onData(chunk)
    if (early.ended !== undefined) this.onEnd(early.ended.trailers)
    else this.#flowOn()
  }

  /** The body is to go through these filters. */
  protected filterBody(steps: readonly BodyStep[]): void {
    this.#pipe = new BodyPipe(
      steps,
      this.exchange,
      {
        write: (chunk) => this.#write(chunk),
        end: () => this.finish(),
        fail: (error) => this.fail(error),
        hold: () => this.#hold(),
        release: () => this.#release(),
        takesMore: () => !this.#full,
      },
      'MESH_RESPONSE_BUFFER_FULL',
    )
  }

  /** The attempt is over: nothing more of its body goes anywhere. */
  protected stopBody(): void {
    this.#pipe?.stop()
    this.#pipe = undefined
    this.#early?.abandon()
    this.#early = undefined
  }

  #write(chunk: Uint8Array): void {
    this.exchange.responseBytes += chunk.byteLength
    if (!this.downstream.write(chunk)) this.#holdForClient()
  }

  #keepEarly(early: EarlyBody, chunk: Uint8Array): void {
    const { wanted } = early
    early.push(chunk)
    if (wanted && !early.wanted) this.flow?.pause()
  }

  /** Nothing more until the client has taken what is there. */
  #holdForClient(): void {
    this.#full = true
    this.flow?.pause()
    this.endpointAtMs = Infinity
    this.waitForReader()
  }

  #hold(): void {
    this.#held = true
    this.waitForFilter()
    this.flow?.pause()
  }

  #release(): void {
    this.#held = false
    this.endpointAtMs = Infinity
    this.#flowOn()
  }

  #flowOn(): void {
    if (this.#full || this.#held || this.flow === undefined || this.over) return
    this.waitForData()
    this.flow.resume()
  }
}
