// Takes a body through the filters that want it, in order and with backpressure, whichever way it flows.
import { isPromise, type BodyStep } from './chain.ts'
import { MeshError, toMeshError, type ErrorCode } from './errors.ts'
import type { Exchange } from './exchange.ts'
import type { Awaitable } from './questions.ts'
import { isReply, type Reply } from './reply.ts'

/** Where the bytes come from and go to. */
export interface PipeEnds {
  /** Passes changed bytes on. */
  write(chunk: Uint8Array): void
  /** All of it has gone through. */
  end(): void
  /** A filter answers the exchange itself. Absent where that cannot be: the head of the response is gone. */
  answer?(reply: Reply): void
  fail(error: MeshError): void
  /** The filters are busy, or no longer so: stop and start the source. */
  hold(): void
  release(): void
  /** Is there somebody who wants more? Then a filter that has asked for it is woken; if not, whoever says so calls `wakeUp`. */
  takesMore?(): boolean
}

type Held = { readonly limit: number; readonly chunks: Uint8Array[]; bytes: number }
type Piece = { readonly chunk: Uint8Array; readonly last: boolean }
/** What comes out of the filters: bytes, a reply instead of them, or an error. */
type Outcome = Uint8Array | Reply | MeshError

const empty = new Uint8Array(0)

/** One body on its way through one direction of a chain. Made only where a filter wants bodies. */
export class BodyPipe {
  readonly #steps: readonly BodyStep[]
  readonly #exchange: Exchange
  readonly #ends: PipeEnds
  readonly #full: ErrorCode
  readonly #held: (Held | undefined)[]
  /** Pieces that arrived while a filter was busy. The source is held, so only what was already under way is here. */
  readonly #waiting: Piece[] = []
  /** Filters that want to be asked once more, by their index here. */
  #asking: Set<number> | undefined = undefined
  #busy = false
  #over = false

  /** @param full the code for a body that is longer than a filter may hold back */
  constructor(steps: readonly BodyStep[], exchange: Exchange, ends: PipeEnds, full: ErrorCode) {
    this.#steps = steps
    this.#exchange = exchange
    this.#ends = ends
    this.#full = full
    this.#held = steps.map((step) => (step.bufferBytes > 0 ? { limit: step.bufferBytes, chunks: [], bytes: 0 } : undefined))
  }

  push(chunk: Uint8Array): void {
    this.#take({ chunk, last: false })
  }

  end(): void {
    this.#take({ chunk: empty, last: true })
  }

  /** Asks a filter once more, without a chunk, as soon as no filter thinks and somebody wants more. Not at once: its own phase may be on the stack. */
  wake(position: number): void {
    // One that wants the body whole is asked once.
    const at = this.#steps.findIndex((step) => step.position === position && step.bufferBytes === 0)
    if (at < 0 || this.#over) return
    this.#asking ??= new Set()
    if (this.#asking.size === 0) queueMicrotask(() => this.wakeUp())
    this.#asking.add(at)
  }

  /** Somebody wants more again. The filter whose bytes are the oldest, nearest to the end, comes first. */
  wakeUp(): void {
    while (this.#asking !== undefined && this.#asking.size > 0 && !this.#over && !this.#busy && this.#ends.takesMore?.() === true) {
      const at = Math.max(...this.#asking)
      this.#asking.delete(at)
      this.#process({ chunk: empty, last: false }, at)
    }
  }

  /** Nothing that comes after this has any effect. */
  stop(): void {
    this.#over = true
    this.#waiting.length = 0
  }

  #take(piece: Piece): void {
    if (this.#over) return
    if (this.#busy) this.#waiting.push(piece)
    else this.#process(piece)
  }

  /** @param woken the filter to begin with, which is asked even though there is nothing in the piece */
  #process(piece: Piece, woken?: number): void {
    const result = this.#run(woken ?? 0, piece.chunk, piece.last, woken)
    if (!isPromise(result)) return this.#deliver(piece, result)
    this.#busy = true
    this.#ends.hold()
    result.then((out) => this.#continue(piece, out), (thrown: unknown) => this.#continue(piece, toMeshError(thrown, 'MESH_INTERNAL', 'body pipe')))
  }

  #continue(piece: Piece, out: Outcome): void {
    this.#busy = false
    this.#deliver(piece, out)
    while (!this.#over && !this.#busy && this.#waiting.length > 0) this.#process(this.#waiting.shift() as Piece)
    this.wakeUp()
    if (!this.#over && !this.#busy) this.#ends.release()
  }

  #deliver(piece: Piece, out: Outcome): void {
    if (this.#over) return
    if (out instanceof MeshError) {
      this.stop()
      return this.#ends.fail(out)
    }
    if (!(out instanceof Uint8Array)) {
      this.stop()
      return this.#ends.answer?.(out)
    }
    if (out.byteLength > 0) this.#ends.write(out)
    if (!piece.last) return
    this.stop()
    this.#ends.end()
  }

  /** Runs the steps from one on; an error is a value. */
  #run(from: number, chunk: Uint8Array, last: boolean, woken?: number): Awaitable<Outcome> {
    let bytes = chunk
    for (let i = from; i < this.#steps.length; i++) {
      const step = this.#steps[i] as BodyStep
      const held = this.#held[i]
      if (held !== undefined) {
        const whole = this.#gather(held, bytes, last)
        if (whole === undefined) return empty
        if (whole instanceof MeshError) return this.#failed(step, whole)
        bytes = whole
      }
      if (bytes.byteLength === 0 && !last && i !== woken) return empty
      let answer: Awaitable<Uint8Array | Reply | void>
      try {
        answer = step.call(this.#exchange, bytes, last)
      } catch (thrown) {
        return this.#failed(step, thrown)
      }
      if (isPromise(answer)) return this.#resume(i, step, bytes, last, answer)
      const changed = this.#checked(step, answer ?? bytes)
      if (!(changed instanceof Uint8Array)) return changed
      bytes = changed
    }
    return bytes
  }

  async #resume(at: number, step: BodyStep, bytes: Uint8Array, last: boolean, pending: Promise<Uint8Array | Reply | void>): Promise<Outcome> {
    let answer: Uint8Array | Reply | void
    try {
      answer = await pending
    } catch (thrown) {
      return this.#failed(step, thrown)
    }
    // Nobody behind it is asked either.
    if (this.#over) return empty
    const changed = this.#checked(step, answer ?? bytes)
    return changed instanceof Uint8Array ? this.#run(at + 1, changed, last) : changed
  }

  /** A filter that is not type-checked may return anything; what is not bytes would be lost without a word. */
  #checked(step: BodyStep, answer: unknown): Outcome {
    if (answer instanceof Uint8Array) return answer
    this.#standsAt(step)
    if (this.#ends.answer !== undefined && isReply(answer)) return answer
    return new MeshError('MESH_FILTER_FAILED', `filter "${step.filter}" returned neither nothing nor bytes`)
  }

  #failed(step: BodyStep, thrown: unknown): MeshError {
    this.#standsAt(step)
    return toMeshError(thrown, 'MESH_FILTER_FAILED', `filter "${step.filter}"`)
  }

  /** A reply that is made now sets out from there; or from where another filter is asked already, if that is further in front. */
  #standsAt({ position }: BodyStep): void {
    const { run } = this.#exchange
    if (!this.#over && run !== undefined && position < run.front) run.front = position
  }

  /** Undefined while the body is not whole. */
  #gather(held: Held, chunk: Uint8Array, last: boolean): Uint8Array | MeshError | undefined {
    held.bytes += chunk.byteLength
    if (held.bytes > held.limit) return new MeshError(this.#full, `more than ${held.limit} bytes`)
    if (chunk.byteLength > 0) held.chunks.push(chunk)
    if (!last) return undefined
    return held.chunks.length === 1 ? held.chunks[0] : Buffer.concat(held.chunks)
  }
}

