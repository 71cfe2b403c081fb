// The main thread of a mesh with workers: asks the control side's questions, tells the threads, and replaces those that fail.
import { MeshError } from '../errors.ts'
import { Identities, identitiesOfListeners, identitiesOfServices } from '../identity/identities.ts'
import type { Logger } from '../logger.ts'
import type { MeshApp } from '../mesh.ts'
import type { Counter, MergedMetrics } from '../metrics.ts'
import type { Bound } from '../scope.ts'
import type { SharedBlocks } from '../shared-memory.ts'
import type { ListenerSpec, MeshSpec } from '../spec.ts'
import { parseAddress } from '../static-discovery.ts'
import type { ControlFeed } from './control-feed.ts'
import { checkPlain } from './cross-threads.ts'
import { addStates, statesOf } from './endpoint-states.ts'
import { checkListenerNames, listenerName } from './listener-plan.ts'
import type { Plane, ServiceReport, WorkerState } from './plane.ts'
import type { FoundPlugin } from './plugin-modules.ts'
import type { Call, FromWorker, RestMessage, ToWorker, WorkerStart } from './protocol.ts'
import { canSharePorts, checkFree } from './shared-port.ts'
import { Slot, type Living, type SlotHost } from './slot.ts'
import { Watchdog } from './watchdog.ts'
import type { EndReason } from './worker-thread.ts'

/** How data-plane threads are watched and limited. */
export interface ThreadOptions {
  /** How often a thread gives a sign of life, and how often that is looked at. Milliseconds, 10..; default 1000. */
  readonly heartbeatMs?: number
  /** A thread that has been silent for that long is ended and replaced. Milliseconds, more than `heartbeatMs`; default 10000. */
  readonly stuckMs?: number
  /** How long exchanges of a thread may take to end after an exception in it was not caught. Milliseconds; default 5000. */
  readonly failingGraceMs?: number
  /** V8's heap of one thread; a thread that needs more is ended and replaced. Megabytes; default: as for the process. */
  readonly maxOldGenerationSizeMb?: number
}

export interface SupervisorOptions {
  readonly workers: number
  readonly plugins: readonly FoundPlugin[]
  readonly feed: ControlFeed
  readonly merged: MergedMetrics
  /** What the app's answers share with those of the threads. */
  readonly shared: SharedBlocks
  readonly threads?: ThreadOptions | undefined
  /** For tests: what this system can do is found out otherwise. */
  readonly sharesPorts?: boolean
}

type Apply = Extract<Call, { kind: 'apply' }>

/** How long a thread may take to import its plugins before it counts as stuck. */
const startMs = 60_000
/** How long a thread may take to answer a question of the admin API. */
const askMs = 1_000
/** How much longer than it was given a thread may take to drain or close before it is ended. */
const extraMs = 2_000

const reasons: readonly EndReason[] = ['stuck', 'exception', 'memory', 'exit']

/**
 * 1. A configuration is compiled here first: what is wrong with it is found before any thread hears of it.
 * 2. One thread takes it over. If it cannot, the configuration is refused, and the old one compiled here again.
 * 3. The other threads take it over. One that cannot keeps what it has; that is logged, counted and shown.
 */
export class Supervisor implements Plane, SlotHost {
  readonly log: Logger
  readonly maxOldGenerationSizeMb: number | undefined
  readonly sharesPorts: boolean
  readonly #app: MeshApp
  readonly #options: SupervisorOptions
  readonly #threads: Required<Omit<ThreadOptions, 'maxOldGenerationSizeMb'>>
  readonly #slots: readonly Slot[]
  readonly #identities: Identities
  readonly #watchdog: Watchdog<Living>
  readonly #heartbeat: NodeJS.Timeout
  readonly #restarts: ReadonlyMap<EndReason, Counter>
  readonly #applyFailures: Counter
  /** Where each listener really is, by name; the address it was given beside it. */
  readonly #places = new Map<string, { readonly given: string; readonly real: string }>()
  #current: Apply | undefined = undefined
  #bound: readonly Bound[] = []
  #stopping = false
  #queue: Promise<unknown> = Promise.resolve()

  /** @param app ready, on the control side, with its plugins */
  constructor(app: MeshApp, options: SupervisorOptions) {
    const { metrics, runtime } = app.mesh
    this.#app = app
    this.#options = options
    this.log = runtime.log
    this.maxOldGenerationSizeMb = options.threads?.maxOldGenerationSizeMb
    this.sharesPorts = options.sharesPorts ?? canSharePorts()
    this.#threads = { heartbeatMs: 1_000, stuckMs: 10_000, failingGraceMs: 5_000, ...options.threads }
    this.#slots = Array.from({ length: this.#count(options.workers) }, (_, index) => new Slot(index + 1, this))
    this.#identities = new Identities(runtime.registry, {
      changed: (owner, material) => this.#tell({ kind: 'identity', owner, material }),
      gone: (owner) => this.#tell({ kind: 'no-identity', owner }),
      failed: (error) => runtime.pluginFailed(error),
    })
    this.#restarts = new Map(reasons.map((reason) => [reason, metrics.counter('mesh_worker_restarts_total', 'Data-plane threads that were replaced', { reason })]))
    this.#applyFailures = metrics.counter('mesh_worker_apply_failures_total', 'Times that a data-plane thread could not take a configuration over')
    const { heartbeatMs, stuckMs } = this.#threads
    this.#watchdog = new Watchdog(heartbeatMs, stuckMs, Math.max(startMs, stuckMs))
    this.#heartbeat = setInterval(() => this.#look(), heartbeatMs)
    options.feed.follow((news) => this.#tell(news))
    options.shared.follow((key, buffer) => this.#tell({ kind: 'shared', key, buffer }))
  }

  get listeners(): readonly Bound[] {
    return this.#bound
  }

  get revision(): number {
    return this.#current?.revision ?? 0
  }

  get inFlight(): number {
    return this.#livings().reduce((sum, { thread }) => sum + thread.read('inFlight'), 0)
  }

  get stopping(): boolean {
    return this.#stopping
  }

  async apply(spec: MeshSpec): Promise<void> {
    const applied = this.#queue.then(async () => this.#apply(spec))
    this.#queue = applied.catch(() => {})
    return applied
  }

  async services(): Promise<ServiceReport> {
    const late = Promise.withResolvers<undefined>()
    const timer = setTimeout(() => late.resolve(undefined), askMs)
    const asked = this.#livings().map(async ({ thread }) => Promise.race([thread.ask<'services'>({ kind: 'services' }), late.promise]).catch(() => undefined))
    const answers = (await Promise.all(asked)).filter((answer) => answer !== undefined)
    clearTimeout(timer)
    return { services: addStates(statesOf(this.#app.mesh.snapshot), answers), answered: answers.length, asked: asked.length }
  }

  workers(): WorkerState[] {
    return this.#slots.map((slot) => slot.state((living) => this.#watchdog.silentMs(living)))
  }

  async drain(graceMs: number): Promise<void> {
    this.#stopping = true
    await Promise.all([this.#app.mesh.drain(graceMs), this.#all({ kind: 'drain', graceMs }, graceMs)])
  }

  async close(graceMs: number): Promise<void> {
    await this.drain(graceMs)
    await this.#all({ kind: 'close', graceMs: 0 }, 0)
    clearInterval(this.#heartbeat)
    await Promise.all(this.#slots.map(async (slot) => slot.end()))
    this.#identities.close()
    await this.#app.close()
  }

  // -- what slots ask and tell

  start(worker: number): Omit<WorkerStart, 'pulse'> {
    const { heartbeatMs, failingGraceMs } = this.#threads
    const isEnabled = (this.log as Logger & { isLevelEnabled?(level: string): boolean }).isLevelEnabled?.('debug') ?? false
    return { worker, heartbeatMs, failingGraceMs, debug: isEnabled, pseudonym: this.#app.mesh.runtime.pseudonym, plugins: this.#options.plugins }
  }

  news(): Exclude<ToWorker, { kind: 'call' }>[] {
    const identities = [...this.#identities.all].map(([owner, material]) => ({ kind: 'identity', owner, material }) as const)
    const memory = [...this.#options.shared.all].map(([key, { buffer }]) => ({ kind: 'shared', key, buffer }) as const)
    return [...memory, ...this.#options.feed.whole(this.#app.mesh.runtime.services), ...identities]
  }

  configuration(): Apply | undefined {
    return this.#current
  }

  rested(message: RestMessage, from: Slot): void {
    const set = this.#app.mesh.runtime.services.endpoints(message.service)
    const endpoint = set?.get(message.id)
    if (endpoint !== undefined) set?.rest(endpoint, message.ms, message.reason, 'elsewhere')
    for (const slot of this.#slots) if (slot !== from) slot.tell(message)
  }

  hadTraffic(service: string): void {
    this.#app.mesh.runtime.services.hadTraffic(service)
  }

  metrics(source: string, { descriptors }: Extract<FromWorker, { kind: 'metrics' }>): void {
    this.#options.merged.attach(source, descriptors)
  }

  retired(source: string): void {
    this.#options.merged.retire(source)
  }

  restarted(reason: EndReason): void {
    this.#restarts.get(reason)?.inc()
  }

  // -- private

  #count(wanted: number): number {
    if (this.sharesPorts || wanted === 1) return wanted
    this.log.warn({ workers: wanted, platform: process.platform }, 'this system cannot share a port between threads: there is one data-plane thread')
    return 1
  }

  async #apply(spec: MeshSpec): Promise<void> {
    checkPlain(spec)
    const listeners = spec.listeners ?? []
    checkListenerNames(listeners)
    for (const listener of listeners) if (this.#isNew(listener)) await checkFree(listener.address)
    const identities = await this.#identities.prepare(new Map([...identitiesOfListeners(listeners, listenerName), ...identitiesOfServices(Object.entries(spec.services ?? {}))]))
    try {
      await this.#app.mesh.apply(spec)
    } catch (thrown) {
      identities.undo()
      throw thrown
    }
    identities.begin()
    try {
      await this.#roll(spec)
    } catch (thrown) {
      identities.undo()
      if (this.#current !== undefined) {
        await this.#app.mesh.apply(this.#current.spec)
        this.#options.shared.end(true)
      }
      throw thrown
    }
    identities.commit()
    this.#options.feed.retain(this.#app.mesh.snapshot.services)
    this.#options.shared.end(true)
  }

  async #roll(spec: MeshSpec): Promise<void> {
    const isFirst = this.#current === undefined
    if (isFirst) for (const slot of this.#slots) slot.spawn()
    const first = isFirst ? this.#slots[0] : this.#slots.find((slot) => slot.isServing)
    const next: Apply = { kind: 'apply', revision: this.revision + 1, spec: { ...spec, listeners: (spec.listeners ?? []).map((listener) => this.#placed(listener)) } }
    const bound = await first?.take(next)
    if (bound === undefined) throw new MeshError('MESH_WORKER_FAILED', 'no data-plane thread is there to try the configuration')
    this.#place(spec.listeners ?? [], bound)
    // Not before one has it: a thread that starts meanwhile begins with the old one and is told of this one below.
    const rest: Apply = { ...next, spec: { ...spec, listeners: (spec.listeners ?? []).map((listener) => this.#placed(listener)) } }
    this.#current = isFirst ? undefined : rest
    const others = this.#slots.filter((slot) => slot !== first)
    const taken = await Promise.allSettled(others.map(async (slot) => slot.take(rest)))
    const failed = taken.filter((result) => result.status === 'rejected').map((result) => result.reason as Error)
    if (isFirst && failed[0] !== undefined) throw failed[0]
    this.#current = rest
    for (const error of failed) this.#couldNotApply(error)
  }

  #couldNotApply(error: Error): void {
    this.#applyFailures.inc()
    this.log.error({ err: error, revision: this.revision }, 'a data-plane thread could not take the configuration over and keeps the old one')
  }

  /** Would a socket have to be opened where none of ours is? */
  #isNew({ address }: ListenerSpec): boolean {
    return ![...this.#places.values()].some(({ given, real }) => given === address || real === address)
  }

  /** The listener as a thread is to open it: where the others are already, if they are. */
  #placed(listener: ListenerSpec): ListenerSpec {
    const place = this.#places.get(listenerName(listener))
    const address = place?.given === listener.address ? place.real : listener.address
    return { ...listener, name: listenerName(listener), address, reusePort: this.sharesPorts }
  }

  #place(listeners: readonly ListenerSpec[], bound: readonly Bound[]): void {
    this.#bound = bound
    this.#places.clear()
    listeners.forEach((listener, index) => {
      const { host } = parseAddress(listener.address)
      const port = bound[index]?.port ?? 0
      this.#places.set(listenerName(listener), { given: listener.address, real: `${host.includes(':') ? `[${host}]` : host}:${port}` })
    })
  }

  #tell(message: Exclude<ToWorker, { kind: 'call' }>): void {
    for (const slot of this.#slots) slot.tell(message)
  }

  #livings(): Living[] {
    return this.#slots.flatMap((slot) => slot.threads)
  }

  #look(): void {
    for (const living of this.#watchdog.look(this.#livings(), performance.now())) this.#slots.find((slot) => slot.threads.includes(living))?.kill(living)
  }

  /** Asks all threads and ends those that take much longer than they may. */
  async #all(call: Extract<Call, { kind: 'drain' | 'close' }>, graceMs: number): Promise<void> {
    const late = setTimeout(() => {
      for (const { thread } of this.#livings()) void thread.end()
    }, graceMs + extraMs)
    await Promise.all(this.#slots.map(async (slot) => slot.askAll(call)))
    clearTimeout(late)
  }
}
