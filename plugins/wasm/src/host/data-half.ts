// One direction of a TCP stream: the bytes that a guest holds back and sees, and whoever waits for it to let them go.
import { Buffer } from 'node:buffer'
import type { MeshError } from '@meshwright/core'

const empty: Buffer = Buffer.alloc(0)

/** While a guest stops it, bytes gather: the next callback sees all of them. */
export class DataHalf {
  readonly #most: number
  #held: Uint8Array[] = []
  #size = 0
  #goesOn = false
  #waiting: PromiseWithResolvers<Uint8Array> | undefined = undefined
  /** The guest has stopped it. */
  stopped = false
  /** There are bytes that the guest may read. */
  readable = false
  /** The guest is being asked about it. */
  inCallback = false

  /** @param most bytes that are held back before no more is read */
  constructor(most: number) {
    this.#most = most
  }

  /** What the guest sees. */
  get bytes(): Uint8Array {
    if (this.#held.length > 1) this.#held = [Buffer.concat(this.#held)]
    return this.#held[0] ?? empty
  }

  /** How many bytes that is, without putting them together. */
  get size(): number {
    return this.#size
  }

  arrived(chunk: Uint8Array): void {
    this.readable = true
    if (chunk.byteLength === 0) return
    this.#held.push(chunk)
    this.#size += chunk.byteLength
  }

  replace(bytes: Buffer): void {
    this.#held = bytes.byteLength === 0 ? [] : [bytes]
    this.#size = bytes.byteLength
  }

  /** A callback about this half begins. */
  enter(): void {
    this.inCallback = true
    this.#goesOn = false
  }

  /** It is over, however it ended. */
  leave(): void {
    this.inCallback = false
  }

  /** What a callback has answered. Bytes that go on; a promise while nothing more is to be read. */
  apply(action: number, last: boolean): Uint8Array | Promise<Uint8Array> {
    if (action === 0 || this.#goesOn) return this.take()
    this.stopped = true
    return last || this.#size >= this.#most ? this.#wait() : empty
  }

  /** As {@link apply}, of a callback without bytes. Undefined: it goes on. */
  stop(action: number): Promise<void> | undefined {
    if (action === 0 || this.#goesOn) return undefined
    this.stopped = true
    return this.#wait().then(() => {})
  }

  /** The guest says that it goes on. Answers the bytes that nobody waits for. */
  goOn(): Uint8Array {
    if (this.inCallback) {
      this.#goesOn = true
      return empty
    }
    if (!this.stopped) return empty
    const bytes = this.take()
    if (this.#waiting === undefined) return bytes
    this.#waiting.resolve(bytes)
    this.#waiting = undefined
    return empty
  }

  /** Everything that is here. */
  take(): Uint8Array {
    const { bytes } = this
    this.stopped = false
    this.readable = false
    this.#held = []
    this.#size = 0
    return bytes
  }

  /** Whoever waits hears of an error. */
  fail(error: MeshError): void {
    this.#waiting?.reject(error)
    this.#waiting = undefined
  }

  #wait(): Promise<Uint8Array> {
    this.#waiting = Promise.withResolvers()
    // The connection may be over before anybody listens.
    this.#waiting.promise.catch(() => {})
    return this.#waiting.promise
  }
}
