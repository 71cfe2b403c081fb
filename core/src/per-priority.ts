// A balancer of balancers: for answers that keep a state of their own for each list they are handed.
import type { Endpoint } from './endpoint.ts'
import type { Exchange } from './exchange.ts'
import type { Balancer } from './questions.ts'

/**
 * Makes a balancer that can serve several priorities at the same time, as one that is given by value has to: each priority
 * gets an instance of its own, so that nothing is rebuilt when picks change from one priority to another. An instance is not
 * told of an empty list, from which nobody picks.
 * @param make called at the first list of a priority
 */
export function perPriority(make: () => Balancer): Balancer {
  return new PerPriority(make)
}

class PerPriority implements Balancer {
  readonly #make: () => Balancer
  readonly #balancers = new Map<number, Balancer>()
  #list: readonly Endpoint[] | undefined = undefined
  #current: Balancer | undefined = undefined

  constructor(make: () => Balancer) {
    this.#make = make
  }

  pick(endpoints: readonly Endpoint[], exchange: Exchange): Endpoint {
    // hot: nearly every service has one priority, and its list seldom changes
    const current = endpoints === this.#list ? (this.#current as Balancer) : this.#turnTo(endpoints)
    return current.pick(endpoints, exchange)
  }

  update(endpoints: readonly Endpoint[]): void {
    if (endpoints.length > 0) this.#turnTo(endpoints).update?.(endpoints)
  }

  ended(endpoint: Endpoint, exchange: Exchange): void {
    this.#balancers.get(endpoint.priority)?.ended?.(endpoint, exchange)
  }

  #turnTo(endpoints: readonly Endpoint[]): Balancer {
    const { priority } = endpoints[0] as Endpoint
    let balancer = this.#balancers.get(priority)
    if (balancer === undefined) this.#balancers.set(priority, (balancer = this.#make()))
    this.#list = endpoints
    this.#current = balancer
    return balancer
  }
}
