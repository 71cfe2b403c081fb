// Finds out which services have had their first attempt, without a step on the path of a request.
import type { EndpointSet } from '../endpoint-set.ts'
import type { Service } from '../service.ts'

/** Looked at from time to time: the attempts are counted anyway. */
export class FirstTraffic {
  readonly #told = new WeakSet<EndpointSet>()

  /** Names of those with a health check whose first attempt was made since the last look. */
  look(services: ReadonlyMap<string, Service>): string[] {
    const names: string[] = []
    for (const [name, { spec, endpoints }] of services) {
      if (spec.health === undefined || this.#told.has(endpoints) || !endpoints.all.some(({ attempts }) => attempts > 0)) continue
      this.#told.add(endpoints)
      names.push(name)
    }
    return names
  }
}
