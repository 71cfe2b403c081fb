// One exchange on its way through a filter in another thread: what crosses of it, and what comes back.
import type { Exchange, Filter, MeshError } from '@meshwright/core'
import { toMeshError } from '@meshwright/core/thread'
import { applyOutcome, openingOf, progressOf, propertiesOf } from './exchange-view.ts'
import { owned, packRequest, packResponse, packTrailers, receiveError, receiveReply } from './fields.ts'
import { IsolatedStream } from './isolated-stream.ts'
import type { Outcome, Phase, PhaseCall, Side, StreamNews } from './messages.ts'

/** The filter that it goes through. */
interface ExchangeOwner extends Filter {
  readonly start: { readonly filter: number }
  /** Looks for the route again. */
  reroute(exchange: Exchange): void
}

const phasesOfResponse: ReadonlySet<Phase> = new Set(['responseHeaders', 'responseBody', 'end'])

export class IsolatedExchange extends IsolatedStream {
  readonly exchange: Exchange
  readonly owner: ExchangeOwner
  /** The stream of the same exchange through another filter. */
  next: IsolatedExchange | undefined = undefined
  #opened = false
  #request = ''
  #response = ''

  /** @param error what it fails with when the guest does; undefined: it goes on without the filter */
  constructor(owner: ExchangeOwner, exchange: Exchange, error: MeshError | undefined) {
    super(error)
    this.exchange = exchange
    this.owner = owner
  }

  /** What crosses for a phase. */
  call(phase: Phase, chunk?: Uint8Array, last?: boolean): PhaseCall {
    const { exchange } = this
    const call: { -readonly [K in keyof PhaseCall]: PhaseCall[K] } = { stream: this.id, filter: this.owner.start.filter, phase }
    const isFirst = !this.#opened
    this.#opened = true
    if (isFirst) call.opening = openingOf(exchange)
    if (isFirst || phase.endsWith('Headers') || phase === 'end' || (phase === 'responseBody' && this.#response === '')) this.#addHeads(call)
    if (chunk !== undefined) call.chunk = owned(chunk)
    if (last !== undefined) call.last = last
    const trailers = last === true ? packTrailers(phase === 'requestBody' ? exchange.request.trailers : exchange.response?.trailers) : undefined
    if (trailers !== undefined) call.trailers = trailers
    const properties = propertiesOf(exchange)
    if (properties !== undefined) call.properties = properties
    return call
  }

  hear(news: StreamNews): void {
    const { exchange, owner } = this
    if (news.kind === 'passed') return this.#pass(news.of, news.bytes)
    if (news.kind !== 'answered') return
    if (news.reply !== undefined) exchange.answer(owner, receiveReply(news.reply))
    else if (news.error !== undefined) exchange.answer(owner, toMeshError(receiveError(news.error), 'MESH_WASM_FAILED', 'a reply'))
  }

  protected apply(outcome: Outcome): void {
    applyOutcome(outcome, this.exchange)
    if (outcome.request !== undefined) this.#request = outcome.request
    if (outcome.response !== undefined) this.#response = outcome.response
    if (outcome.rerouted === true) this.owner.reroute(this.exchange)
  }

  /** The filter is called for them, and gives them back. */
  protected giveBack(side: Side): void {
    this.exchange.wake(this.owner, side)
  }

  /** The filter is called for them without a chunk. */
  #pass(side: Side, bytes: Uint8Array): void {
    this.keepPassed(side, bytes)
    if (bytes.byteLength > 0) this.exchange.wake(this.owner, side)
  }

  #addHeads(call: { -readonly [K in keyof PhaseCall]: PhaseCall[K] }): void {
    const { exchange } = this
    const request = packRequest(exchange.request)
    if (request !== this.#request) call.request = this.#request = request
    if (!phasesOfResponse.has(call.phase)) return
    call.progress = progressOf(exchange)
    if (exchange.response === undefined) return
    const response = packResponse(exchange.response)
    if (response !== this.#response) call.response = this.#response = response
  }
}
