// One exchange on its way through a filter in another thread: what is waited for, and what is to be given back if that thread ends.
import { Buffer } from 'node:buffer'
import type { Exchange, MeshError, Reply } from '@meshwright/core'
import { applyOutcome, openingOf, progressOf, propertiesOf } from './exchange-view.ts'
import { owned, packRequest, packResponse, packTrailers, receiveError, unpackFields } from './fields.ts'
import type { Outcome, Phase, PhaseCall } from './messages.ts'

type Out = Uint8Array | Reply | undefined

interface Waiting extends PromiseWithResolvers<Out> {
  readonly phase: Phase
  readonly chunk: Uint8Array | undefined
}

const phasesOfResponse: ReadonlySet<Phase> = new Set(['responseHeaders', 'responseBody', 'end'])

export class IsolatedStream {
  readonly id: number
  readonly exchange: Exchange
  /** Its thread has ended. */
  lost = false
  readonly #filter: number
  /** Undefined: without the filter it goes on, with every byte that the guest held back. */
  readonly #error: MeshError | undefined
  #opened = false
  #request = ''
  #response = ''
  #waiting: Waiting | undefined = undefined
  #held: { request: Uint8Array[]; response: Uint8Array[] } | undefined = undefined

  constructor(id: number, filter: number, exchange: Exchange, error: MeshError | undefined) {
    this.id = id
    this.exchange = exchange
    this.#filter = filter
    this.#error = error
  }

  /** What crosses for a phase. */
  call(phase: Phase, chunk?: Uint8Array, last?: boolean): PhaseCall {
    const { exchange } = this
    const call: { -readonly [K in keyof PhaseCall]: PhaseCall[K] } = { stream: this.id, filter: this.#filter, phase }
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
    this.#waiting = { ...Promise.withResolvers<Out>(), phase, chunk }
    return this.#waiting.promise
  }

  settle(outcome: Outcome, reroute: (exchange: Exchange) => void): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    this.#waiting = undefined
    applyOutcome(outcome, this.exchange)
    if (outcome.request !== undefined) this.#request = outcome.request
    if (outcome.response !== undefined) this.#response = outcome.response
    if (outcome.rerouted === true) reroute(this.exchange)
    if (this.#error === undefined && waiting.chunk !== undefined) this.#keep(waiting, outcome.holds === true)
    if (outcome.kind === 'error') waiting.reject(receiveError(outcome.error ?? { code: 'MESH_WASM_FAILED', detail: undefined }))
    else waiting.resolve(outOf(outcome, waiting))
  }

  /** Its thread has ended: it fails, or goes on without. */
  lose(): void {
    this.lost = true
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting === undefined) return
    if (this.#error !== undefined) waiting.reject(this.#error)
    else waiting.resolve(waiting.chunk === undefined ? undefined : this.without(waiting.phase, waiting.chunk))
  }

  /** Nobody waits any more: the exchange is over. */
  forget(): void {
    this.#waiting?.resolve(this.#waiting.chunk)
    this.#waiting = undefined
  }

  /** A chunk with all that the guest held back before it. */
  without(phase: Phase, chunk: Uint8Array): Uint8Array {
    const held = this.#held?.[phase === 'requestBody' ? 'request' : 'response']
    if (held === undefined || held.length === 0) return chunk
    return Buffer.concat([...held.splice(0), chunk])
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
  return kind === 'reply' && reply !== undefined ? { status: reply.status, headers: unpackFields(reply.headers), body: reply.body } : undefined
}
