// Messages in a gRPC stream: one byte that says whether they are compressed, four for their length, and the bytes.
import { Buffer } from 'node:buffer'

const headBytes = 5

export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(headBytes + message.byteLength)
  framed[0] = 0
  framed.writeUInt32BE(message.byteLength, 1)
  framed.set(message, headBytes)
  return framed
}

/** Why a stream cannot be read on. */
export type Unreadable = 'compressed' | 'too large'

/** Takes a stream apart, in whatever pieces it comes. */
export class Deframer {
  readonly #maxBytes: number
  #chunks: Buffer[] = []
  #held = 0

  /** @param maxBytes of one message */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Whether a message has begun and not ended. */
  get inside(): boolean {
    return this.#held > 0
  }

  /** Calls `message` for each that is whole. Answers why it cannot go on; undefined: it can. */
  push(chunk: Buffer, message: (bytes: Buffer) => void): Unreadable | undefined {
    this.#chunks.push(chunk)
    this.#held += chunk.byteLength
    while (this.#held >= headBytes) {
      const head = this.#peekHead()
      if (head[0] !== 0) return 'compressed'
      const length = head.readUInt32BE(1)
      if (length > this.#maxBytes) return 'too large'
      if (this.#held < headBytes + length) return undefined
      message(this.#take(headBytes + length).subarray(headBytes))
    }
    return undefined
  }

  #peekHead(): Buffer {
    if ((this.#chunks[0] as Buffer).byteLength < headBytes) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0] as Buffer
  }

  #take(bytes: number): Buffer {
    const whole = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks)
    this.#held -= bytes
    this.#chunks = this.#held === 0 ? [] : [whole.subarray(bytes)]
    return whole.subarray(0, bytes)
  }
}
