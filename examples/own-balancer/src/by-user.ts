// The answer: a balancer that sends each user always to the same endpoint.
import type { Balancer, Endpoint } from '@meshwright/core'

/**
 * Rendezvous hashing on a request header: every endpoint gets a score for the user, the highest wins. When an endpoint
 * goes, only its own users move. A request without the header counts as the user ''.
 * @source D. Thaler and C. Ravishankar, "Using name-based mappings to increase hit rates", 1998
 */
export function byUser(header = 'x-user'): Balancer {
  return {
    pick(endpoints, exchange) {
      const user = exchange.request.headers.get(header) ?? ''
      return endpoints.reduce((best, next) => (score(next, user) > score(best, user) ? next : best))
    },
  }
}

function score(endpoint: Endpoint, user: string): number {
  return hash(`${endpoint.id}\n${user}`)
}

/** FNV-1a with a final mix, without which ids that differ in their last letter would get similar scores. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}
