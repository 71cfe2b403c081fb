// One thread's mesh: its services, routes and listeners, and the snapshot that is in force.
import { randomBytes } from 'node:crypto'
import { provideBuiltIns } from './built-in.ts'
import { borrow, type Borrowed } from './borrow.ts'
import { call, type CallRequest, type CallResponse } from './call.ts'
import { Deadlines } from './deadlines.ts'
import { startAll } from './end-of-turn.ts'
import type { Endpoint, EndpointSpec } from './endpoint.ts'
import { MeshError, toMeshError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { ListenerSet } from './listener/listener-set.ts'
import type { ListenerHost } from './listener/http1.ts'
import type { Logger } from './logger.ts'
import { Metrics, type Counter, type Gauge } from './metrics.ts'
import type { Filter, NetworkFilter } from './questions.ts'
import { Registry } from './registry.ts'
import type { Relay } from './relay.ts'
import type { Bound, MountAdmin, Scope } from './scope.ts'
import { ServiceHost, type CompiledServices, type EndpointFeed, type Side } from './service-host.ts'
import type { Service } from './service.ts'
import { SharedBlocks, type SharedMemory } from './shared-memory.ts'
import { Snapshot, type RouteSource } from './snapshot.ts'
import type { ListenerSpec, MeshSpec, RouteSpec, ServiceSpec } from './spec.ts'
import type { TcpProxy } from './tcp/tcp-proxy.ts'
import { checkTcpOnly, tcpOf, type TcpSource } from './tcp/tcp-route.ts'

export interface RuntimeOptions {
  readonly log: Logger
  readonly side?: Side
  readonly feed?: EndpointFeed
  readonly metrics?: Metrics
  /** Default: memory of its own. */
  readonly shared?: SharedMemory
  /** The mesh's own name in Via; the same in all of its threads. Default: made at random. */
  readonly pseudonym?: string
  /** Chance, for weighted routes. Default Math.random. */
  readonly random?: () => number
  published?(service: string, endpoints: readonly EndpointSpec[]): void
  healthChanged?(service: string, endpoint: Endpoint): void
  rested?(service: string, endpoint: Endpoint, ms: number, reason: string): void
}

/** How long exchanges may take to end, unless somebody says otherwise. */
export const defaultGraceMs = 30_000

/** A route that code made. Its own filters are resolved once, when it is first compiled. */
type DeclaredRoute = { readonly spec: RouteSpec; readonly scope: Scope; own: readonly Filter[] | undefined }

/** A configuration that was applied, and what was made of it. */
type Applied = { readonly spec: MeshSpec; readonly filters: readonly Filter[]; readonly routes: readonly RouteSource[]; readonly tcp: readonly TcpSource[] }

/** Filters that were made for a configuration. */
type Made = Set<Filter | NetworkFilter>

/** What code declared and what was applied, compiled into one snapshot; and the listeners that ask it. */
export class Runtime implements ListenerHost {
  readonly log: Logger
  readonly side: Side
  readonly registry: Registry
  readonly metrics: Metrics
  readonly deadlines: Deadlines = new Deadlines()
  readonly pseudonym: string
  readonly via: string
  readonly adminMounts: MountAdmin[] = []
  readonly closers: (() => void | Promise<void>)[] = []
  readonly listeners: ListenerSet
  readonly services: ServiceHost
  /** Client connections that are open now. */
  openConnections = 0
  readonly #random: () => number
  readonly #shared: SharedMemory
  readonly #declaredServices = new Map<string, ServiceSpec>()
  readonly #declaredRoutes: DeclaredRoute[] = []
  readonly #declaredTcp = new Set<TcpSource>()
  readonly #connectionGauges = new Map<string, Gauge>()
  readonly #ends = new Map<string, Counter>()
  #applied: Applied = { spec: {}, filters: [], routes: [], tcp: [] }
  #rootScope: Scope | undefined = undefined
  #compiledServices: ReadonlyMap<string, Service> = new Map()
  #snapshot: Snapshot = new Snapshot(0, [], new Map(), [])
  #ready = false
  #draining = false
  #closed: Promise<void> | undefined = undefined
  /** Compilations run one after the other. */
  #queue: Promise<unknown> = Promise.resolve()

  constructor(options: RuntimeOptions) {
    this.log = options.log
    this.side = options.side ?? 'both'
    this.metrics = options.metrics ?? new Metrics()
    this.pseudonym = options.pseudonym ?? `meshwright-${randomBytes(6).toString('hex')}`
    this.via = `1.1 ${this.pseudonym}`
    this.#random = options.random ?? Math.random
    this.#shared = options.shared ?? new SharedBlocks()
    this.registry = new Registry(this.#shared)
    provideBuiltIns(this.registry)
    this.listeners = new ListenerSet(this)
    this.services = new ServiceHost({
      side: this.side,
      registry: this.registry,
      failed: (error) => this.pluginFailed(error),
      log: this.log,
      ...(options.feed === undefined ? {} : { feed: options.feed }),
      ...(options.published === undefined ? {} : { published: options.published.bind(options) }),
      ...(options.healthChanged === undefined ? {} : { healthChanged: options.healthChanged.bind(options) }),
      ...(options.rested === undefined ? {} : { rested: options.rested.bind(options) }),
    })
  }

  get snapshot(): Snapshot {
    return this.#snapshot
  }

  get draining(): boolean {
    return this.#draining
  }

  /** What was applied last. */
  get spec(): MeshSpec {
    return this.#applied.spec
  }

  // -- what code and files declare

  async addService(name: string, spec: ServiceSpec): Promise<void> {
    await this.#exclusively(async () => {
      // Declared only now, so that another one that is being compiled does not fail for this one's mistakes.
      if (this.#declaredServices.has(name)) throw new MeshError('MESH_DUPLICATE_NAME', `service "${name}" is there already`)
      this.#declaredServices.set(name, spec)
      try {
        await this.#compileServices(this.#applied.spec)
      } catch (thrown) {
        this.#declaredServices.delete(name)
        throw thrown
      }
    })
    this.changed()
  }

  addRoute(spec: RouteSpec, scope: Scope): void {
    this.#declaredRoutes.push({ spec, scope, own: undefined })
    try {
      this.changed()
    } catch (thrown) {
      this.#declaredRoutes.pop()
      throw thrown
    }
  }

  /** Filters or routes are not as they were compiled: compiles them again once the app is ready. */
  changed(): void {
    if (this.#ready) this.#swap(this.#compiledServices, this.#applied, this.#rootScope)
  }

  /** From now on the snapshot is what requests meet. @throws what is wrong with the routes */
  ready(rootScope: Scope): void {
    this.#rootScope ??= rootScope
    this.#ready = true
    this.changed()
  }

  async apply(spec: MeshSpec, scope: Scope): Promise<void> {
    await this.#exclusively(async () => {
      this.#shared.begin()
      try {
        await this.#apply(spec, scope)
      } catch (thrown) {
        this.#shared.end(false)
        throw thrown
      }
      // A supervisor's configuration is in force only when its threads have it too.
      if (this.side !== 'control') this.#shared.end(true)
    })
  }

  async call(service: string, request: CallRequest): Promise<CallResponse> {
    const asked = this.#snapshot.services.get(service)
    if (asked === undefined) throw new MeshError('MESH_UNKNOWN_SERVICE', `a call names "${service}"`)
    return call(asked, request, this)
  }

  borrow(service: string): Borrowed {
    const asked = this.#snapshot.services.get(service)
    if (asked === undefined) throw new MeshError('MESH_UNKNOWN_SERVICE', `somebody wants to speak to "${service}"`)
    return borrow(asked, (error) => this.pluginFailed(error))
  }

  // -- listeners

  async listen(spec: ListenerSpec): Promise<Bound> {
    if (spec.tcp === undefined) return this.listeners.open(spec)
    const [source] = this.#tcpSources([spec]) as [TcpSource]
    const takenBack = (): void => void this.#declaredTcp.delete(source)
    try {
      this.#declaredTcp.add(source)
      this.changed()
      return await this.listeners.open(spec)
    } catch (thrown) {
      takenBack()
      this.changed()
      throw thrown
    }
  }

  /** Stops taking connections and waits for what is under way. */
  async drain(graceMs: number = defaultGraceMs): Promise<void> {
    this.#draining = true
    await this.listeners.drain(graceMs, () => this.#cutAll())
  }

  close(graceMs: number = defaultGraceMs): Promise<void> {
    this.#closed ??= this.#close(graceMs)
    return this.#closed
  }

  // -- what relays and listeners ask and tell

  completed(_exchange: Exchange): void {}

  pluginFailed(error: MeshError): void {
    this.log.error({ err: error, code: error.code }, error.message)
  }

  connectionEnded(listener: string, error: MeshError): void {
    const key = `${listener} ${error.code}`
    let counter = this.#ends.get(key)
    if (counter === undefined) {
      counter = this.metrics.counter('mesh_connections_ended_total', 'Client connections that this mesh ended, by reason', { listener, code: error.code })
      this.#ends.set(key, counter)
    }
    counter.inc()
    this.log.debug({ listener, code: error.code }, error.message)
  }

  connections(listener: string, change: number): void {
    this.openConnections += change
    let gauge = this.#connectionGauges.get(listener)
    if (gauge === undefined) {
      gauge = this.metrics.gauge('mesh_connections', 'Open client connections', { listener })
      this.#connectionGauges.set(listener, gauge)
    }
    gauge.add(change)
  }

  // -- private

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work)
    this.#queue = result.catch(() => {})
    return result
  }

  async #apply(spec: MeshSpec, scope: Scope): Promise<void> {
    const made: Made = new Set()
    try {
      await this.#applyWith(spec, scope, made)
    } catch (thrown) {
      this.#retireFilters(made)
      throw thrown
    }
  }

  /** @param made takes the filters that are made, also when it throws */
  async #applyWith(spec: MeshSpec, scope: Scope, made: Made): Promise<void> {
    const filters = this.#resolve(spec, made)
    const applied = { spec, filters, routes: this.#sourcesOf(spec, [...scope.filters, ...filters], made), tcp: this.#tcpSources(spec.listeners ?? [], made) }
    const before = this.#compiledServices
    const compiled = await this.#compile(spec)
    const { services } = compiled
    try {
      // Routes are compiled before the endpoints change: what is refused must leave no trace.
      this.#swap(services, applied, scope, () => compiled.adopt())
    } catch (thrown) {
      compiled.drop()
      throw thrown
    }
    this.#compiledServices = services
    this.#applied = applied
    this.#rootScope = scope
    this.#retire(before, services)
  }

  async #compile(spec: MeshSpec): Promise<CompiledServices> {
    const specs = new Map(this.#declaredServices)
    for (const [name, service] of Object.entries(spec.services ?? {})) {
      if (specs.has(name)) throw new MeshError('MESH_DUPLICATE_NAME', `service "${name}" is there already`)
      specs.set(name, service)
    }
    return this.services.compile(specs)
  }

  async #compileServices(spec: MeshSpec): Promise<void> {
    const before = this.#compiledServices
    const compiled = await this.#compile(spec)
    compiled.adopt()
    this.#compiledServices = compiled.services
    this.#open(this.#compiledServices)
    this.#retire(before, this.#compiledServices)
  }

  #open(services: ReadonlyMap<string, Service>): void {
    for (const service of services.values()) service.open((error) => this.pluginFailed(error))
  }

  #retire(before: ReadonlyMap<string, Service>, after: ReadonlyMap<string, Service>): void {
    for (const service of before.values()) service.close()
    this.services.retain(after)
  }

  #sourcesOf(spec: MeshSpec, filters: readonly Filter[], made: Made): RouteSource[] {
    return (spec.routes ?? []).map((route) => ({
      spec: route,
      // Routes without filters of their own share one list, and so one chain.
      filters: route.filters === undefined || route.filters.length === 0 ? filters : [...filters, ...this.#resolve(route, made)],
    }))
  }

  /** @param made takes each filter as soon as it is made; those of a route that code has made last, and need nobody to know them */
  #resolve({ filters = [] }: Pick<RouteSpec, 'filters'>, made?: Made): Filter[] {
    return filters.map((answer) => {
      const filter = this.registry.resolve('filter', answer, { lasting: made === undefined })
      made?.add(filter)
      return filter
    })
  }

  /** Of those listeners that carry TCP. @param made as for {@link #resolve} */
  #tcpSources(listeners: readonly ListenerSpec[], made?: Made): TcpSource[] {
    return listeners.flatMap((listener) => {
      if (listener.tcp === undefined) return []
      const { to, filters = [] } = tcpOf(listener.tcp)
      const name = listener.name ?? listener.address
      checkTcpOnly(listener, name)
      const resolved = filters.map((answer) => {
        const filter = this.registry.resolve('networkFilter', answer, { lasting: made === undefined })
        made?.add(filter)
        return filter
      })
      return { listener: name, to, filters: resolved }
    })
  }

  #swap(services: ReadonlyMap<string, Service>, applied: Applied, rootScope: Scope | undefined, adopt: () => void = () => {}): void {
    const declared = this.#declaredRoutes.map((route) => {
      route.own ??= this.#resolve(route.spec)
      return { spec: route.spec, filters: [...route.scope.filters, ...route.own] }
    })
    const meshFilters = [...(rootScope?.filters ?? []), ...applied.filters]
    const next = new Snapshot(this.#snapshot.revision + 1, [...declared, ...applied.routes], services, meshFilters, this.#random, [...this.#declaredTcp, ...applied.tcp])
    adopt()
    if (services !== this.#compiledServices) this.#open(services)
    // What has its route enters its filters before they retire.
    startAll()
    const before = this.#snapshot
    this.#snapshot = next
    this.#retireFilters(before.filters, next.filters)
  }

  /** No exchange enters a filter any more that no route has. */
  #retireFilters(before: Snapshot['filters'], after: Snapshot['filters'] = new Set()): void {
    for (const filter of before) {
      if (after.has(filter)) continue
      try {
        filter.retire?.()
      } catch (thrown) {
        this.pluginFailed(toMeshError(thrown, 'MESH_FILTER_FAILED', `filter "${filter.name}" in retire`))
      }
    }
  }

  #cutAll(): number {
    let cut = 0
    const error = new MeshError('MESH_DRAINING', 'the time to end in peace was over')
    for (const timed of this.deadlines.all()) {
      cut++
      ;(timed as Relay | TcpProxy).kill(error)
    }
    return cut
  }

  async #close(graceMs: number): Promise<void> {
    await this.drain(graceMs)
    for (const service of this.#compiledServices.values()) service.close()
    await this.services.close()
    this.#retireFilters(this.#snapshot.filters)
    this.deadlines.close()
    for (const close of this.closers.reverse()) {
      try {
        await close()
      } catch (thrown) {
        this.pluginFailed(toMeshError(thrown, 'MESH_PLUGIN_FAILED', 'a plugin while closing'))
      }
    }
  }
}
