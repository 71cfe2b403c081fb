// One direction of a stream: the body bytes that are held back for the guest, and whoever waits for it to go on.
import { Buffer } from 'node:buffer'
import type { ErrorCode } from '@meshwright/core'
import { MeshError } from '@meshwright/core/thread'
import type { GuestBuffer } from './context.ts'
import { BodyAction } from './status.ts'

const empty: Buffer = Buffer.alloc(0)
/** Most streams never hold a byte: they share this. */
const none: Uint8Array[] = []

/** The first list with the second behind it; both belong to the result from then on. */
function joined(first: Uint8Array[], second: Uint8Array[]): Uint8Array[] {
  if (first === none) return second
  for (const chunk of second) first.push(chunk)
  return first
}

/**
 * The bytes of a body stand in three lists, in their order: those that the guest has let go and that leave with the next
 * ones, or by themselves (`ready`), those that are held back and that it does not see (`kept`), and those that it sees (`visible`): the last
 * chunk, or everything while it buffers.
 */
export class Half {
  readonly #most: number
  readonly #full: ErrorCode
  readonly #owner: { paused(ms: number): void }
  #ready: Uint8Array[] = none
  #kept: Uint8Array[] = none
  #visible: Uint8Array[] = none
  /** Bytes of `kept` and `visible`. */
  #held = 0
  /** Bytes of `visible`. */
  #size = 0
  #buffering = false
  #inCallback = false
  #goesOn = false
  #waiting: PromiseWithResolvers<void> | undefined = undefined
  #sinceMs = 0
  #error: MeshError | undefined = undefined
  /** The guest has stopped it. */
  stopped = false
  /** The last of the body is here. */
  last = false
  /** The last chunk that came had bytes in it. */
  fresh = false
  /** The head has been let go: it can be read, and no longer changed. */
  headSent = false
  /** The guest has seen the whole body before the head was sent. */
  ahead = false
  /** There are bytes that the guest may read. */
  readable = false

  /**
   * @param most bytes that may be held back
   * @param full the error for more
   * @param owner told how long somebody has waited for the guest. Milliseconds
   */
  constructor(most: number, full: ErrorCode, owner: { paused(ms: number): void }) {
    this.#most = most
    this.#full = full
    this.#owner = owner
  }

  /** What the guest sees. */
  get bytes(): Uint8Array {
    if (this.#visible.length === 1) return this.#visible[0] as Uint8Array
    if (this.#visible.length === 0) return empty
    const whole = Buffer.concat(this.#visible)
    this.#visible = [whole]
    return whole
  }

  /** How many bytes that is, without putting them together. */
  get size(): number {
    return this.#size
  }

  /** A callback about this half is under way. */
  get inCallback(): boolean {
    return this.#inCallback
  }

  /** The same, to be changed; undefined: there is nothing. */
  get buffer(): GuestBuffer | undefined {
    return this.readable ? { bytes: this.bytes, write: (bytes) => this.replace(bytes) } : undefined
  }

  /** A callback about this half is running, or somebody waits for the guest to go on with it. */
  get busy(): boolean {
    return this.#inCallback || this.#waiting !== undefined
  }

  arrived(chunk: Uint8Array, last: boolean): void {
    this.last = last
    this.fresh = chunk.byteLength > 0
    if (!this.#buffering) this.#hide()
    this.readable = true
    if (chunk.byteLength === 0) return
    this.#held += chunk.byteLength
    this.#size += chunk.byteLength
    if (this.#visible === none) this.#visible = [chunk]
    else this.#visible.push(chunk)
  }

  /** In place of what the guest sees. */
  replace(bytes: Buffer): void {
    this.#held += bytes.byteLength - this.#size
    this.#size = bytes.byteLength
    this.#visible = bytes.byteLength === 0 ? none : [bytes]
  }

  /** A callback about this half begins. */
  enter(): void {
    this.#inCallback = true
    this.#goesOn = false
  }

  /** It is over, however it ended. */
  leave(): void {
    this.#inCallback = false
  }

  /** What a callback for the head or the trailers has answered: it stops, unless the guest has said meanwhile that it goes on. */
  stop(): void {
    if (this.#goesOn) this.release()
    else this.stopped = true
  }

  /** What a callback for the body has answered. @throws MeshError when more is held than may be */
  apply(action: number): void {
    if (action === BodyAction.continue || this.#goesOn) {
      this.release()
      return
    }
    this.stopped = true
    this.#buffering = action === BodyAction.buffer
    if (action >= BodyAction.noBuffer) this.replace(empty)
    if (this.#buffering && this.#held > this.#most) throw new MeshError(this.#full, `more than ${this.#most} bytes`)
  }

  /** Bytes are held back. */
  get holding(): boolean {
    return this.#held > 0
  }

  /** No more is to be read until the guest goes on. */
  get full(): boolean {
    return this.stopped && this.#held >= this.#most
  }

  /** Everything that is here. */
  take(): Uint8Array {
    this.#letGo()
    return this.takeReady()
  }

  /** What the guest has let go so far. */
  takeReady(): Uint8Array {
    const chunks = this.#ready
    if (chunks.length === 0) return empty
    this.#ready = none
    return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks)
  }

  /** Resolves when the guest goes on. */
  pause(): Promise<void> {
    if (this.#error !== undefined) return Promise.reject(this.#error)
    if (this.#waiting === undefined) {
      this.#waiting = Promise.withResolvers()
      this.#sinceMs = performance.now()
      // The exchange may be over before anybody listens.
      this.#waiting.promise.catch(() => {})
    }
    return this.#waiting.promise
  }

  /** The guest says that it goes on; within a callback about this half that is looked at when it has answered. Answers as `release` does. */
  goOn(): boolean {
    this.headSent = true
    if (!this.#inCallback) return this.release()
    this.#goesOn = true
    return false
  }

  /** Go on, if anybody waits; what was held back leaves. Answers whether nobody waits for it, be it nothing any more. */
  release(): boolean {
    // It leaves in place of the bytes that it was made of, when the last of these comes.
    if (this.ahead) return false
    const wasStopped = this.stopped
    this.stopped = false
    this.#buffering = false
    this.#letGo()
    const waiting = this.#wake()
    waiting?.resolve()
    return waiting === undefined && !this.#inCallback && (wasStopped || this.#ready.length > 0)
  }

  /** Whoever waits, or will, hears of an error. */
  fail(error: MeshError): void {
    this.#error = error
    this.#wake()?.reject(error)
  }

  #wake(): PromiseWithResolvers<void> | undefined {
    const waiting = this.#waiting
    if (waiting === undefined) return undefined
    this.#waiting = undefined
    this.#owner.paused(performance.now() - this.#sinceMs)
    return waiting
  }

  #hide(): void {
    this.#kept = joined(this.#kept, this.#visible)
    this.#visible = none
    this.#size = 0
  }

  #letGo(): void {
    this.#hide()
    this.readable = false
    this.#held = 0
    this.#ready = joined(this.#ready, this.#kept)
    this.#kept = none
  }
}
