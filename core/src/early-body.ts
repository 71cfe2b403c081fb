// What comes of a response while its filters still think about the head: kept for later, or read whole by one of them.
import { MeshError } from './errors.ts'
import type { Headers } from './headers.ts'

/** Somebody wants the whole body. */
type Reading = { readonly maxBytes: number; readonly whole: PromiseWithResolvers<Uint8Array> }

export class EarlyBody {
  readonly chunks: Uint8Array[] = []
  /** Set when all of it is here. */
  ended: { readonly trailers: Headers | undefined } | undefined = undefined
  #bytes = 0
  #reading: Reading | undefined = undefined

  /** Somebody waits for more; otherwise its source is to be held. */
  get wanted(): boolean {
    return this.#reading !== undefined && this.#bytes <= this.#reading.maxBytes
  }

  /** The bytes are only lent: they are copied. */
  push(chunk: Uint8Array): void {
    this.chunks.push(Buffer.from(chunk))
    this.#bytes += chunk.byteLength
    this.#look()
  }

  end(trailers: Headers | undefined): void {
    this.ended = { trailers }
    this.#look()
  }

  /** All of it, when it is here. A longer one rejects with MESH_RESPONSE_BUFFER_FULL; a second call answers the same. */
  read(maxBytes: number): Promise<Uint8Array> {
    if (this.#reading === undefined) {
      this.#reading = { maxBytes, whole: Promise.withResolvers() }
      // Whoever asked may have lost interest.
      this.#reading.whole.promise.catch(() => {})
      this.#look()
    }
    return this.#reading.whole.promise
  }

  /** There will be no more of it, or not for whoever reads it. */
  abandon(): void {
    this.#reading?.whole.reject(new MeshError('MESH_INTERNAL', 'the attempt is over'))
  }

  #look(): void {
    if (this.#reading === undefined) return
    const { maxBytes, whole } = this.#reading
    if (this.#bytes > maxBytes) whole.reject(new MeshError('MESH_RESPONSE_BUFFER_FULL', `more than ${maxBytes} bytes`))
    else if (this.ended !== undefined) whole.resolve(Buffer.concat(this.chunks))
  }
}
