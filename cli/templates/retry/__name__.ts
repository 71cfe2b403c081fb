// The answer: a further attempt after each of a few delays.
import type { Exchange, RetryPolicy } from '@meshwright/core'

export interface __Camel__Options {
  /** How long to wait before the second attempt, the third, and so on. Milliseconds, 0..60000 each; up to 10 of them. Default 25 and 100. */
  readonly delaysMs?: readonly number[]
}

/**
 * Tries again when an endpoint could not be reached or answers 503. Up to half of each delay is added at random, so that what has
 * failed together does not come back together. Whether a request may be repeated at all is the core's decision.
 */
export function __camel__(options: __Camel__Options = {}): RetryPolicy {
  const { delaysMs = [25, 100] } = options
  return {
    next(exchange) {
      const delayMs = isWorthIt(exchange) ? delaysMs[exchange.attempt - 1] : undefined
      return delayMs === undefined ? undefined : delayMs * (1 + Math.random() / 2)
    },
  }
}

function isWorthIt({ error, response }: Exchange): boolean {
  if (error !== undefined) return error.code === 'MESH_CONNECT_FAILED' || error.code === 'MESH_CONNECT_TIMEOUT'
  return response?.status === 503
}
