// For tests: a connection's parser and what a listener makes of its heads, written down in a form that does not depend on how the bytes were split.
import { listenerSettings } from './http1.ts'
import { trailerFault } from './http1-connection.ts'
import { takeIn, type Intake } from './intake.ts'
import { RequestParser, type RequestEvents, type RequestHead } from './request-parser.ts'

/** What one request was read as. */
export interface RecordedRequest {
  readonly method: string
  readonly url: string
  readonly version: string
  /** name, value, name, value, … as on the wire. */
  readonly fields: readonly string[]
  /** The body, latin1. */
  body: string
  /** Flat list of trailers; undefined when there were none. */
  trailers: readonly string[] | undefined
  /** Its end has been told. */
  complete: boolean
}

/** What became of a connection. */
export interface Recorded {
  readonly requests: RecordedRequest[]
  /**
   * `open`: more may come; `ended`: between two requests; `cut`: within one; `closed`: behind one that said that it was the last;
   * otherwise the code of an error.
   */
  outcome: string
  /** Calls of the three events, all told. */
  calls: number
}

const settings = listenerSettings({}, { pseudonym: 'unit' })
const peer = { remoteAddress: '127.0.0.1' }

/** A parser and what it told. It goes on from one request to the next as a connection does when answers are there at once. */
export class Recording implements RequestEvents {
  readonly recorded: Recorded = { requests: [], outcome: 'open', calls: 0 }
  readonly parser: RequestParser
  #last = false

  constructor(headBytes = 65_536) {
    this.parser = new RequestParser(this, headBytes)
    this.parser.expect()
  }

  onHead(head: RequestHead, text: string): void {
    this.#event('onHead')
    if (!text.startsWith(`${head.method} ${head.url} HTTP/`)) throw new Error(`the text of a head is another one: ${text}`)
    const intake = takeIn(head, peer, settings.intake)
    if (intake.error !== undefined) {
      this.recorded.outcome = intake.error.code
      return
    }
    this.#last = !intake.keepAlive
    this.recorded.requests.push({ method: head.method, url: head.url, version: head.httpVersion, fields: head.rawHeaders, body: '', trailers: undefined, complete: false })
    this.#bodyOf(intake)
  }

  onBody(chunk: Buffer): void {
    this.#event('onBody')
    if (chunk.byteLength === 0) throw new Error('an empty chunk')
    this.#request.body += chunk.toString('latin1')
  }

  onBodyEnd(trailers: readonly string[] | undefined): void {
    this.#event('onBodyEnd')
    const fault = trailers === undefined ? undefined : trailerFault(trailers, settings)
    if (fault !== undefined) {
      this.recorded.outcome = fault.code
      return
    }
    this.#request.trailers = trailers
    this.#complete()
  }

  push(bytes: Buffer): void {
    let left: number = bytes.length
    while (left > 0 && this.recorded.outcome === 'open') {
      const answer = this.parser.push(bytes.subarray(bytes.length - left))
      if (typeof answer !== 'number') {
        this.recorded.outcome = answer.code
        return
      }
      if (answer > left || answer < 0) throw new Error(`of ${left} bytes ${answer} are left`)
      left = answer
    }
  }

  end(): void {
    if (this.recorded.outcome !== 'open') return
    const { parser } = this
    const inBody = this.recorded.requests.at(-1)?.complete === false
    if (parser.end() === parser.done) throw new Error('a request is both whole and cut')
    this.recorded.outcome = inBody || parser.inHead ? 'cut' : 'ended'
  }

  get #request(): RecordedRequest {
    return this.recorded.requests.at(-1) as RecordedRequest
  }

  #bodyOf(intake: Intake): void {
    if (intake.hasBody) this.parser.expectBody(intake.contentLength ?? 'chunked')
    else this.#complete()
  }

  #complete(): void {
    this.#request.complete = true
    if (this.#last) this.recorded.outcome = 'closed'
    else this.parser.expect()
  }

  #event(name: string): void {
    this.recorded.calls++
    if (this.recorded.outcome !== 'open') throw new Error(`${name} after ${this.recorded.outcome}`)
  }
}

/** Gives the bytes to a parser, cut at these places, and ends the connection. `calls` is left out: it depends on the cuts. */
export function parse(bytes: string | Buffer, cuts: readonly number[] = [], headBytes?: number): Omit<Recorded, 'calls'> {
  const input = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes
  const recording = new Recording(headBytes)
  let from = 0
  for (const cut of [...cuts, input.length]) {
    // Each piece is a view of memory that is overwritten afterwards: a parser that kept it would be found out.
    const piece = Buffer.from(input.subarray(from, cut))
    if (piece.length > 0) recording.push(piece)
    piece.fill(0x21)
    from = cut
  }
  recording.end()
  const { calls: _, ...rest } = recording.recorded
  return rest
}
