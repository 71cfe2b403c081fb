// What a mesh makes of what a registry says, one view after the other: whom to believe in, and whom still.
import type { EndpointSpec } from '@meshwright/core'
import { toEndpoint } from './instance.ts'
import type { View } from './service-registry.ts'

/**
 * The endpoints of one service.
 * 1. A settled registry is believed, also when it says that nobody is there.
 * 2. One that has begun with nothing and is not settled yet is believed in whom it knows. Those who were known before
 *    it began, and whom it has not named since, stay until it is settled: they need a heartbeat to get to know it.
 */
export class KnownSet {
  #registry: string | undefined = undefined
  #endpoints: ReadonlyMap<string, EndpointSpec> = new Map()
  /** Known from the registry before this one, and not named by it yet. */
  #inherited: ReadonlyMap<string, EndpointSpec> = new Map()

  /** The whole set from now on; undefined: nothing can be said yet, and what was said stays. */
  take(view: View): readonly EndpointSpec[] | undefined {
    if (view.registry !== this.#registry) this.#inherited = this.#endpoints
    this.#registry = view.registry
    const named = new Map(view.instances.map((instance) => [instance.id, toEndpoint(instance)]))
    this.#inherited = view.settled ? new Map() : without(this.#inherited, named)
    this.#endpoints = new Map([...this.#inherited, ...named])
    const says = view.settled || view.revision > 0 || this.#endpoints.size > 0
    return says ? [...this.#endpoints.values()] : undefined
  }
}

/** Those of the first who are neither in the second by name nor at the address of one who is. */
function without(endpoints: ReadonlyMap<string, EndpointSpec>, named: ReadonlyMap<string, EndpointSpec>): ReadonlyMap<string, EndpointSpec> {
  const taken = new Set([...named.values()].map(({ host, port }) => `${host} ${port}`))
  return new Map([...endpoints].filter(([id, { host, port }]) => !named.has(id) && !taken.has(`${host} ${port}`)))
}
