// Smooth weighted round robin: everyone in turn, heavier endpoints more often and evenly spread.
import { perPriority, type Balancer, type Endpoint } from '@meshwright/core'

/**
 * Everyone in turn. With equal weights a pick is one step along the list; otherwise each pick adds its weight to every
 * endpoint's score, takes the greatest score (the first of equals) and takes the sum of the weights off it.
 *
 * Scores survive a change of the list as long as their endpoint stays in it; a newcomer starts in the middle.
 * One instance per service and thread; threads do not agree on whose turn it is. Each priority has turns of its own.
 *
 * @source nginx, ngx_http_upstream_get_peer, with effective weight always equal to weight: keeping failing endpoints
 * out is the outlier detector's part
 */
export function roundRobin(): Balancer {
  return perPriority(() => new RoundRobin())
}

class RoundRobin implements Balancer {
  #list: readonly Endpoint[] = []
  #weights = new Float64Array(0)
  #scores = new Float64Array(0)
  #total = 0
  #equal = true
  #last = -1

  pick(endpoints: readonly Endpoint[]): Endpoint {
    if (endpoints !== this.#list) this.update(endpoints)
    return endpoints[this.#equal ? this.#step() : this.#heaviest()] as Endpoint
  }

  update(endpoints: readonly Endpoint[]): void {
    const before = this.#scoresByEndpoint()
    const lastPicked = this.#list[this.#last]
    this.#list = endpoints
    this.#weights = Float64Array.from(endpoints, (endpoint) => endpoint.weight)
    this.#total = this.#weights.reduce((sum, weight) => sum + weight, 0)
    this.#equal = this.#weights.every((weight) => weight === this.#weights[0])
    this.#scores = this.#carryOver(endpoints, before)
    this.#last = this.#resume(endpoints, lastPicked)
  }

  #step(): number {
    this.#last = this.#last + 1 < this.#list.length ? this.#last + 1 : 0
    return this.#last
  }

  #heaviest(): number {
    const weights = this.#weights
    const scores = this.#scores
    let best = -1
    let bestScore = -Infinity
    for (let i = 0; i < scores.length; i++) {
      const score = (scores[i] as number) + (weights[i] as number)
      scores[i] = score
      if (score > bestScore) {
        best = i
        bestScore = score
      }
    }
    scores[best] = bestScore - this.#total
    this.#last = best
    return best
  }

  #scoresByEndpoint(): Map<Endpoint, number> {
    return new Map(this.#list.map((endpoint, i) => [endpoint, this.#scores[i] as number]))
  }

  /**
   * Scores add up to 0 as long as the list stays. An endpoint that leaves takes its share along; unless what remains is
   * brought back to 0, a newcomer with 0 would be starved, or flooded. Lighter weights mean narrower scores.
   */
  #carryOver(endpoints: readonly Endpoint[], before: ReadonlyMap<Endpoint, number>): Float64Array<ArrayBuffer> {
    const kept = endpoints.filter((endpoint) => before.has(endpoint))
    const sum = kept.reduce((total, endpoint) => total + (before.get(endpoint) as number), 0)
    const middle = kept.length === 0 ? 0 : Math.trunc(sum / kept.length)
    return Float64Array.from(endpoints, (endpoint) => {
      const score = (before.get(endpoint) ?? middle) - middle
      return Math.max(-this.#total, Math.min(this.#total, score))
    })
  }

  /** Goes on behind the endpoint that had the last turn; if that one has left, from about the same place. */
  #resume(endpoints: readonly Endpoint[], lastPicked: Endpoint | undefined): number {
    if (lastPicked === undefined) return -1
    const at = endpoints.indexOf(lastPicked)
    return at >= 0 ? at : Math.min(this.#last, endpoints.length) - 1
  }
}
