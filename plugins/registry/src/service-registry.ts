// The registry itself: who is registered, for how long, and who wants to know. It knows no HTTP.
import { randomUUID } from 'node:crypto'
import type { Instance } from './instance.ts'
import { Refusal } from './refusal.ts'
import type { Held, Store } from './store.ts'

/** How much a registry takes. */
export interface RegistryLimits {
  /** Instances of all services. */
  readonly maxInstances: number
  readonly maxServices: number
}

/** What there is to tell of a registry. */
export interface RegistryEvents {
  /** @param count how many instances there are now */
  changed(change: 'registered' | 'deregistered' | 'expired' | 'replaced', instance: Instance, count: number): void
  /** It stood still for so long that it gives every instance another TTL. */
  slept(ms: number): void
  /** What was removed could not be written down: after a restart it is there again for one TTL. */
  notWritten(error: Error): void
}

/** One service, now. */
export interface View {
  /** Of the registry's file: another one says that everything may have been forgotten. */
  readonly registry: string
  readonly service: string
  /** Of the last change of this service; 0: never heard of it since the start. */
  readonly revision: number
  /** False while a registry that began with nothing waits for those whom it has not heard of yet. */
  readonly settled: boolean
  /** In order of their ids. */
  readonly instances: readonly Instance[]
}

/** An instance with its time. */
interface Live extends Held {
  /** In milliseconds of the monotonic clock. */
  deadlineMs: number
}

interface Service {
  readonly instances: Map<string, Live>
  readonly watchers: Set<() => void>
  revision: number
}

const sweepMs = 500
/** A pause that much longer than it should be is the registry's own, not that of those who are silent. */
const sleepMs = 1000
/** Changes that come together are told together; the first one at once. */
const gatherMs = 50

/**
 * Keeps instances in memory and in a store.
 * 1. Who registers has a lease, and a TTL that each heartbeat renews; heartbeats are not written down.
 * 2. Who is silent for a TTL is removed. After a restart, or when the registry itself stood still, everybody has another TTL.
 * 3. A registry that begins with nothing is not settled for `settleMs`: until then not to be there says little.
 */
export class ServiceRegistry {
  readonly id: string
  readonly #store: Store
  readonly #limits: RegistryLimits
  readonly #events: RegistryEvents
  readonly #services = new Map<string, Service>()
  readonly #dirty = new Set<string>()
  readonly #sweeper: NodeJS.Timeout
  #settling: NodeJS.Timeout | undefined = undefined
  #gathering: NodeJS.Timeout | undefined = undefined
  #toldMs = -Infinity
  #sweptMs = performance.now()
  #revision: number
  #count = 0

  constructor(store: Store, limits: RegistryLimits, settleMs: number, events: RegistryEvents) {
    this.id = store.registryId
    this.#store = store
    this.#limits = limits
    this.#events = events
    this.#revision = store.revision
    for (const held of store.held) this.#keep(held)
    this.#sweeper = setInterval(() => this.#sweep(), sweepMs).unref()
    if (store.isNew) this.#settling = setTimeout(() => this.#settle(), settleMs).unref()
  }

  get settled(): boolean {
    return this.#settling === undefined
  }

  /** The number of the last change. */
  get revision(): number {
    return this.#revision
  }

  /**
   * Takes an instance in, or what is new about it. At one address of a service there is one instance: who was there
   * before under another id is gone.
   * @returns its lease, new each time
   * @throws Refusal REGISTRY_FULL, REGISTRY_STORE_FAILED
   */
  register(instance: Instance): { lease: string; revision: number; isNew: boolean } {
    const known = this.#services.get(instance.service)?.instances.get(instance.id)
    const replaced = this.#atSameAddress(instance)
    if (known === undefined) this.#checkRoom(instance.service, replaced.length)
    const isSame = known !== undefined && replaced.length === 0 && JSON.stringify(known.instance) === JSON.stringify(instance)
    const held = { instance, lease: randomUUID() }
    const revision = isSame ? this.#revision : this.#revision + replaced.length + 1
    this.#store.put(held, replaced, revision)
    for (const one of replaced) this.#drop(one, 'replaced')
    this.#keep(held)
    if (!isSame) this.#changed(instance, 'registered', revision)
    return { lease: held.lease, revision, isNew: known === undefined }
  }

  /** Whether it was heard. @param lease undefined: whosever it is */
  heartbeat(service: string, id: string, lease: string | undefined): boolean {
    const live = this.#find(service, id, lease)
    if (live !== undefined) live.deadlineMs = performance.now() + live.instance.ttlMs
    return live !== undefined
  }

  /** Whether it was there. @throws Refusal REGISTRY_STORE_FAILED */
  deregister(service: string, id: string, lease: string | undefined): boolean {
    const live = this.#find(service, id, lease)
    if (live === undefined) return false
    this.#store.remove([live.instance], this.#revision + 1)
    this.#drop(live.instance, 'deregistered')
    return true
  }

  view(service: string): View {
    const found = this.#services.get(service)
    const instances = [...(found?.instances.values() ?? [])].map(({ instance }) => instance).sort((a, b) => (a.id < b.id ? -1 : 1))
    return { registry: this.id, service, revision: found?.revision ?? 0, settled: this.settled, instances }
  }

  /** Names of the services that have instances, in order. */
  services(): string[] {
    return [...this.#services].filter(([, { instances }]) => instances.size > 0).map(([name]) => name).sort()
  }

  /** Until when it is believed to live without another heartbeat. Milliseconds from now; 0 for one that is not there. */
  expiresInMs({ service, id }: Instance): number {
    const deadlineMs = this.#services.get(service)?.instances.get(id)?.deadlineMs ?? 0
    return Math.max(0, Math.round(deadlineMs - performance.now()))
  }

  /** Calls after each change of a service, soon but not at once. @returns how to stop @throws Refusal REGISTRY_FULL */
  watch(service: string, changed: () => void): () => void {
    const { watchers } = this.#serviceOf(service)
    watchers.add(changed)
    return () => void watchers.delete(changed)
  }

  close(): void {
    clearInterval(this.#sweeper)
    clearTimeout(this.#settling)
    clearTimeout(this.#gathering)
    this.#store.close()
  }

  #keep(held: Held): void {
    const service = this.#serviceOf(held.instance.service)
    if (!service.instances.has(held.instance.id)) this.#count++
    if (service.revision === 0) service.revision = this.#revision
    service.instances.set(held.instance.id, { ...held, deadlineMs: performance.now() + held.instance.ttlMs })
  }

  #drop(instance: Instance, change: 'deregistered' | 'expired' | 'replaced'): void {
    this.#services.get(instance.service)?.instances.delete(instance.id)
    this.#count--
    this.#changed(instance, change, this.#revision + 1)
  }

  #changed(instance: Instance, change: 'registered' | 'deregistered' | 'expired' | 'replaced', revision: number): void {
    this.#revision = revision
    const service = this.#services.get(instance.service)
    if (service !== undefined) service.revision = revision
    this.#events.changed(change, instance, this.#count)
    this.#tellSoon(instance.service)
  }

  #find(service: string, id: string, lease: string | undefined): Live | undefined {
    const live = this.#services.get(service)?.instances.get(id)
    return lease === undefined || live?.lease === lease ? live : undefined
  }

  #atSameAddress({ service, id, host, port }: Instance): Instance[] {
    const all = [...(this.#services.get(service)?.instances.values() ?? [])]
    return all.map(({ instance }) => instance).filter((other) => other.port === port && other.host === host && other.id !== id)
  }

  #checkRoom(service: string, leaving: number): void {
    const { maxInstances } = this.#limits
    if (this.#count - leaving >= maxInstances) throw new Refusal('REGISTRY_FULL', `the registry takes no more than ${maxInstances} instances`)
    this.#serviceOf(service)
  }

  #serviceOf(name: string): Service {
    const known = this.#services.get(name)
    if (known !== undefined) return known
    if (this.#services.size >= this.#limits.maxServices) this.#forgetAnEmptyOne()
    const made: Service = { instances: new Map(), watchers: new Set(), revision: 0 }
    this.#services.set(name, made)
    return made
  }

  #forgetAnEmptyOne(): void {
    for (const [name, { instances, watchers }] of this.#services) if (instances.size === 0 && watchers.size === 0) return void this.#services.delete(name)
    throw new Refusal('REGISTRY_FULL', `the registry takes no more than ${this.#limits.maxServices} services`)
  }

  #sweep(): void {
    const now = performance.now()
    const lateMs = now - this.#sweptMs - sweepMs
    this.#sweptMs = now
    if (lateMs > sleepMs) return this.#forgive(now, lateMs)
    const dead = [...this.#services.values()].flatMap(({ instances }) => [...instances.values()].filter(({ deadlineMs }) => deadlineMs <= now))
    if (dead.length > 0) this.#expire(dead.map(({ instance }) => instance))
  }

  /** Heartbeats may have come while it stood still, and wait to be read. */
  #forgive(now: number, lateMs: number): void {
    for (const { instances } of this.#services.values()) for (const live of instances.values()) live.deadlineMs = Math.max(live.deadlineMs, now + live.instance.ttlMs)
    this.#events.slept(Math.round(lateMs))
  }

  #expire(instances: readonly Instance[]): void {
    try {
      this.#store.remove(instances, this.#revision + instances.length)
    } catch (thrown) {
      this.#events.notWritten(thrown as Error)
    }
    for (const instance of instances) this.#drop(instance, 'expired')
  }

  #settle(): void {
    this.#settling = undefined
    for (const name of this.#services.keys()) this.#tellSoon(name)
  }

  #tellSoon(service: string): void {
    this.#dirty.add(service)
    if (this.#gathering !== undefined) return
    const waitMs = Math.max(0, this.#toldMs + gatherMs - performance.now())
    this.#gathering = setTimeout(() => this.#tell(), waitMs)
  }

  #tell(): void {
    this.#gathering = undefined
    this.#toldMs = performance.now()
    const services = [...this.#dirty]
    this.#dirty.clear()
    for (const service of services) for (const changed of this.#services.get(service)?.watchers ?? []) changed()
  }
}
