// A sink that writes down what a transport tells about one attempt.
import type { Duplex } from 'node:stream'
import type { MeshError } from '../errors.ts'
import type { Response } from '../exchange.ts'
import type { Headers } from '../headers.ts'
import type { Sink } from '../flow.ts'

/** One attempt, as it was told. */
export class Told implements Sink {
  /** What happened, in order; several chunks in a row are one `data`. */
  readonly events: string[] = []
  response: Response | undefined = undefined
  error: MeshError | undefined = undefined
  trailers: Headers | undefined = undefined
  readonly #chunks: Buffer[] = []
  #changed: PromiseWithResolvers<void> = Promise.withResolvers()

  /** The body so far. */
  get bytes(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  /** Has the last of it been told? */
  get isOver(): boolean {
    return ['end', 'error', 'upgrade'].includes(this.events.at(-1) ?? '')
  }

  /** Resolves when it is so; asked after each event. */
  async until(is: (told: this) => boolean): Promise<this> {
    while (!is(this)) await this.#changed.promise
    return this
  }

  async over(): Promise<this> {
    return this.until(({ isOver }) => isOver)
  }

  onSent(): void {
    this.#add('sent')
  }

  onInform(status: number): void {
    this.#add(`inform ${status}`)
  }

  onHeaders(response: Response): void {
    this.response = response
    this.#add('headers')
  }

  onData(chunk: Uint8Array): void {
    // The transport may use its memory again.
    this.#chunks.push(Buffer.from(chunk))
    if (this.events.at(-1) === 'data') this.#news()
    else this.#add('data')
  }

  onFlush(): boolean {
    return true
  }

  onEnd(trailers: Headers | undefined): void {
    this.trailers = trailers
    this.#add('end')
  }

  onError(error: MeshError): void {
    this.error = error
    this.#add('error')
  }

  onUpgrade(response: Response, tunnel: Duplex): void {
    this.response = response
    tunnel.destroy()
    this.#add('upgrade')
  }

  #add(event: string): void {
    this.events.push(event)
    this.#news()
  }

  #news(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}
