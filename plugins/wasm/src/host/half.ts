// One direction of a stream: the body bytes that the guest holds, and whoever waits for it to go on.
import { Buffer } from 'node:buffer'
import { MeshError, type ErrorCode } from '@meshwright/core'

const empty = Buffer.alloc(0)

export class Half {
  readonly #most: number
  readonly #full: ErrorCode
  #chunks: Uint8Array[] = []
  #held = 0
  #waiting: PromiseWithResolvers<void> | undefined = undefined
  #error: MeshError | undefined = undefined
  /** The guest lets bytes go on as they come. */
  flowing = true
  /** Body callbacks are under way or have been: there is something to read. */
  there = false
  /** The last of the body is here. */
  last = false
  /** The guest has seen all of it before it was sent. */
  seen = false

  /**
   * @param most bytes that may be held back
   * @param full the error for more
   */
  constructor(most: number, full: ErrorCode) {
    this.#most = most
    this.#full = full
  }

  /** All that is held. */
  get bytes(): Buffer {
    if (this.#chunks.length === 1 && Buffer.isBuffer(this.#chunks[0])) return this.#chunks[0]
    const whole = this.#chunks.length === 0 ? empty : Buffer.concat(this.#chunks)
    this.#chunks = whole.byteLength === 0 ? [] : [whole]
    return whole
  }

  /** @throws MeshError when more is held than may be */
  arrived(chunk: Uint8Array, last: boolean): void {
    this.there = true
    this.last = last
    if (chunk.byteLength === 0) return
    this.#held += chunk.byteLength
    if (!this.flowing && this.#held > this.#most) throw new MeshError(this.#full, `more than ${this.#most} bytes`)
    this.#chunks.push(chunk)
  }

  replace(bytes: Buffer): void {
    this.#chunks = [bytes]
    this.#held = bytes.byteLength
  }

  /** What is held goes on. */
  take(): Uint8Array {
    const { bytes } = this
    this.#chunks = []
    this.#held = 0
    return bytes
  }

  /** The guest has seen it all ahead: this is what goes on when it is sent. */
  keep(bytes: Uint8Array): void {
    this.seen = true
    this.#chunks = [bytes]
  }

  /** Waits until the guest goes on. */
  pause(): Promise<void> {
    if (this.#error !== undefined) return Promise.reject(this.#error)
    this.#waiting ??= Promise.withResolvers()
    // The exchange may be over before anybody listens.
    this.#waiting.promise.catch(() => {})
    return this.#waiting.promise
  }

  /** Go on, if anybody waits. */
  release(): void {
    this.flowing = true
    this.#waiting?.resolve()
    this.#waiting = undefined
  }

  fail(error: MeshError): void {
    this.#error = error
    this.#waiting?.reject(error)
    this.#waiting = undefined
  }
}
