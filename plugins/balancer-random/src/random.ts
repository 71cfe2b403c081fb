// Random: every pick is a draw of its own, in which heavier endpoints have the better chance.
import { perPriority, type Balancer, type Endpoint } from '@meshwright/core'
import { aliasTable, drawFrom, type AliasTable } from './alias-table.ts'

export interface RandomOptions {
  /** A number from 0 to less than 1. Default Math.random; for tests. */
  readonly random?: () => number
}

/**
 * One endpoint at random, with a chance in proportion to its weight. Looks at nothing else: not at load, nor at what was
 * picked before, so any number of threads and proxies together spread like a single one.
 */
export function random(options: RandomOptions = {}): Balancer {
  const draw = options.random ?? Math.random
  return perPriority(() => new RandomBalancer(draw))
}

class RandomBalancer implements Balancer {
  readonly #random: () => number
  #list: readonly Endpoint[] = []
  /** Undefined while all weights are equal. */
  #table: AliasTable | undefined = undefined

  constructor(draw: () => number) {
    this.#random = draw
  }

  pick(endpoints: readonly Endpoint[]): Endpoint {
    if (endpoints !== this.#list) this.update(endpoints)
    const drawn = this.#random()
    return endpoints[this.#table === undefined ? Math.floor(drawn * endpoints.length) : drawFrom(this.#table, drawn)] as Endpoint
  }

  update(endpoints: readonly Endpoint[]): void {
    this.#list = endpoints
    const weights = endpoints.map(({ weight }) => weight)
    this.#table = weights.every((weight) => weight === weights[0]) ? undefined : aliasTable(weights)
  }
}
