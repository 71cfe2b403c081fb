// A data-plane thread: a mesh that is told its endpoints and its configuration by the supervisor.
import { parentPort, workerData, type MessagePort } from 'node:worker_threads'
import { listenerOwner, serviceOwner } from '../identity/identities.ts'
import { createMesh, type MeshApp } from '../mesh.ts'
import { Metrics, type MetricDescriptor } from '../metrics.ts'
import type { ListenerSpec, MeshSpec } from '../spec.ts'
import { statesOf } from './endpoint-states.ts'
import { FirstTraffic } from './first-traffic.ts'
import { listenerName } from './listener-plan.ts'
import { LocalPlane } from './local-plane.ts'
import { registerPlugins } from './plugin-modules.ts'
import { pulseSlots, toPlainError, type Answers, type Call, type FromWorker, type ToWorker, type WorkerStart } from './protocol.ts'
import { remoteLogger } from './remote-log.ts'
import { ThreadFeed } from './thread-feed.ts'
import { ToldMemory } from './told-memory.ts'

class DataThread {
  readonly #start: WorkerStart
  readonly #port: MessagePort
  readonly #feed = new ThreadFeed()
  readonly #memory = new ToldMemory()
  readonly #firstTraffic = new FirstTraffic()
  readonly #app: MeshApp
  readonly #plane: LocalPlane
  readonly #booted: Promise<void>
  readonly #pulse: Int32Array
  /** Configurations are taken over one after the other. */
  #applying: Promise<unknown> = Promise.resolve()
  #failing = false

  constructor(port: MessagePort, start: WorkerStart) {
    this.#port = port
    this.#start = start
    this.#pulse = new Int32Array(start.pulse)
    const metrics = new Metrics()
    const log = remoteLogger((message) => this.#post(message), start.debug)
    this.#app = createMesh({
      replyProxy: false,
      runtime: {
        log,
        metrics,
        shared: this.#memory,
        side: 'data',
        feed: this.#feed,
        pseudonym: start.pseudonym,
        published: (service) => this.#feed.published(service),
        rested: (service, { id }, ms, reason) => this.#post({ kind: 'rest', service, id, ms, reason }),
      },
    })
    this.#feed.follow(this.#app.mesh.runtime.services)
    this.#plane = new LocalPlane(this.#app)
    this.#tellMetrics(metrics)
    setInterval(() => this.#beat(), start.heartbeatMs)
    process.on('uncaughtException', (thrown) => this.#fail(thrown))
    port.on('message', (message: ToWorker) => this.#hear(message))
    this.#booted = this.#boot()
  }

  async #boot(): Promise<void> {
    await registerPlugins(this.#app, this.#start.plugins)
    await this.#app.ready()
  }

  #hear(message: ToWorker): void {
    if (message.kind === 'shared') return this.#memory.hear(message.key, message.buffer)
    if (message.kind !== 'call') return this.#feed.hear(message)
    this.#do(message.call).then(
      (value) => this.#post({ kind: 'answer', id: message.id, value }),
      (thrown: unknown) => this.#post({ kind: 'answer', id: message.id, error: toPlainError(thrown) }),
    )
  }

  async #do(call: Call): Promise<Answers[Call['kind']]> {
    await this.#booted
    switch (call.kind) {
      case 'apply': {
        const applied = this.#applying.then(async () => this.#apply(call.spec, call.revision))
        this.#applying = applied.catch(() => {})
        return applied
      }
      case 'services':
        return statesOf(this.#app.mesh.snapshot)
      case 'drain':
        await this.#plane.drain(call.graceMs)
        break
      case 'close':
        await this.#plane.close(call.graceMs)
    }
    this.#beat()
    return undefined
  }

  async #apply(spec: MeshSpec, revision: number): Promise<Answers['apply']> {
    await this.#plane.apply({ ...spec, listeners: (spec.listeners ?? []).map((listener) => this.#told(listener)), services: this.#toldServices(spec.services ?? {}) })
    this.#feed.retain(new Set(this.#app.mesh.snapshot.services.keys()))
    Atomics.store(this.#pulse, pulseSlots.revision, revision)
    this.#beat()
    return this.#plane.listeners
  }

  /** The supervisor asks identities, and this thread is told what they have published. */
  #told(listener: ListenerSpec): ListenerSpec {
    return listener.identity === undefined ? listener : { ...listener, identity: this.#feed.identity(listenerOwner(listenerName(listener))) }
  }

  #toldServices(services: NonNullable<MeshSpec['services']>): NonNullable<MeshSpec['services']> {
    return Object.fromEntries(
      Object.entries(services).map(([name, service]) => {
        const { tls } = service
        return [name, typeof tls !== 'object' || tls.identity === undefined ? service : { ...service, tls: { ...tls, identity: this.#feed.identity(serviceOwner(name)) } }]
      }),
    )
  }

  /** The numbers first: whoever sees the beat sees them too. */
  #beat(): void {
    for (const service of this.#firstTraffic.look(this.#app.mesh.snapshot.services)) this.#post({ kind: 'traffic', service })
    Atomics.store(this.#pulse, pulseSlots.inFlight, this.#plane.inFlight)
    Atomics.store(this.#pulse, pulseSlots.connections, this.#app.mesh.runtime.openConnections)
    Atomics.add(this.#pulse, pulseSlots.beats, 1)
  }

  #tellMetrics(metrics: Metrics): void {
    let news: MetricDescriptor[] = []
    metrics.onDeclare((descriptor) => {
      if (news.push(descriptor) > 1) return
      queueMicrotask(() => {
        this.#post({ kind: 'metrics', descriptors: news })
        news = []
      })
    })
  }

  /**
   * Nothing thrown on the path of an exchange gets here, so it came from a timer or a socket of a plugin. What state that
   * has left nobody knows: no new work is taken. The exchanges under way have most likely nothing to do with it, so they
   * get a short time to end; the supervisor has put another thread in this one's place by then.
   */
  #fail(thrown: unknown): void {
    this.#post({ kind: 'failing', error: toPlainError(thrown) })
    if (this.#failing) return
    this.#failing = true
    void this.#plane.drain(this.#start.failingGraceMs).finally(() => process.exit(1))
  }

  #post(message: FromWorker): void {
    this.#port.postMessage(message)
  }
}

if (parentPort !== null) new DataThread(parentPort, workerData as WorkerStart)
