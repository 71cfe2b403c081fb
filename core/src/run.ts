// Runs a whole specification: plugins, services, listeners and the admin API, in this thread or in several.
import { pathToFileURL } from 'node:url'
import { defaultAdminAddress, startAdmin, type RunningAdmin } from './admin/server.ts'
import type { AdminSource, ReloadState } from './admin/source.ts'
import { MeshError } from './errors.ts'
import { silent, type Logger } from './logger.ts'
import { createMesh, type MeshApp } from './mesh.ts'
import { MergedMetrics, Metrics } from './metrics.ts'
import type { Provided } from './registry.ts'
import { defaultGraceMs, type RuntimeOptions } from './runtime.ts'
import type { Bound, Mesh } from './scope.ts'
import { SharedBlocks } from './shared-memory.ts'
import type { Snapshot } from './snapshot.ts'
import type { ListenerSpec, MeshSpec, ServiceSpec } from './spec.ts'
import { ControlFeed } from './worker/control-feed.ts'
import { LocalPlane } from './worker/local-plane.ts'
import type { Plane, ServiceReport, WorkerState } from './worker/plane.ts'
import { findPlugins, registerPlugins, type PluginModule } from './worker/plugin-modules.ts'
import { Supervisor, type ThreadOptions } from './worker/supervisor.ts'

/** How to run a specification. */
export interface RunOptions {
  /** Imported and registered in every thread, before those that the specification names. */
  readonly plugins?: readonly (string | PluginModule)[]
  /** A `file:` URL: paths and packages named as plugins are looked for from there. Default: the working directory. */
  readonly baseUrl?: string
  /** Where everything is told, from all threads. Default: nowhere. */
  readonly log?: Logger
  /** Where the specification is from, for the admin API. */
  readonly file?: string
  /** Instead of the specification's; false: no admin API. */
  readonly adminAddress?: string | false
  /** How data-plane threads are watched and limited. */
  readonly threads?: ThreadOptions
}

/** A mesh that serves. */
export interface RunningMesh {
  /** In the order of the specification. */
  readonly listeners: readonly Bound[]
  readonly adminUrl: string | undefined
  /** Exchanges under way, in all threads. */
  readonly inFlight: number
  /**
   * Swaps another specification in. Routes, services, filters, limits and timeouts change without closing anything;
   * listeners that are new are opened, those that are gone drained. Plugins, workers and the admin address stay as they
   * are until a restart; that they differ is logged.
   * @throws a MeshError; what was in force stays in force then, and the refusal is logged, counted and shown
   */
  apply(spec: MeshSpec): Promise<void>
  /** Tells log, metrics and the admin API of a change that never got as far as {@link apply}: a file that is not valid. */
  reloadFailed(problems: readonly string[]): void
  status(): RunStatus
  /**
   * No new connections, `Connection: close` on every response; resolves when all exchanges have ended.
   * @param graceMs how long they may take; those that are left then are cut. A later call with an earlier end counts.
   * Default: the specification's `drainMs`
   */
  drain(graceMs?: number): Promise<void>
  /** Drains, then closes everything. @param graceMs default 0: what is left is cut at once */
  close(graceMs?: number): Promise<void>
}

/** What a running mesh is doing. */
export interface RunStatus {
  readonly ready: boolean
  readonly draining: boolean
  readonly revision: number
  readonly lastReload: ReloadState | undefined
  readonly workers: readonly WorkerState[]
}

/** Runs a specification. @throws a MeshError if it cannot start; nothing is left open then */
export async function runMesh(spec: MeshSpec, options: RunOptions = {}): Promise<RunningMesh> {
  const log = options.log ?? silent
  const baseUrl = options.baseUrl ?? pathToFileURL(`${process.cwd()}/`).href
  const plugins = findPlugins(options.plugins ?? [], spec, baseUrl)
  const workers = checkWorkers(spec.workers ?? 0)
  const feed = new ControlFeed()
  const merged = new MergedMetrics()
  const shared = new SharedBlocks()
  const app = createMesh({ replyProxy: false, runtime: { shared, ...(workers === 0 ? { log } : controlSide(log, feed, merged)) } })
  try {
    await registerPlugins(app, plugins)
    await app.ready()
  } catch (thrown) {
    await app.close()
    throw thrown
  }
  const plane = workers === 0 ? new LocalPlane(app) : new Supervisor(app, { workers, plugins, feed, merged, shared, threads: options.threads })
  return Run.start(app, plane, spec, options)
}

function controlSide(log: Logger, feed: ControlFeed, merged: MergedMetrics): Partial<RuntimeOptions> {
  const metrics = new Metrics()
  metrics.mergeInto(merged, 'main')
  return {
    log,
    metrics,
    side: 'control',
    published: (service, endpoints) => feed.published(service, endpoints),
    healthChanged: (service, endpoint) => feed.healthChanged(service, endpoint),
  }
}

const maxWorkers = 1024

function checkWorkers(workers: number): number {
  if (Number.isInteger(workers) && workers >= 0 && workers <= maxWorkers) return workers
  throw new MeshError('MESH_BAD_OPTIONS', `workers is ${workers}; it must be a whole number from 0 to ${maxWorkers}`)
}

class Run implements RunningMesh, AdminSource {
  readonly file: string | undefined
  readonly #mesh: Mesh
  readonly #plane: Plane
  #spec: MeshSpec
  #admin: RunningAdmin | undefined = undefined
  #lastReload: ReloadState | undefined = undefined
  #ready = false
  #draining: Promise<void> | undefined = undefined
  #closed: Promise<void> | undefined = undefined

  static async start(app: MeshApp, plane: Plane, spec: MeshSpec, options: RunOptions): Promise<Run> {
    const run = new Run(app, plane, spec, options.file)
    try {
      await run.#openAdmin(options)
      await plane.apply(withDefaults(spec, app.mesh))
      run.#ready = true
      return run
    } catch (thrown) {
      await run.close(0)
      throw thrown
    }
  }

  private constructor(app: MeshApp, plane: Plane, spec: MeshSpec, file: string | undefined) {
    this.file = file
    this.#mesh = app.mesh
    this.#plane = plane
    this.#spec = spec
    for (const result of ['applied', 'refused'] as const) this.#reloads(result).add(0)
  }

  get listeners(): readonly Bound[] {
    return this.#plane.listeners
  }

  get adminUrl(): string | undefined {
    return this.#admin?.url
  }

  get inFlight(): number {
    return this.#plane.inFlight
  }

  get spec(): MeshSpec {
    return this.#spec
  }

  get provided(): readonly Provided[] {
    return this.#mesh.provided()
  }

  get revision(): number {
    return this.#plane.revision
  }

  get lastReload(): ReloadState | undefined {
    return this.#lastReload
  }

  get snapshot(): Snapshot {
    return this.#mesh.snapshot
  }

  get ready(): boolean {
    return this.#ready && !this.draining
  }

  get draining(): boolean {
    return this.#draining !== undefined
  }

  async apply(spec: MeshSpec): Promise<void> {
    try {
      await this.#plane.apply(withDefaults(spec, this.#mesh))
    } catch (thrown) {
      this.reloadFailed([thrown instanceof Error ? thrown.message : String(thrown)])
      throw thrown
    }
    this.#tellWhatTakesARestart(spec)
    this.#spec = spec
    this.#told({ ok: true, problems: [] })
    this.#mesh.log.info({ revision: this.revision, file: this.file }, 'configuration changed')
  }

  reloadFailed(problems: readonly string[]): void {
    this.#told({ ok: false, problems })
    this.#mesh.log.error({ revision: this.revision, file: this.file, problems }, 'configuration refused; the old one stays in force')
  }

  async services(): Promise<ServiceReport> {
    return this.#plane.services()
  }

  workers(): WorkerState[] {
    return this.#plane.workers()
  }

  status(): RunStatus {
    return { ready: this.ready, draining: this.draining, revision: this.revision, lastReload: this.#lastReload, workers: this.workers() }
  }

  startDrain(): void {
    void this.drain()
  }

  async drain(graceMs: number = this.#spec.drainMs ?? defaultGraceMs): Promise<void> {
    const drained = this.#plane.drain(graceMs)
    this.#draining ??= drained
    await drained
  }

  async close(graceMs: number = 0): Promise<void> {
    this.#draining ??= this.#plane.drain(graceMs)
    this.#closed ??= this.#close(graceMs)
    await this.#closed
  }

  async #close(graceMs: number): Promise<void> {
    await this.#plane.close(graceMs)
    await this.#admin?.close()
  }

  async #openAdmin({ adminAddress }: RunOptions): Promise<void> {
    const { admin } = this.#spec
    const address = adminAddress ?? (admin === false ? false : (admin?.address ?? defaultAdminAddress))
    if (address === false) return
    const { hosts = [], ...tokens } = admin === false ? {} : (admin ?? {})
    this.#admin = await startAdmin({ address, hosts, tokens, source: this, mounts: this.#mesh.runtime.adminMounts, log: this.#mesh.log })
  }

  #told(outcome: Omit<ReloadState, 'at'>): void {
    this.#lastReload = { ...outcome, at: new Date().toISOString() }
    this.#reloads(outcome.ok ? 'applied' : 'refused').inc()
    this.#mesh.metrics.gauge('mesh_config_last_reload_ok', 'Whether the last change of the configuration was taken over').set(Number(outcome.ok))
  }

  #reloads(result: 'applied' | 'refused'): { inc(): void; add(amount: number): void } {
    return this.#mesh.metrics.counter('mesh_config_reloads_total', 'Changes of the configuration that were taken over or refused', { result })
  }

  #tellWhatTakesARestart(spec: MeshSpec): void {
    const changed = (['plugins', 'workers', 'admin'] as const).filter((key) => JSON.stringify(spec[key]) !== JSON.stringify(this.#spec[key]))
    if (changed.length > 0) this.#mesh.log.warn({ changed }, `a change of ${changed.join(' and ')} takes a restart`)
  }
}

/** What a file leaves out: requests without a route get a reply, and services balance by least request where that is known. */
function withDefaults(spec: MeshSpec, mesh: Mesh): MeshSpec {
  const balancer = mesh.provided('balancer').some(({ name }) => name === 'least-request') ? { balancer: 'least-request' } : {}
  return {
    ...spec,
    listeners: (spec.listeners ?? []).map((listener): ListenerSpec => (listener.tcp === undefined ? { unrouted: 'reply', ...listener } : listener)),
    services: Object.fromEntries(Object.entries(spec.services ?? {}).map(([name, service]): [string, ServiceSpec] => [name, { ...balancer, ...service }])),
  }
}
