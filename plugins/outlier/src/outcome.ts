// What the end of an attempt says about its endpoint.
import type { Exchange } from '@meshwright/core'

/**
 * `good`: an answer below 500. `error`: a 5xx that is no gateway's. `gateway`: 502, 503 or 504. `local`: no answer, or a
 * broken one: connection refused, time-out, reset, not HTTP. `none`: nothing about the endpoint.
 */
export type Outcome = 'good' | 'error' | 'gateway' | 'local' | 'none'

export function outcomeOf({ error, response }: Exchange): Outcome {
  // How much of a body a filter holds back is a matter of configuration.
  if (error !== undefined) return error.code === 'MESH_RESPONSE_BUFFER_FULL' ? 'none' : 'local'
  if (response === undefined) return 'none'
  const { status } = response
  if (status < 500) return 'good'
  return status >= 502 && status <= 504 ? 'gateway' : 'error'
}
