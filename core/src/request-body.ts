// The body of a request between the listener and an attempt: counted, limited, filtered, and kept while it may be sent again.
import { BodyPipe } from './body-pipe.ts'
import type { BodyStep } from './chain.ts'
import { MeshError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import type { BodySink } from './flow.ts'
import type { Headers } from './headers.ts'
import type { Reply } from './reply.ts'

/** Where a listener's body bytes come from. It starts paused. */
export interface BodySource {
  /** Begins to deliver to the receiver; called once. */
  open(receiver: BodyReceiver): void
  pause(): void
  resume(): void
}

/** What a source tells. */
export interface BodyReceiver {
  receive(chunk: Uint8Array): void
  finish(trailers: Headers | undefined): void
  fail(error: MeshError): void
}

/** Who is told of the body's progress: the exchange's relay. */
export interface BodyWatcher {
  /** Bytes came from the client. */
  bodyArrived(bytes: number): void
  /** Who is being waited for now. */
  bodyWaiting(on: 'client' | 'endpoint' | 'filter'): void
  /** All of it has been taken from the client and handed on. */
  bodySent(): void
  /** The client, a limit or a filter ended it early. */
  bodyFailed(error: MeshError): void
  /** A filter has read enough of it to answer. */
  bodyAnswered(reply: Reply): void
}

/** Somebody waits for the whole body. */
type Reading = { readonly maxBytes: number; readonly whole: PromiseWithResolvers<Uint8Array> }

/** How many bytes of an unwanted rest are read so that the connection can be used again. */
const maxDiscardBytes = 262_144

/**
 * A request body. Nothing is read from the client before an attempt asks for it, nothing is kept unless a retry policy
 * asked for that, and no more than one chunk waits here at a time.
 */
export class RequestBody implements BodyReceiver {
  /** Content-Length; undefined when the body came chunked, or when a filter may change it. */
  declaredBytes: number | undefined
  readonly #source: BodySource
  readonly #maxBytes: number
  #watcher: BodyWatcher | undefined = undefined
  #pipe: BodyPipe | undefined = undefined
  #sink: BodySink | undefined = undefined
  #kept: Uint8Array[] | undefined = undefined
  #keptBytes = 0
  #keepLimit = 0
  #taken = 0
  /** Bytes that have gone their way. */
  #let = 0
  #trailers: Headers | undefined = undefined
  #opened = false
  #held = false
  #full = false
  #received = false
  #ended = false
  #discarded = 0
  /** Set when the rest is only thrown away. */
  #tooMuch: (() => void) | undefined = undefined
  #exchange: Exchange | undefined = undefined
  /** What was read before the first attempt, and has still to go its way. */
  #ahead: Uint8Array[] | undefined = undefined
  #reading: Reading | undefined = undefined
  #error: MeshError | undefined = undefined

  /** @param maxBytes 0: no limit */
  constructor(source: BodySource, declaredBytes: number | undefined, maxBytes: number) {
    this.#source = source
    this.declaredBytes = declaredBytes
    this.#maxBytes = maxBytes
  }

  /** Bytes taken from the client so far. */
  get taken(): number {
    return this.#taken
  }

  /** Has the client sent all of it? */
  get received(): boolean {
    return this.#received
  }

  /** Can it be sent whole, once more? True until a byte has been let go. */
  get replayable(): boolean {
    return this.#error === undefined && (this.#kept !== undefined || this.#let === 0)
  }

  /** The trailer fields, once all of it has come. */
  get trailers(): Headers | undefined {
    return this.#trailers
  }

  /** Prepares the body for its way; called once, before the first attempt. */
  prepare(watcher: BodyWatcher, exchange: Exchange, steps: readonly BodyStep[] | undefined, keepBytes: number): void {
    this.#watcher = watcher
    this.#exchange = exchange
    this.#keepLimit = keepBytes
    if (keepBytes > 0) this.#kept = []
    if (steps === undefined) return
    this.declaredBytes = undefined
    this.#pipe = new BodyPipe(
      steps,
      exchange,
      {
        write: (chunk) => this.#pass(chunk),
        end: () => this.#finish(),
        answer: (reply) => this.#answer(reply),
        fail: (error) => this.fail(error),
        hold: () => this.#hold(true),
        release: () => this.#hold(false),
        takesMore: () => this.#sink !== undefined && !this.#full,
      },
      'MESH_REQUEST_BUFFER_FULL',
    )
  }

  /** Sends it to an attempt, from its beginning. */
  sendTo(sink: BodySink): void {
    this.#sink = sink
    this.#full = false
    if (this.#error !== undefined) return sink.abort(this.#error)
    // A filter may have let go of more than is kept while there was nobody to send it to.
    if (!this.replayable) return this.fail(new MeshError('MESH_UPSTREAM_CLOSED', 'the request body cannot be sent again'))
    for (const chunk of this.#kept ?? []) this.#full = !sink.write(chunk) || this.#full
    if (this.#ended) {
      sink.end(this.#trailers)
      this.#watcher?.bodySent()
      return
    }
    this.#flow()
  }

  /** The attempt takes more again. */
  resume(): void {
    this.#full = false
    this.#flow()
  }

  /** The attempt is over: wait for the next one, or for `discard`. */
  detach(): void {
    this.#sink = undefined
    if (this.#opened && !this.#received) this.#source.pause()
  }

  /** The filter at this place in the chain wants to be asked once more. */
  wake(position: number): void {
    this.#pipe?.wake(position)
  }

  /** The exchange is being answered: no filter is asked about the rest, and nothing more is read for now. */
  giveUp(): void {
    this.#pipe?.stop()
    this.detach()
  }

  /** Nobody wants the rest: read a bounded amount of it, so that the connection can be used again. `tooMuch`: it was more. */
  discard(tooMuch: () => void): void {
    this.#sink = undefined
    this.#kept = undefined
    this.#pipe?.stop()
    this.#reading?.whole.reject(new MeshError('MESH_CLIENT_CLOSED', 'the exchange is over'))
    if (this.#received || this.#tooMuch !== undefined) return
    this.#tooMuch = tooMuch
    this.#read()
  }

  /**
   * Reads all of it before an attempt is made, for a filter that decides by the body whether there is to be one; to be awaited
   * in `onRequestHeaders`. The body goes its way as if it had not been read. A second call answers the same.
   * @param maxBytes a longer one rejects with MESH_REQUEST_BUFFER_FULL
   */
  read(maxBytes: number): Promise<Uint8Array> {
    if (this.#reading !== undefined) return this.#reading.whole.promise
    this.#reading = { maxBytes, whole: Promise.withResolvers() }
    // Whoever asked may have lost interest.
    this.#reading.whole.promise.catch(() => {})
    this.#ahead = []
    this.#read()
    return this.#reading.whole.promise
  }

  receive(chunk: Uint8Array): void {
    if (this.#tooMuch !== undefined) return this.#drop(chunk.byteLength)
    if (this.#error !== undefined) return
    this.#taken += chunk.byteLength
    if (this.#maxBytes > 0 && this.#taken > this.#maxBytes) return this.fail(new MeshError('MESH_BODY_TOO_LARGE', `more than ${this.#maxBytes} bytes`))
    if (this.#ahead === undefined) return this.#take(chunk)
    this.#ahead.push(chunk)
    if (this.#reading !== undefined && this.#taken > this.#reading.maxBytes) this.fail(new MeshError('MESH_REQUEST_BUFFER_FULL', `more than ${this.#reading.maxBytes} bytes`))
  }

  finish(trailers: Headers | undefined): void {
    this.#received = true
    if (this.#error !== undefined || this.#tooMuch !== undefined) return
    this.#trailers = trailers
    if (this.#ahead === undefined) this.#complete()
    else this.#reading?.whole.resolve(Buffer.concat(this.#ahead))
  }

  fail(error: MeshError): void {
    if (this.#error !== undefined || this.#ended || this.#tooMuch !== undefined) return
    this.#error = error
    this.#pipe?.stop()
    const sink = this.#sink
    this.#sink = undefined
    if (this.#opened && !this.#received) this.#source.pause()
    this.#reading?.whole.reject(error)
    this.#watcher?.bodyFailed(error)
    sink?.abort(error)
  }

  /** A chunk goes its way. */
  #take(chunk: Uint8Array): void {
    this.#let += chunk.byteLength
    this.#watcher?.bodyArrived(chunk.byteLength)
    if (this.#pipe !== undefined) this.#pipe.push(chunk)
    else this.#pass(chunk)
  }

  /** So does the end. */
  #complete(): void {
    // A filter that has read it ahead may have set them already.
    if (this.#exchange !== undefined) this.#exchange.request.trailers ??= this.#trailers
    if (this.#pipe !== undefined) this.#pipe.end()
    else this.#finish()
  }

  #answer(reply: Reply): void {
    this.#error = new MeshError('MESH_INTERNAL', 'answered by a filter')
    this.#sink = undefined
    if (!this.#received) this.#source.pause()
    this.#watcher?.bodyAnswered(reply)
  }

  #pass(chunk: Uint8Array): void {
    this.#keep(chunk)
    if (this.#sink === undefined || this.#sink.write(chunk)) return
    this.#full = true
    this.#source.pause()
    this.#watcher?.bodyWaiting('endpoint')
  }

  #keep(chunk: Uint8Array): void {
    if (this.#kept === undefined) return
    this.#keptBytes += chunk.byteLength
    if (this.#keptBytes > this.#keepLimit) this.#kept = undefined
    else this.#kept.push(chunk)
  }

  #finish(): void {
    this.#ended = true
    if (this.#exchange !== undefined) this.#trailers = this.#exchange.request.trailers
    this.#sink?.end(this.#trailers)
    this.#watcher?.bodySent()
  }

  #hold(held: boolean): void {
    this.#held = held
    if (!held) return this.#flow()
    this.#source.pause()
    this.#watcher?.bodyWaiting('filter')
  }

  /** Reads on unless somebody holds it back. */
  #flow(): void {
    if (this.#ahead !== undefined) this.#flowAhead(this.#ahead)
    this.#pipe?.wakeUp()
    if (this.#held || this.#full || this.#received || this.#tooMuch !== undefined) return
    this.#watcher?.bodyWaiting('client')
    this.#read()
  }

  /** What was read ahead goes first. */
  #flowAhead(ahead: Uint8Array[]): void {
    while (!this.#held && !this.#full && this.#error === undefined) {
      const chunk = ahead.shift()
      if (chunk === undefined) {
        this.#ahead = undefined
        if (this.#received) this.#complete()
        return
      }
      this.#take(chunk)
    }
  }

  #read(): void {
    if (this.#opened) return this.#source.resume()
    this.#opened = true
    this.#source.open(this)
  }

  #drop(bytes: number): void {
    this.#discarded += bytes
    if (this.#discarded > maxDiscardBytes) this.#tooMuch?.()
  }
}
