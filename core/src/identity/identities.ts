// Asks identities once for each owner, across configurations, and keeps what they have published last.
import { isDeepStrictEqual } from 'node:util'
import type { MeshError } from '../errors.ts'
import type { Questions, TlsMaterial } from '../questions.ts'
import type { Registry } from '../registry.ts'
import type { Answer, ListenerSpec, ServiceSpec } from '../spec.ts'
import { watchIdentity } from './watch.ts'

/** Whose identity it is: `listener "public"`, `service "users"`. */
export type IdentityOwner = string

export function listenerOwner(listener: string): IdentityOwner {
  return `listener "${listener}"`
}

export function serviceOwner(service: string): IdentityOwner {
  return `service "${service}"`
}

/** Identities by owner, as a configuration names them. */
export type WantedIdentities = ReadonlyMap<IdentityOwner, Answer<Questions['identity']>>

/** Those that services speak for themselves with. */
export function identitiesOfServices(services: Iterable<readonly [string, ServiceSpec]>): Map<IdentityOwner, Answer<Questions['identity']>> {
  const wanted = new Map<IdentityOwner, Answer<Questions['identity']>>()
  for (const [name, { tls }] of services) {
    const identity = typeof tls === 'object' ? tls.identity : undefined
    if (identity !== undefined) wanted.set(serviceOwner(name), identity)
  }
  return wanted
}

/** Those of listeners, by the names that these are known by. */
export function identitiesOfListeners(listeners: readonly ListenerSpec[], nameOf: (listener: ListenerSpec) => string): Map<IdentityOwner, Answer<Questions['identity']>> {
  const wanted = new Map<IdentityOwner, Answer<Questions['identity']>>()
  for (const listener of listeners) if (listener.identity !== undefined) wanted.set(listenerOwner(nameOf(listener)), listener.identity)
  return wanted
}

/** What somebody holds of an identity: its material changes with each rotation. */
export interface HeldIdentity {
  /** Another one has another number, in this thread. */
  readonly id: number
  /** What was published last; the same object until the next rotation. Read it for each new connection. */
  readonly material: TlsMaterial
}

export interface IdentitiesEvents {
  /** Told of each material that is in force: the first, and each after a rotation. */
  changed?(owner: IdentityOwner, material: TlsMaterial): void
  /** Told once of an owner that {@link IdentitiesEvents.changed} has spoken of, when it has no identity any more: its keys may be forgotten. */
  gone?(owner: IdentityOwner): void
  /** A rotation failed; the last material stays. */
  failed(error: MeshError): void
}

/** Identities that are asked and not yet in force. Exactly one of commit and undo is to be called. */
export interface PreparedIdentities {
  /** The identity as it will be; undefined: this owner has none. */
  get(owner: IdentityOwner): HeldIdentity | undefined
  /** Tells of those that are new, and does not let go of the others yet. To be followed by commit or undo. */
  begin(): void
  /** Lets go of those that are not wanted any more. */
  commit(): void
  /** Lets go of those that are new, and tells again what the others have published. */
  undo(): void
}

interface Watch extends HeldIdentity {
  readonly answer: Answer<Questions['identity']>
  material: TlsMaterial
  /** What comes before it is in force is only kept. */
  live: boolean
  stop: () => void
}

let lastId = 0

export class Identities {
  readonly #registry: Registry
  readonly #events: IdentitiesEvents
  #watches: ReadonlyMap<IdentityOwner, Watch> = new Map()

  constructor(registry: Registry, events: IdentitiesEvents) {
    this.#registry = registry
    this.#events = events
  }

  /** What is in force now, by owner. */
  get all(): ReadonlyMap<IdentityOwner, TlsMaterial> {
    return new Map([...this.#watches].map(([owner, { material }]) => [owner, material]))
  }

  /** Asks the identities that are new. @throws MESH_IDENTITY_FAILED, MESH_UNKNOWN_NAME, MESH_BAD_OPTIONS; nothing has changed then */
  async prepare(wanted: WantedIdentities): Promise<PreparedIdentities> {
    const next = new Map<IdentityOwner, Watch>()
    const fresh: Watch[] = []
    const started = await Promise.allSettled(
      [...wanted].map(async ([owner, answer]) => {
        const known = this.#watches.get(owner)
        const watch = known !== undefined && isSame(known.answer, answer) ? known : await this.#watch(owner, answer)
        if (watch !== known) fresh.push(watch)
        next.set(owner, watch)
      }),
    )
    const failed = started.find((result) => result.status === 'rejected')
    const before = this.#watches
    if (failed !== undefined) {
      for (const watch of fresh) watch.stop()
      throw failed.reason
    }
    return {
      get: (owner) => next.get(owner),
      begin: () => this.#begin(next),
      commit: () => this.#commit(before, next),
      undo: () => this.#undo(before, next),
    }
  }

  /** Ends all of them. */
  close(): void {
    for (const watch of this.#watches.values()) watch.stop()
    this.#watches = new Map()
  }

  #commit(before: ReadonlyMap<IdentityOwner, Watch>, next: ReadonlyMap<IdentityOwner, Watch>): void {
    this.#begin(next)
    this.#watches = next
    for (const [owner, watch] of before) {
      if (next.get(owner) !== watch) watch.stop()
      if (!next.has(owner)) this.#events.gone?.(owner)
    }
  }

  #undo(before: ReadonlyMap<IdentityOwner, Watch>, next: ReadonlyMap<IdentityOwner, Watch>): void {
    this.#watches = before
    for (const [owner, watch] of next) {
      const old = before.get(owner)
      if (old === watch) continue
      watch.stop()
      if (!watch.live) continue
      if (old === undefined) this.#events.gone?.(owner)
      else this.#events.changed?.(owner, old.material)
    }
  }

  #begin(next: ReadonlyMap<IdentityOwner, Watch>): void {
    this.#watches = new Map([...this.#watches, ...next])
    for (const [owner, watch] of next) {
      if (watch.live) continue
      watch.live = true
      this.#events.changed?.(owner, watch.material)
    }
  }

  async #watch(owner: IdentityOwner, answer: Watch['answer']): Promise<Watch> {
    const identity = this.#registry.resolve('identity', answer, {})
    const watch: Watch = { id: ++lastId, answer, live: false, material: { certificates: [] }, stop: () => {} }
    watch.stop = await watchIdentity(owner, identity, {
      use: (material) => {
        watch.material = material
        if (watch.live) this.#events.changed?.(owner, material)
      },
      failed: (error) => this.#events.failed(error),
    })
    return watch
  }
}

/** Two values of a class may look the same and hide what they differ in. */
function isSame(one: Watch['answer'], other: Watch['answer']): boolean {
  if (one === other || typeof one === 'string' || typeof other === 'string') return one === other
  return Object.getPrototypeOf(one) === Object.prototype && isDeepStrictEqual(one, other)
}
