// One direction of a connection through a filter under test: what waits to enter it, and what has left it.
import { Buffer } from 'node:buffer'

/** What has left the filter in one direction. */
export class PassedBytes {
  /** In the pieces in which it left. */
  readonly chunks: Buffer[] = []
  /** Whether the end of this direction has left too. */
  ended = false

  get bytes(): Buffer {
    return Buffer.concat(this.chunks)
  }

  /** The same as text. */
  get text(): string {
    return this.bytes.toString()
  }
}

interface Piece {
  readonly chunk: Uint8Array
  readonly last: boolean
}

/** @internal What a direction needs of its connection. */
export interface WayHost {
  /** What the filter makes of a piece. */
  ask(chunk: Uint8Array, last: boolean): Uint8Array | void | Promise<Uint8Array | void>
  /** This has gone on. */
  left(bytes: number, last: boolean): void
  failed(thrown: unknown): void
}

/** @internal */
export class TestWay {
  readonly passed: PassedBytes = new PassedBytes()
  readonly #host: WayHost
  readonly #queue: Piece[] = []
  /** Nothing enters: there is no way yet, the filter has promised an answer, or all is over. */
  #blocked = true
  #over = false
  /** Whoever sends here has ended its side. */
  ended = false

  constructor(host: WayHost) {
    this.#host = host
  }

  /** Both ends are connected. */
  open(): void {
    this.#blocked = false
    this.#flow()
  }

  stop(): void {
    this.#over = true
  }

  enter(chunk: Uint8Array, last: boolean): void {
    this.ended ||= last
    this.#queue.push({ chunk, last })
    this.#flow()
  }

  /** Bytes that the filter has held back go on. */
  pass(bytes: Uint8Array): void {
    this.#leave(bytes, false)
  }

  #flow(): void {
    while (!this.#blocked && !this.#over) {
      const piece = this.#queue.shift()
      if (piece === undefined) return
      this.#ask(piece)
    }
  }

  #ask({ chunk, last }: Piece): void {
    try {
      const answer = this.#host.ask(chunk, last)
      if (answer instanceof Promise) this.#wait(answer, chunk, last)
      else this.#leave(answer ?? chunk, last)
    } catch (thrown) {
      this.#host.failed(thrown)
    }
  }

  #wait(answer: Promise<Uint8Array | void>, chunk: Uint8Array, last: boolean): void {
    this.#blocked = true
    answer.then(
      (later) => {
        this.#blocked = false
        this.#leave(later ?? chunk, last)
        this.#flow()
      },
      (thrown: unknown) => this.#host.failed(thrown),
    )
  }

  #leave(bytes: Uint8Array, last: boolean): void {
    if (this.#over || this.passed.ended) return
    if (bytes.byteLength > 0) this.passed.chunks.push(Buffer.from(bytes))
    this.passed.ended = last
    this.#host.left(bytes.byteLength, last)
  }
}
