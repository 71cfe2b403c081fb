// One exchange on its way through a filter in another thread: what is waited for, and what is to be given back if that thread ends.
import { Buffer } from 'node:buffer'
import type { Exchange, MeshError, Reply } from '@meshwright/core'
import { applyOutcome, openingOf, progressOf, propertiesOf } from './exchange-view.ts'
import { owned, packRequest, packResponse, packTrailers, receiveError, receiveReply } from './fields.ts'
import { sideOf, type Outcome, type Phase, type PhaseCall } from './messages.ts'

type Out = Uint8Array | Reply | undefined

interface Waiting extends PromiseWithResolvers<Out> {
  readonly phase: Phase
  readonly chunk: Uint8Array | undefined
}

/** The filter that it goes through. */
interface IsolatedOwner {
  readonly start: { readonly filter: number }
}

const sides = ['request', 'response'] as const
const phasesOfResponse: ReadonlySet<Phase> = new Set(['responseHeaders', 'responseBody', 'end'])

export class IsolatedStream {
  readonly id: number
  readonly exchange: Exchange
  readonly owner: IsolatedOwner
  /** Its thread has ended. */
  lost = false
  /** The stream of the same exchange through another filter. */
  next: IsolatedStream | undefined = undefined
  /** Undefined: without the filter it goes on, with every byte that the guest held back. */
  readonly #error: MeshError | undefined
  #opened = false
  #request = ''
  #response = ''
  /** In each direction one phase at a time. */
  readonly #waiting: { request: Waiting | undefined; response: Waiting | undefined } = { request: undefined, response: undefined }
  #held: { request: Uint8Array[]; response: Uint8Array[] } | undefined = undefined

  constructor(id: number, owner: IsolatedOwner, exchange: Exchange, error: MeshError | undefined) {
    this.id = id
    this.exchange = exchange
    this.owner = owner
    this.#error = error
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

  /** Resolves with what the filter makes of a phase. */
  async wait(phase: Phase, chunk?: Uint8Array): Promise<Out> {
    const waiting = { ...Promise.withResolvers<Out>(), phase, chunk }
    this.#waiting[sideOf(phase)] = waiting
    return waiting.promise
  }

  settle(outcome: Outcome, reroute: (exchange: Exchange) => void): void {
    const waiting = this.#take(outcome.of)
    if (waiting === undefined) return
    applyOutcome(outcome, this.exchange)
    if (outcome.request !== undefined) this.#request = outcome.request
    if (outcome.response !== undefined) this.#response = outcome.response
    if (outcome.rerouted === true) reroute(this.exchange)
    if (this.#error === undefined && waiting.chunk !== undefined) this.#keep(waiting, outcome.holds === true)
    if (outcome.kind === 'error') waiting.reject(receiveError(outcome.error ?? { code: 'MESH_WASM_FAILED', detail: undefined }))
    else waiting.resolve(outOf(outcome, waiting))
  }

  /** Its thread has ended: it fails, or goes on without. Answers in which directions there are bytes of it that nobody has. */
  lose(): readonly ('request' | 'response')[] {
    this.lost = true
    for (const side of sides) {
      const waiting = this.#take(side)
      if (this.#error !== undefined) waiting?.reject(this.#error)
      else waiting?.resolve(waiting.chunk === undefined ? undefined : this.without(waiting.phase, waiting.chunk))
    }
    return sides.filter((side) => (this.#held?.[side].length ?? 0) > 0)
  }

  /** Nobody waits any more: the exchange is over. */
  forget(): void {
    for (const side of sides) {
      const waiting = this.#take(side)
      waiting?.resolve(waiting.chunk)
    }
  }

  /** A chunk with all that the guest held back before it. */
  without(phase: Phase, chunk: Uint8Array): Uint8Array {
    const held = this.#held?.[phase === 'requestBody' ? 'request' : 'response']
    if (held === undefined || held.length === 0) return chunk
    return Buffer.concat([...held.splice(0), chunk])
  }

  #take(side: 'request' | 'response'): Waiting | undefined {
    const waiting = this.#waiting[side]
    this.#waiting[side] = undefined
    return waiting
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

  /** The guest has the bytes and may never give them back. */
  #keep({ phase, chunk }: Waiting, holds: boolean): void {
    this.#held ??= { request: [], response: [] }
    const held = phase === 'requestBody' ? this.#held.request : this.#held.response
    if (holds) held.push(chunk as Uint8Array)
    else held.length = 0
  }
}

function outOf({ kind, bytes, reply }: Outcome, { chunk }: Waiting): Out {
  if (kind === 'same') return chunk
  if (kind === 'bytes') return bytes
  return kind === 'reply' && reply !== undefined ? receiveReply(reply) : undefined
}
