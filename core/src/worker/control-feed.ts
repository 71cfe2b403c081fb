// What the control side knows of endpoints, told to every thread as it changes and to a new thread as a whole.
import type { Endpoint, EndpointSpec } from '../endpoint.ts'
import type { ServiceHost } from '../service-host.ts'
import type { RestMessage, ToWorker } from './protocol.ts'

type News = Exclude<ToWorker, { kind: 'call' }>

export class ControlFeed {
  readonly #endpoints = new Map<string, readonly EndpointSpec[]>()
  #tell: (news: News) => void = () => {}

  /** Calls `tell` with everything that changes from now on. */
  follow(tell: (news: News) => void): void {
    this.#tell = tell
  }

  published(service: string, endpoints: readonly EndpointSpec[]): void {
    this.#endpoints.set(service, endpoints)
    this.#tell({ kind: 'endpoints', service, endpoints })
  }

  healthChanged(service: string, endpoint: Endpoint): void {
    this.#tell(healthOf(service, endpoint))
  }

  /** Everything a new thread has to know. */
  whole(services: ServiceHost): News[] {
    const news: News[] = []
    for (const [service, endpoints] of this.#endpoints) {
      news.push({ kind: 'endpoints', service, endpoints })
      for (const endpoint of services.endpoints(service)?.all ?? []) news.push(...statesOf(service, endpoint))
    }
    return news
  }

  retain(services: ReadonlyMap<string, unknown>): void {
    for (const name of this.#endpoints.keys()) if (!services.has(name)) this.#endpoints.delete(name)
  }
}

function statesOf(service: string, endpoint: Endpoint): News[] {
  const states: News[] = endpoint.healthy ? [] : [healthOf(service, endpoint)]
  const restMs = endpoint.restingUntilMs - performance.now()
  return restMs > 0 ? [...states, { kind: 'rest', service, id: endpoint.id, ms: restMs, reason: endpoint.reason ?? 'outlier' } satisfies RestMessage] : states
}

function healthOf(service: string, { id, healthy, reason }: Endpoint): News {
  return { kind: 'health', service, id, healthy, reason }
}
