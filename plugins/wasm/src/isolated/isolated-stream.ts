// Something on its way through a filter in another thread: what is waited for, and what is to be given back if that thread ends.
import { Buffer } from 'node:buffer'
import type { Exchange, MeshError, Reply } from '@meshwright/core'
import { receiveError, receiveReply } from './fields.ts'
import { sideOf, type Outcome, type Phase, type Side, type StreamNews } from './messages.ts'

type Out = Uint8Array | Reply | undefined

interface Waiting extends PromiseWithResolvers<Out> {
  readonly phase: Phase
  readonly chunk: Uint8Array | undefined
}

const sides = ['request', 'response'] as const

let lastStream = 0

export abstract class IsolatedStream {
  readonly id: number = ++lastStream
  abstract readonly exchange: Exchange
  /** Its thread has ended. */
  lost = false
  /** Undefined: without the filter it goes on, with every byte that the guest held back. */
  readonly #error: MeshError | undefined
  /** In each direction one phase at a time. */
  readonly #waiting: Record<Side, Waiting | undefined> = { request: undefined, response: undefined }
  #held: Record<Side, Uint8Array[]> | undefined = undefined
  /** What the guest has let go between its phases: it leaves with what comes of the next one. */
  #passed: Record<Side, Uint8Array[]> | undefined = undefined

  constructor(error: MeshError | undefined) {
    this.#error = error
  }

  /** The guest has done something with it between its phases. */
  abstract hear(news: StreamNews): void

  /** Resolves with what the filter makes of a phase. */
  async wait(phase: Phase, chunk?: Uint8Array): Promise<Out> {
    const waiting = { ...Promise.withResolvers<Out>(), phase, chunk }
    this.#waiting[sideOf(phase)] = waiting
    return waiting.promise
  }

  settle(outcome: Outcome): void {
    const waiting = this.#take(outcome.of)
    if (waiting === undefined) return
    this.apply(outcome)
    if (this.#error === undefined && waiting.chunk !== undefined) this.#keep(outcome.of, waiting.chunk, outcome.holds === true)
    if (outcome.kind === 'error') waiting.reject(receiveError(outcome.error ?? { code: 'MESH_WASM_FAILED', detail: undefined }))
    else waiting.resolve(this.#behindPassed(outcome.of, outOf(outcome, waiting)))
  }

  /** Its thread has ended: it fails, or goes on without. */
  lose(): void {
    this.lost = true
    for (const side of sides) {
      const waiting = this.#take(side)
      if (this.#error !== undefined) waiting?.reject(this.#error)
      else waiting?.resolve(waiting.chunk === undefined ? undefined : this.without(waiting.phase, waiting.chunk))
    }
    for (const side of sides) if ((this.#held?.[side].length ?? 0) > 0) this.giveBack(side)
  }

  /** Nobody waits any more: it is over. */
  forget(): void {
    for (const side of sides) {
      const waiting = this.#take(side)
      waiting?.resolve(waiting.chunk)
    }
  }

  /** Nothing comes any more of what is under way, and of what the guest holds back. */
  protected stop(): void {
    for (const side of sides) {
      this.#take(side)
      this.takeHeld(side)
    }
  }

  /** A chunk with all that has not left before it. */
  without(phase: Phase, chunk: Uint8Array): Uint8Array {
    const side = sideOf(phase)
    return joined([...this.takePassed(side), ...this.takeHeld(side)], chunk)
  }

  /** What the guest has let go between its phases so far. */
  takePassed(side: Side): Uint8Array[] {
    return this.#passed?.[side].splice(0) ?? []
  }

  /** Leaves with what comes of the next phase; stands for all that the guest has held back of this side. */
  protected keepPassed(side: Side, bytes: Uint8Array): void {
    this.takeHeld(side)
    if (bytes.byteLength === 0) return
    this.#passed ??= { request: [], response: [] }
    this.#passed[side].push(bytes)
  }

  /** Makes it what the filter has made of it. */
  protected abstract apply(outcome: Outcome): void

  /** There are bytes that nobody has, and no phase that they could leave with. */
  protected abstract giveBack(side: Side): void

  /** What the guest holds back, as far as it would have to be given back: nobody else gives it back then. */
  protected takeHeld(side: Side): Uint8Array[] {
    return this.#held?.[side].splice(0) ?? []
  }

  #take(side: Side): Waiting | undefined {
    const waiting = this.#waiting[side]
    this.#waiting[side] = undefined
    return waiting
  }

  #behindPassed(side: Side, out: Out): Out {
    return out instanceof Uint8Array ? joined(this.takePassed(side), out) : out
  }

  /** The guest has the bytes and may never give them back. */
  #keep(side: Side, chunk: Uint8Array, holds: boolean): void {
    this.#held ??= { request: [], response: [] }
    const held = this.#held[side]
    if (holds) held.push(chunk)
    else held.length = 0
  }
}

/** Bytes with others before them. */
export function joined(before: readonly Uint8Array[], bytes: Uint8Array): Uint8Array {
  return before.length === 0 ? bytes : Buffer.concat([...before, bytes])
}

function outOf({ kind, bytes, reply }: Outcome, { chunk }: Waiting): Out {
  if (kind === 'same') return chunk
  if (kind === 'bytes') return bytes
  return kind === 'reply' && reply !== undefined ? receiveReply(reply) : undefined
}
