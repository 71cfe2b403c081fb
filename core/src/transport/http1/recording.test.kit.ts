// For tests: a parser whose events are written down in a form that does not depend on how the bytes were split.
import type { Headers } from '../../headers.ts'
import type { ResponseHead } from '../response-head.ts'
import { ResponseParser, type ResponseEvents } from './response-parser.ts'

/** What a request was, as far as its response depends on it. */
export interface Asked {
  /** It was a HEAD. Default false. */
  readonly head?: boolean
  /** It asked for an upgrade. Default false. */
  readonly upgrade?: boolean
  /** Bytes of a head. Default 65536. */
  readonly headBytes?: number
}

/** One response, as the parser told it. */
export interface Recorded {
  /** Every head: interim ones, then 101 or the final one. */
  readonly heads: { status: number; reason: string; fields: string[]; close: boolean }[]
  /** The body, latin1. */
  body: string
  /** Flat list of trailers; undefined when there were none. */
  trailers: string[] | undefined
  /** How it ended: `complete`, `switched` or the code of an error; `open` when it has not. */
  outcome: string
  /** Bytes behind the response. */
  rest: number
  /** Calls of onBody and onComplete, all told. */
  calls: number
}

/** A parser and what it told. */
export class Recording implements ResponseEvents {
  readonly recorded: Recorded = { heads: [], body: '', trailers: undefined, outcome: 'open', rest: 0, calls: 0 }
  readonly parser: ResponseParser

  constructor(asked: Asked = {}) {
    this.parser = new ResponseParser(this, asked.headBytes ?? 65_536)
    this.parser.expect(asked.head === true, asked.upgrade === true)
  }

  onHead({ response, close }: ResponseHead): void {
    this.#mustBeOpen('onHead')
    this.recorded.heads.push({ status: response.status, reason: response.reason, fields: [...response.headers.toList()], close })
  }

  onBody(chunk: Uint8Array): void {
    this.#mustBeOpen('onBody')
    if (chunk.byteLength === 0) throw new Error('an empty chunk')
    this.recorded.calls++
    this.recorded.body += Buffer.from(chunk).toString('latin1')
  }

  onComplete(trailers: Headers | undefined, rest: number): void {
    this.#mustBeOpen('onComplete')
    this.recorded.calls++
    this.recorded.trailers = trailers === undefined ? undefined : [...trailers.toList()]
    this.recorded.outcome = 'complete'
    this.recorded.rest = rest
  }

  onSwitch(rest: Buffer): void {
    this.#mustBeOpen('onSwitch')
    this.recorded.outcome = 'switched'
    this.recorded.rest = rest.byteLength
  }

  /** Takes bytes as a connection does: nothing more after an error or behind the response. */
  push(bytes: Buffer): void {
    if (this.recorded.outcome === 'complete' || this.recorded.outcome === 'switched') this.recorded.rest += bytes.byteLength
    if (this.recorded.outcome !== 'open') return
    const error = this.parser.take(bytes)
    if (error !== undefined) this.recorded.outcome = error.code
  }

  end(): void {
    if (this.recorded.outcome !== 'open') return
    const error = this.parser.endpointEnded()
    if (error !== undefined) this.recorded.outcome = error.code
  }

  #mustBeOpen(event: string): void {
    if (this.recorded.outcome !== 'open') throw new Error(`${event} after ${this.recorded.outcome}`)
  }
}

/** Gives the bytes to a parser, cut at these places, and ends the connection. `calls` is left out: it depends on the cuts. */
export function parse(bytes: string | Buffer, asked: Asked = {}, cuts: readonly number[] = []): Omit<Recorded, 'calls'> {
  const input = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes
  const recording = new Recording(asked)
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
