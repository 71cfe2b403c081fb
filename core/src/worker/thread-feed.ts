// What a data-plane thread knows of endpoints and identities: whatever the supervisor has told it.
import type { EndpointSpec } from '../endpoint.ts'
import type { IdentityOwner } from '../identity/identities.ts'
import type { Identity, TlsMaterial } from '../questions.ts'
import type { EndpointFeed, ServiceHost } from '../service-host.ts'
import type { ToWorker } from './protocol.ts'

/** What is kept about the endpoints of one service. */
interface Known {
  endpoints: readonly EndpointSpec[] | undefined
  readonly watchers: Set<(endpoints: readonly EndpointSpec[]) => void>
  /** Reasons by id. */
  readonly unhealthy: Map<string, string | undefined>
  readonly resting: Map<string, { readonly untilMs: number; readonly reason: string }>
}

interface KnownIdentity extends Identity {
  tell(material: TlsMaterial): void
}

export class ThreadFeed implements EndpointFeed {
  readonly #services = new Map<string, Known>()
  readonly #identities = new Map<string, KnownIdentity>()
  #host: ServiceHost | undefined = undefined

  /** Where health and rests are to be told. */
  follow(host: ServiceHost): void {
    this.#host = host
  }

  hear(message: Exclude<ToWorker, { kind: 'call' | 'shared' }>): void {
    if (message.kind === 'identity') return this.#identityOf(message.owner).tell(message.material)
    if (message.kind === 'no-identity') return void this.#identities.delete(message.owner)
    const known = this.#of(message.service)
    if (message.kind === 'endpoints') {
      known.endpoints = message.endpoints
      for (const publish of known.watchers) publish(message.endpoints)
      return
    }
    if (message.kind === 'rest') known.resting.set(message.id, { untilMs: performance.now() + message.ms, reason: message.reason })
    else if (message.healthy) known.unhealthy.delete(message.id)
    else known.unhealthy.set(message.id, message.reason)
    this.#tell(message.service, message.id)
  }

  watch(service: string, publish: (endpoints: readonly EndpointSpec[]) => void): () => void {
    const known = this.#of(service)
    known.watchers.add(publish)
    if (known.endpoints !== undefined) publish(known.endpoints)
    return () => known.watchers.delete(publish)
  }

  /** A set has been published: its endpoints get the state that is known of them, before any of them is picked. */
  published(service: string): void {
    const known = this.#of(service)
    const ids = new Set(this.#host?.endpoints(service)?.all.map((endpoint) => endpoint.id))
    for (const states of [known.unhealthy, known.resting]) for (const id of states.keys()) if (!ids.has(id)) states.delete(id)
    for (const id of new Set([...known.unhealthy.keys(), ...known.resting.keys()])) this.#tell(service, id)
  }

  /** Forgets the services that are not among these. */
  retain(services: ReadonlySet<string>): void {
    for (const name of this.#services.keys()) if (!services.has(name)) this.#services.delete(name)
  }

  /** The same answer for an owner for as long as it has an identity: new material is swapped into the sockets that are open. */
  identity(owner: IdentityOwner): Identity {
    return this.#identityOf(owner)
  }

  #tell(service: string, id: string): void {
    const known = this.#of(service)
    const set = this.#host?.endpoints(service)
    const endpoint = set?.get(id)
    if (set === undefined || endpoint === undefined) return
    set.setHealthy(endpoint, !known.unhealthy.has(id), known.unhealthy.get(id))
    const rest = known.resting.get(id)
    if (rest === undefined) return
    known.resting.delete(id)
    set.rest(endpoint, rest.untilMs - performance.now(), rest.reason, 'elsewhere')
  }

  #of(service: string): Known {
    const known = this.#services.get(service) ?? { endpoints: undefined, watchers: new Set(), unhealthy: new Map(), resting: new Map() }
    this.#services.set(service, known)
    return known
  }

  #identityOf(owner: IdentityOwner): KnownIdentity {
    const known = this.#identities.get(owner) ?? identityFeed()
    this.#identities.set(owner, known)
    return known
  }
}

function identityFeed(): KnownIdentity {
  const watchers = new Set<(material: TlsMaterial) => void>()
  let last: TlsMaterial | undefined
  return {
    watch(publish) {
      watchers.add(publish)
      if (last !== undefined) publish(last)
      return () => watchers.delete(publish)
    },
    tell(material) {
      last = material
      for (const publish of watchers) publish(material)
    },
  }
}
