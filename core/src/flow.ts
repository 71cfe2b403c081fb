// The vocabulary of moving bytes: what a transport tells (Sink), how it is steered (Flow), what a listener offers (Downstream).
import type { Duplex } from 'node:stream'
import type { MeshError } from './errors.ts'
import type { Headers } from './headers.ts'
import type { Response } from './exchange.ts'

/** Steers the response of one attempt. All three may be called at any time and more than once. */
export interface Flow {
  pause(): void
  resume(): void
  /** Ends the attempt: its connection is closed, no further event follows. */
  abort(error: MeshError): void
}

/**
 * What an attempt tells, in this order: onSent, any number of onInform, onHeaders, any number of onData, onEnd.
 * onError may come instead of any of them; onUpgrade instead of onHeaders. After onEnd, onError or onUpgrade nothing follows.
 */
export interface Sink {
  /** A connection is there and the request is being written: from now on an endpoint may have seen bytes of it. */
  onSent(): void
  /** An interim response, 100..199 without 101. */
  onInform(status: number, headers: Headers): void
  onHeaders(response: Response): void
  /** Bytes of the body. They stay as they are until `onFlush` has said that they are no longer needed. */
  onData(chunk: Uint8Array): void
  /**
   * Asked by a transport that uses its memory again, when everything that came at once has been told. Answers whether the
   * bytes handed over so far are no longer needed. If not, they have to stay as they are until `resume` is called; if the
   * attempt is over, for good. A transport that gives each chunk memory of its own need not ask.
   */
  onFlush(): boolean
  onEnd(trailers: Headers | undefined): void
  onError(error: MeshError): void
  /** The endpoint switched protocols: from here on raw bytes both ways. */
  onUpgrade(response: Response, tunnel: Duplex): void
}

/** Receives a request body. `write` answers false when it wants no more before it calls `body.resume()`. */
export interface BodySink {
  write(chunk: Uint8Array): boolean
  end(trailers: Headers | undefined): void
  abort(error: MeshError): void
}

/** What a listener offers to the path of bytes, whatever protocol it speaks. Nothing here throws. */
export interface Downstream {
  /** Has a head been sent? Then an error can only cut the body. */
  readonly headSent: boolean
  /** Sends an interim response; ignored towards clients that cannot take one. */
  inform(status: number, headers: Headers): void
  /** Sends the final head; false when it cannot be written as HTTP. `bodyless`: no body follows, whatever the fields say (HEAD, 204, 304). */
  head(status: number, reason: string, headers: Headers, bodyless: boolean): boolean
  /** Sends body bytes, at the latest at the end of this turn; false means: wait until `relay.drained` is called. The bytes are needed until they are sent. */
  write(chunk: Uint8Array): boolean
  /** Sends what has been written at once. Answers whether all of it went out; if not, `relay.drained` is called when it has, unless `end` was called. */
  flush(): boolean
  end(trailers: Headers | undefined): void
  /** The connection is not to be used for another request; to be said before `head`. */
  closeAfter(): void
  /** Cuts the connection, so that nobody takes what was sent for complete. */
  abort(): void
  /** Sends the endpoint's 101 and joins both connections until both are closed. */
  tunnel(response: Response, upstream: Duplex, idleTimeoutMs: number, counts: ByteCounts, done: (error: MeshError | undefined) => void): void
  /** Who is told when the client takes more again, and when it has everything or is gone. */
  relay: DownstreamRelay | undefined
}

/** What a Downstream tells. */
export interface DownstreamRelay {
  /** After a `write` that answered false: go on. */
  drained(): void
  /** The last event. `finished`: everything went out; otherwise the connection was lost before. */
  closed(finished: boolean): void
}

/** Where a tunnel adds up what passes through it. */
export interface ByteCounts {
  requestBytes: number
  responseBytes: number
}
