// The answer: a rest for an endpoint that fails too often in a row.
import type { Endpoint, Exchange, OutlierDetector } from '@meshwright/core'

export interface __Camel__Options {
  /** Failures in a row that send an endpoint to rest. 1..1000; default 5. */
  readonly failures?: number
  /** How long it rests. Milliseconds, 1..86400000; default 30000. */
  readonly restMs?: number
}

/** Rests an endpoint after so many errors and statuses of 500 and more in a row, unless half of the endpoints are resting. */
export function __camel__(options: __Camel__Options = {}): OutlierDetector {
  const { failures = 5, restMs = 30_000 } = options
  // Weak: what is known of an endpoint goes with it.
  const inARow = new WeakMap<Endpoint, number>()
  return {
    ended(endpoint, exchange, peers) {
      const count = isFailure(exchange) ? (inARow.get(endpoint) ?? 0) + 1 : 0
      const rests = count >= failures && mayRest(peers)
      inARow.set(endpoint, rests ? 0 : count)
      return rests ? restMs : undefined
    },
  }
}

function isFailure({ error, response }: Exchange): boolean {
  return error !== undefined || (response !== undefined && response.status >= 500)
}

/** When most of them fail it is not the endpoints. */
function mayRest(peers: readonly Endpoint[]): boolean {
  return peers.filter((peer) => peer.restingUntilMs > 0).length < peers.length / 2
}
