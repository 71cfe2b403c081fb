// The answer: the endpoint with the fewest attempts under way.
import type { Balancer, Endpoint } from '@meshwright/core'

/**
 * Picks the endpoint with the fewest attempts under way; equals take turns. Weights are ignored. Looks at every endpoint for
 * each pick: for some dozens of endpoints, not for thousands.
 */
export function __camel__(): Balancer {
  let turn = 0
  return {
    pick(endpoints) {
      turn++
      let best = endpoints[turn % endpoints.length] as Endpoint
      for (const endpoint of endpoints) if (endpoint.inFlight < best.inFlight) best = endpoint
      return best
    },
  }
}
