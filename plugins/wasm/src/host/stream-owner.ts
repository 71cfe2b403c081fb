// What a stream needs of the filter that it passes through.
import type { Exchange, MeshError, Reply } from '@meshwright/core'

/** The filter of a stream. */
export interface StreamOwner {
  /** What its exchanges fail with when the guest does; undefined: they go on without it. */
  readonly streamError: MeshError | undefined
  /** Looks for the route again. */
  reroute(exchange: Exchange): void
  /** Answers an exchange, or fails it, while it is in no phase. */
  answer(exchange: Exchange, answer: Reply | MeshError): void
  /** Asks for a call of a body phase: there are bytes that can leave. */
  wake(exchange: Exchange, of: 'request' | 'response'): void
  /** The stream has waited for the guest. Milliseconds. */
  paused(ms: number): void
}
