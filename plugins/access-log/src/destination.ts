// Where lines go: a stream of the caller's, or standard output, standard error or a file that survives rotation.
import { fstat, stat } from 'node:fs'
import { pino } from 'pino'

/** The part of a writable stream that the log uses: Node's streams, `pino.destination()` and `pino.transport()` have it. */
export interface LineStream {
  /** False: write no more before 'drain'. */
  write(text: string): boolean
  on(event: 'drain', listener: () => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
}

/** What a {@link Destination} tells. */
export interface DestinationEvents {
  drained(): void
  failed(error: Error): void
}

/** Takes whole lines. */
export interface Destination {
  /** Told nothing twice: the next lines wait for `drained` when it answers false. */
  write(text: string): boolean
  /** May lines be given to it now? */
  ready(): boolean
  /** Everything written is where it should be, or lost and told to `failed`. */
  close(): Promise<void>
}

/** Somebody else's stream: it is not closed here, and after an error it gets nothing more. */
export function toStream(stream: LineStream, events: DestinationEvents): Destination {
  let broken = false
  stream.on('drain', () => events.drained())
  stream.on('error', (error) => {
    broken = true
    events.failed(error)
  })
  return { write: (text) => stream.write(text), ready: () => !broken, close: () => Promise.resolve() }
}

type OwnStream = ReturnType<typeof pino.destination>

const retryAfterMs = 1000
const rotationCheckMs = 1000
const closeTimeoutMs = 5000

/** A file (or file descriptor 1 or 2) of our own, opened at the first line, opened again after an error or when another file has its name. */
export class FileDestination implements Destination {
  readonly #target: string | number
  readonly #events: DestinationEvents
  #stream: OwnStream | undefined
  #retryMs = 0
  #checkMs = 0

  constructor(target: string | number, events: DestinationEvents) {
    this.#target = target
    this.#events = events
  }

  ready(): boolean {
    return performance.now() >= this.#retryMs
  }

  write(text: string): boolean {
    this.#stream ??= this.#open()
    this.#watchRotation(this.#stream)
    return this.#stream.write(text)
  }

  async close(): Promise<void> {
    const stream = this.#stream
    if (!stream) return
    const { promise, resolve } = Promise.withResolvers<void>()
    // A disk that hangs must not keep the mesh from closing.
    const timer = setTimeout(resolve, closeTimeoutMs)
    stream.once('close', resolve)
    stream.once('error', resolve)
    stream.end()
    await promise
    clearTimeout(timer)
  }

  #open(): OwnStream {
    const stream = pino.destination({ dest: this.#target, sync: false })
    stream.on('drain', () => this.#events.drained())
    stream.on('error', (error: Error) => this.#fail(stream, error))
    this.#checkMs = performance.now() + rotationCheckMs
    return stream
  }

  #fail(stream: OwnStream, error: Error): void {
    if (stream !== this.#stream) return
    this.#stream = undefined
    this.#retryMs = performance.now() + retryAfterMs
    stream.destroy()
    this.#events.failed(error)
  }

  /** Programs that rotate logs rename the file: whoever goes on writing writes to the old one. Looked at once a second. */
  #watchRotation(stream: OwnStream): void {
    const now = performance.now()
    if (typeof this.#target !== 'string' || now < this.#checkMs) return
    this.#checkMs = now + rotationCheckMs
    const fd = (stream as OwnStream & { readonly fd: number }).fd
    if (fd < 0) return
    fstat(fd, (failed, open) => {
      if (failed) return
      stat(this.#target as string, (gone, named) => {
        if (stream === this.#stream && (gone || named.ino !== open.ino || named.dev !== open.dev)) stream.reopen()
      })
    })
  }
}
