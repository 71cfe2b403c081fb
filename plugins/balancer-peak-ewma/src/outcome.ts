// What the end of an attempt says about its endpoint.
import type { Exchange } from '@meshwright/core'

export interface Outcome {
  /**
   * `bad`: it failed, or the endpoint or one behind it has no room (429, 502, 503, 504); `poor`: any other status from 500 on,
   * where the latency says nothing; `good`: what is left.
   */
  readonly verdict: 'good' | 'poor' | 'bad'
  /** How long the endpoint asks to be left alone. Milliseconds; 0: it does not ask. */
  readonly holdMs: number
}

const good: Outcome = { verdict: 'good', holdMs: 0 }
const poor: Outcome = { verdict: 'poor', holdMs: 0 }
const bad: Outcome = { verdict: 'bad', holdMs: 0 }

/** Nobody is left alone for longer. */
const maxHoldMs = 300_000

/** @source Linkerd, load biaser: which statuses, and Retry-After up to 300 s */
export function judge({ error, response }: Exchange): Outcome {
  if (error !== undefined || response === undefined) return bad
  const { status } = response
  if (status < 429) return good
  if (status === 429 || status === 503) return held(response.headers.get('retry-after'))
  if (status < 500) return good
  return status === 502 || status === 504 ? bad : poor
}

function held(retryAfter: string | undefined): Outcome {
  if (retryAfter === undefined) return bad
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now()
  return ms > 0 ? { verdict: 'bad', holdMs: Math.min(ms, maxHoldMs) } : bad
}
