// Brings services to life: who their endpoints are, whether they are fit, and how they are reached.
import { watchDiscovery } from './discovery-watch.ts'
import { EndpointSet } from './endpoint-set.ts'
import type { Endpoint, EndpointSpec } from './endpoint.ts'
import { MeshError, messageOf, toMeshError } from './errors.ts'
import { Identities, identitiesOfServices, serviceOwner, type HeldIdentity, type PreparedIdentities } from './identity/identities.ts'
import { HealthLoop, type HealthLoopOptions } from './health-loop.ts'
import type { Logger } from './logger.ts'
import type { Balancer, Discovery, Transport } from './questions.ts'
import type { AnswerPlace, Registry } from './registry.ts'
import { defaultServiceTimeouts, inTurn, Service } from './service.ts'
import type { ServiceSpec } from './spec.ts'
import { staticEndpoints } from './static-discovery.ts'
import { http1 } from './transport/http1.ts'
import { defaultTransportOptions, type TransportOptions } from './transport/options.ts'

/** Where a data-plane thread hears of endpoints instead of asking a discovery itself. */
export interface EndpointFeed {
  watch(service: string, publish: (endpoints: readonly EndpointSpec[]) => void): () => void
}

/** Which questions this thread asks: all of them, only those of the control side, or only those of the data side. */
export type Side = 'both' | 'control' | 'data'

export interface ServiceHostOptions {
  readonly side: Side
  readonly registry: Registry
  /** On the data side. */
  readonly feed?: EndpointFeed
  failed(error: MeshError): void
  /** Where changes of health are told to people; default: nowhere. */
  readonly log?: Pick<Logger, 'info' | 'warn'>
  /** Told of each new set on the control side. */
  published?(service: string, endpoints: readonly EndpointSpec[]): void
  /** Told of each change of health on the control side. */
  healthChanged?(service: string, endpoint: Endpoint): void
  /** Told of each rest that an outlier detector of this thread has decided. */
  rested?(service: string, endpoint: Endpoint, ms: number, reason: string): void
}

/** Services that are compiled and not yet in force. Exactly one of the two is to be called. */
export interface CompiledServices {
  readonly services: ReadonlyMap<string, Service>
  /** Their endpoints take the place of those that are there. */
  adopt(): void
  /** Ends what was started for them. */
  drop(): void
}

/** What lives longer than one snapshot. */
interface Living {
  readonly key: string
  readonly set: EndpointSet
  readonly health: HealthLoop | undefined
  stop: () => void
  /** Before it is adopted, what its discovery says is only kept. */
  adopted: boolean
  pending: readonly EndpointSpec[] | undefined
}

export class ServiceHost {
  readonly #options: ServiceHostOptions
  readonly #living = new Map<string, Living>()
  readonly #transports = new Map<string, Transport>()
  readonly #ownTransports = new Set<Transport>()
  /** Those that no service has any more, as long as somebody else does: they are closed with the others, and kept by nobody here. */
  readonly #left = new Set<WeakRef<Transport>>()
  readonly #identities: Identities
  /** Services that have had traffic, here or in another thread. */
  readonly #busy = new Set<string>()

  constructor(options: ServiceHostOptions) {
    this.#options = options
    this.#identities = new Identities(options.registry, { failed: (error) => options.failed(error) })
  }

  /** The endpoints of a service that is alive. */
  endpoints(service: string): EndpointSet | undefined {
    return this.#living.get(service)?.set
  }

  /** Another thread has made the first attempt of a service. */
  hadTraffic(service: string): void {
    this.#busy.add(service)
  }

  /**
   * Compiles services. Endpoints, health and connections of those that were there before live on.
   * Nothing of the old ones is touched before they are adopted.
   * @throws the MeshError of the first that cannot be compiled
   */
  async compile(specs: ReadonlyMap<string, ServiceSpec>): Promise<CompiledServices> {
    const fresh: Living[] = []
    let identities: PreparedIdentities | undefined
    const drop = (): void => {
      fresh.forEach((living) => this.#end(living))
      identities?.undo()
    }
    try {
      // On the control side the supervisor asks them, for all threads.
      identities = await this.#identities.prepare(this.#options.side === 'control' ? new Map() : identitiesOfServices(specs))
      // All discoveries start at the same time, and all have started before anything is given up.
      const living = await Promise.allSettled([...specs].map(([name, spec]) => this.#live(name, spec, fresh)))
      const services = new Map<string, Service>()
      for (const [index, [name, spec]] of [...specs].entries()) {
        const started = living[index] as PromiseSettledResult<Living>
        if (started.status === 'rejected') throw started.reason
        services.set(name, new Service(name, spec, started.value.set, this.#answers(name, spec, identities.get(serviceOwner(name)))))
      }
      const prepared = identities
      const adopt = (): void => {
        prepared.commit()
        fresh.forEach((living) => this.#adopt(living))
      }
      return { services, drop, adopt }
    } catch (thrown) {
      drop()
      throw toMeshError(thrown, 'MESH_BAD_OPTIONS', messageOf(thrown))
    }
  }

  /** Ends what none of these services needs any more. */
  retain(services: ReadonlyMap<string, Service>): void {
    for (const [name, living] of this.#living) {
      if (services.has(name)) continue
      this.#living.delete(name)
      this.#busy.delete(name)
      this.#end(living)
    }
    const used = new Set([...services.values()].map((service) => service.transport))
    for (const [key, transport] of this.#transports) {
      if (used.has(transport)) continue
      this.#transports.delete(key)
      this.#leave(transport)
    }
    for (const transport of this.#ownTransports) {
      if (used.has(transport)) continue
      this.#ownTransports.delete(transport)
      this.#leave(transport)
    }
  }

  /** Its exchanges end in peace; its idle connections are closed. It is not, as who has given it by value may give it again. */
  #leave(transport: Transport): void {
    for (const living of this.#living.values()) for (const endpoint of living.set.all) transport.forget?.(endpoint)
    for (const left of this.#left) if (left.deref() === undefined) this.#left.delete(left)
    this.#left.add(new WeakRef(transport))
  }

  async close(): Promise<void> {
    const all = [...this.#living.values()]
    this.#living.clear()
    for (const living of all) this.#end(living)
    this.#identities.close()
    const left = [...this.#left].flatMap((one) => one.deref() ?? [])
    await Promise.all([...new Set([...this.#transports.values(), ...this.#ownTransports, ...left])].map((transport) => transport.close()))
  }

  #answers(name: string, spec: ServiceSpec, identity: HeldIdentity | undefined): ConstructorParameters<typeof Service>[3] {
    const { registry } = this.#options
    const context = { service: name }
    return {
      balancer: this.#balancers(spec, context),
      transport: this.#transport(name, spec, identity),
      admissions: (spec.admission ?? []).map((admission) => registry.resolve('admission', admission, context)),
      outlier: spec.outlier === undefined ? undefined : registry.resolve('outlier', spec.outlier, context),
      retry: spec.retry === undefined ? undefined : registry.resolve('retry', spec.retry, context),
      tls: transportOptions(spec, identity, this.#options.side).tls,
    }
  }

  /** The first is made at once, so that a mistake is found now. */
  #balancers(spec: ServiceSpec, context: AnswerPlace): () => Balancer {
    const make = (): Balancer => (spec.balancer === undefined ? inTurn() : this.#options.registry.resolve('balancer', spec.balancer, context))
    let first: Balancer | undefined = make()
    return () => {
      const balancer = first ?? make()
      first = undefined
      return balancer
    }
  }

  /** Services with the same options share a transport, so that a reload keeps their connections. */
  #transport(name: string, spec: ServiceSpec, identity: HeldIdentity | undefined): Transport {
    const options = transportOptions(spec, identity, this.#options.side)
    if (spec.transport !== undefined && typeof spec.transport === 'object' && 'send' in spec.transport) {
      this.#ownTransports.add(spec.transport as Transport)
      return spec.transport as Transport
    }
    // What an identity holds is secret and changes; which one it is does not.
    const key = JSON.stringify([options, spec.transport ?? null], (_name, value: unknown) => (value === identity ? identity?.id : value))
    const known = this.#transports.get(key)
    if (known !== undefined) return known
    const made = spec.transport === undefined ? http1(options) : this.#options.registry.resolve('transport', spec.transport, { service: name, transport: options, lasting: true })
    this.#transports.set(key, made)
    return made
  }

  async #live(name: string, spec: ServiceSpec, fresh: Living[]): Promise<Living> {
    const key = identityOf(spec)
    const known = this.#living.get(name)
    if (known !== undefined && key !== undefined && known.key === key) return known
    const set = known?.set ?? new EndpointSet(name, (endpoint) => this.#forget(endpoint), (endpoint, ms, reason) => this.#options.rested?.(name, endpoint, ms, reason))
    const health = this.#healthLoop(name, spec, set)
    const living: Living = { key: key ?? '', set, health, stop: () => {}, adopted: false, pending: undefined }
    fresh.push(living)
    living.stop = await this.#watch(name, spec, (endpoints) => {
      if (living.adopted) this.#publish(living, endpoints)
      else living.pending = endpoints
    })
    return living
  }

  #publish(living: Living, endpoints: readonly EndpointSpec[]): void {
    living.set.publish(endpoints)
    living.health?.follow(living.set.all)
    this.#options.published?.(living.set.service, endpoints)
  }

  /** A new watch replaces the one of the same service; the endpoints they share live on. */
  #adopt(living: Living): void {
    const old = this.#living.get(living.set.service)
    this.#living.set(living.set.service, living)
    old?.stop()
    old?.health?.close()
    living.adopted = true
    living.health?.trust(living.set.all)
    if (living.health === undefined && this.#options.side !== 'data') this.#believeWell(living.set)
    if (living.pending !== undefined) this.#publish(living, living.pending)
  }

  /** Nobody checks them any more: what the last check has said would stay for ever. */
  #believeWell(set: EndpointSet): void {
    for (const endpoint of set.all) {
      if (endpoint.healthy) continue
      set.setHealthy(endpoint, true, undefined)
      this.#options.healthChanged?.(set.service, endpoint)
    }
  }

  #end(living: Living): void {
    living.stop()
    living.health?.close()
    if (this.#living.get(living.set.service)?.set !== living.set) living.set.close()
  }

  #healthLoop(name: string, spec: ServiceSpec, set: EndpointSet): HealthLoop | undefined {
    const { side, registry } = this.#options
    if (spec.health === undefined || side === 'data') return undefined
    const check = registry.resolve('health', spec.health, { service: name })
    const busy = (): boolean => this.#isBusy(name, set)
    const changed: HealthLoopOptions['changed'] = (endpoint, healthy, reason) => {
      if (endpoint.healthy !== healthy) this.#logHealth(name, endpoint, reason)
      set.setHealthy(endpoint, healthy, reason)
      this.#options.healthChanged?.(name, endpoint)
    }
    try {
      return new HealthLoop(check, { busy, changed })
    } catch (thrown) {
      throw new MeshError('MESH_BAD_OPTIONS', `health of service "${name}": ${messageOf(thrown)}`, thrown)
    }
  }

  #logHealth(service: string, { id }: Endpoint, reason: string | undefined): void {
    if (reason === undefined) this.#options.log?.info({ service, endpoint: id }, 'an endpoint is fit again')
    else this.#options.log?.warn({ service, endpoint: id, reason }, 'an endpoint is not fit')
  }

  #isBusy(service: string, set: EndpointSet): boolean {
    if (!this.#busy.has(service) && set.all.some(({ attempts }) => attempts > 0)) this.#busy.add(service)
    return this.#busy.has(service)
  }

  async #watch(name: string, spec: ServiceSpec, publish: (endpoints: readonly EndpointSpec[]) => void): Promise<() => void> {
    const { side, feed, registry } = this.#options
    if (side === 'data' && feed !== undefined) return feed.watch(name, publish)
    if (spec.discovery !== undefined && spec.endpoints !== undefined) throw new MeshError('MESH_BAD_OPTIONS', `service "${name}" has both endpoints and a discovery`)
    const discovery = spec.discovery === undefined ? listed(name, spec.endpoints ?? []) : registry.resolve('discovery', spec.discovery, { service: name })
    return watchDiscovery(name, discovery, { publish, failed: (error) => this.#options.failed(error) })
  }

  #forget(endpoint: Endpoint): void {
    for (const transport of [...this.#transports.values(), ...this.#ownTransports]) transport.forget?.(endpoint)
  }
}

function listed(service: string, endpoints: NonNullable<ServiceSpec['endpoints']>): Discovery {
  try {
    return staticEndpoints(endpoints)
  } catch (thrown) {
    throw new MeshError('MESH_BAD_OPTIONS', `service "${service}": ${thrown instanceof MeshError ? thrown.detail : messageOf(thrown)}`, thrown)
  }
}

function transportOptions(spec: ServiceSpec, identity: HeldIdentity | undefined, side: Side): TransportOptions {
  const { connectMs, keepAliveMs, pendingMs } = { ...defaultServiceTimeouts, ...spec.timeout }
  const { headBytes, connections, pending, requestsPerConnection, warmConnections } = { ...defaultTransportOptions, ...spec.limits }
  // No request leaves from the control side.
  const warm = side === 'control' ? 0 : warmConnections
  const options = { connectMs, keepAliveMs, pendingMs, headBytes, connections, pending, requestsPerConnection, warmConnections: warm }
  if (spec.tls === undefined || spec.tls === false) return options
  return { ...options, tls: { ...(spec.tls === true ? {} : spec.tls), identity } }
}

/** Two specs with the same identity have the same endpoints; undefined for answers by value, which are never the same. */
function identityOf(spec: ServiceSpec): string | undefined {
  const parts = [spec.endpoints ?? null, spec.discovery ?? null, spec.health ?? null]
  if (parts.some((part) => typeof part === 'object' && part !== null && hasFunction(part))) return undefined
  return JSON.stringify(parts)
}

function hasFunction(value: object): boolean {
  for (const key in value) if (typeof (value as Record<string, unknown>)[key] === 'function') return true
  return Object.getPrototypeOf(value) !== Object.prototype && !Array.isArray(value)
}
