// A mesh as one Fastify scope sees it: shared services, its own filters.
import type { FastifyInstance } from 'fastify'
import type { Borrowed } from './borrow.ts'
import type { CallRequest, CallResponse } from './call.ts'
import type { Logger } from './logger.ts'
import type { MetricFamily, Metrics } from './metrics.ts'
import type { Filter, QuestionKind, Questions } from './questions.ts'
import type { MakeAnswer, Provided } from './registry.ts'
import type { Runtime } from './runtime.ts'
import type { Side } from './service-host.ts'
import type { Snapshot } from './snapshot.ts'
import type { Answer, ListenerSpec, MeshSpec, RouteMatch, RouteSpec, ServiceSpec, WeightedService } from './spec.ts'
import type { TSchema } from 'typebox'

/** Everything of a {@link RouteSpec} but where it matches and where it goes. */
export type RouteOptions = Omit<RouteSpec, 'match' | 'to' | 'redirect' | 'reply'>

/** Adds routes to the admin API. */
export type MountAdmin = (admin: FastifyInstance) => void

/** Where a listener ended up. */
export interface Bound {
  readonly name: string
  readonly host: string
  readonly port: number
  /** `http://host:port`; `tcp://` for one that carries TCP, `https://` and `tls://` with TLS. */
  readonly url: string
}

/** The filters of one scope. A child gets a copy of its parent's list as it was when the child was made, as Fastify does with hooks. */
export class Scope {
  readonly filters: Filter[]

  constructor(parent?: Scope) {
    this.filters = parent === undefined ? [] : parent.filters.slice()
  }
}

/** The mesh of a scope: what `app.mesh` is, and what a plugin is handed. */
export class Mesh {
  readonly #runtime: Runtime
  readonly #scope: Scope

  constructor(runtime: Runtime, scope: Scope) {
    this.#runtime = runtime
    this.#scope = scope
  }

  get log(): Logger {
    return this.#runtime.log
  }

  /** `both` in one thread; with workers, `control` in the supervisor and `data` in the others. */
  get side(): Side {
    return this.#runtime.side
  }

  /** Counters, gauges and histograms; in the supervisor `collect` gives those of all threads together. */
  get metrics(): Metrics {
    return this.#runtime.metrics
  }

  /** The compiled routes and services that are in force. */
  get snapshot(): Snapshot {
    return this.#runtime.snapshot
  }

  /** True from {@link drain} on. */
  get draining(): boolean {
    return this.#runtime.draining
  }

  /**
   * Gives a name to an answer, for configuration.
   * @param schema of its options. The admin API hides texts that it marks `writeOnly: true`, and those under names that sound like secrets
   * unless it marks them `writeOnly: false`
   * @throws MESH_DUPLICATE_NAME
   */
  provide<K extends QuestionKind>(kind: K, name: string, make: MakeAnswer<K>, schema?: TSchema): void {
    this.#runtime.registry.provide(kind, name, make, schema)
  }

  /** The names that plugins have provided. */
  provided(kind?: QuestionKind): readonly Provided[] {
    return this.#runtime.registry.list(kind)
  }

  /**
   * Makes an answer as a configuration does, and asks it nothing: to see whether it can be made.
   * @throws MESH_UNKNOWN_NAME, MESH_BAD_OPTIONS
   */
  make<K extends 'discovery' | 'identity'>(kind: K, answer: Answer<Questions[K]>): Questions[K] {
    return this.#runtime.registry.resolve(kind, answer, {})
  }

  /** Adds a filter to this scope: to the routes made in it, and in the scopes made below it later. */
  filter(answer: Answer<Filter>): void {
    this.#scope.filters.push(this.#runtime.registry.resolve('filter', answer, { lasting: true }))
    this.#runtime.changed()
  }

  /**
   * Makes a service. Resolves when its discovery has started.
   * @throws MESH_DUPLICATE_NAME, MESH_BAD_OPTIONS, MESH_UNKNOWN_NAME
   */
  async service(name: string, spec: ServiceSpec): Promise<void> {
    await this.#runtime.addService(name, spec)
  }

  /**
   * Makes a route in this scope. Compiled when the app is ready, or at once if it is.
   * @param match a path (`/users/*`), a match or several; a path alone is short for `{ path }`
   * @param to a service, or several with weights
   */
  route(match: string | RouteMatch | readonly RouteMatch[], to: string | readonly WeightedService[], options: RouteOptions = {}): void {
    this.add({ ...options, match: typeof match === 'string' ? { path: match } : match, to })
  }

  /** Makes a route from a whole spec: also one that redirects or replies. */
  add(spec: RouteSpec): void {
    this.#runtime.addRoute(spec, this.#scope)
  }

  /**
   * Compiles a whole configuration and swaps it in. Replaces what the last `apply` brought, not what code has made.
   * @throws a MeshError; what was in force stays in force then
   */
  async apply(spec: MeshSpec): Promise<void> {
    await this.#runtime.apply(spec, this.#scope)
  }

  /** Opens a listener; port 0 takes a free one. @throws MESH_LISTEN_FAILED */
  async listen(spec: ListenerSpec): Promise<Bound> {
    return this.#runtime.listen(spec)
  }

  /**
   * Asks a service something, through its balancer, limits, retries and timeouts; no route and no filter is passed. Only on the
   * data side, once the mesh carries requests.
   * @returns a response of any status; rejects with a MeshError when there is none: MESH_UNKNOWN_SERVICE, MESH_CONNECT_FAILED, …
   */
  async call(service: string, request: CallRequest = {}): Promise<CallResponse> {
    return this.#runtime.call(service, request)
  }

  /**
   * Lends an endpoint of a service to a plugin that speaks to it by itself: chosen by its balancer, admitted by its limits, and
   * counted as an attempt until it is given back. Only on the data side, once the mesh carries requests.
   * @throws MESH_UNKNOWN_SERVICE, MESH_NO_ENDPOINT, MESH_OVERFLOW and whatever else its admissions say
   */
  borrow(service: string): Borrowed {
    return this.#runtime.borrow(service)
  }

  /** Adds routes to the admin API. Without effect where there is none (on the data side). */
  onAdmin(mount: MountAdmin): void {
    this.#runtime.adminMounts.push(mount)
  }

  /** Runs when the mesh closes, after the last exchange; in reverse order. */
  onClose(close: () => void | Promise<void>): void {
    this.#runtime.closers.push(close)
  }

  /** What the metrics of all threads amount to. */
  collect(): MetricFamily[] {
    return this.#runtime.metrics.collect()
  }

  /**
   * No new connections, `Connection: close` on every response; resolves when all exchanges have ended.
   * @param graceMs how long they may take; those that are left then are cut. Default 30000
   */
  async drain(graceMs?: number): Promise<void> {
    await this.#runtime.drain(graceMs)
  }

  /** The scope below this one. */
  fork(): Mesh {
    return new Mesh(this.#runtime, new Scope(this.#scope))
  }

  /** The parts that this package itself builds on. Not part of the contract. */
  get runtime(): Runtime {
    return this.#runtime
  }
}
