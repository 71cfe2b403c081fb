// Asks the identities of all listeners once, on the control side, and tells every thread the material.
import { isDeepStrictEqual } from 'node:util'
import { MeshError, toMeshError } from '../errors.ts'
import type { TlsMaterial } from '../questions.ts'
import type { Registry } from '../registry.ts'
import type { ListenerSpec } from '../spec.ts'
import { listenerName } from './listener-plan.ts'

/** How long an identity may take to give its first key and certificate. */
const maxFirstMs = 10_000

interface Watch {
  readonly identity: NonNullable<ListenerSpec['identity']>
  material: TlsMaterial
  /** Material of a watch that is only prepared is kept; of one that is over, ignored. */
  live: boolean
  stop: () => void
}

export class Identities {
  readonly #registry: Registry
  readonly #tell: (listener: string, material: TlsMaterial) => void
  #watches: ReadonlyMap<string, Watch> = new Map()

  constructor(registry: Registry, tell: (listener: string, material: TlsMaterial) => void) {
    this.#registry = registry
    this.#tell = tell
  }

  /** All that is known now, by listener. */
  get all(): ReadonlyMap<string, TlsMaterial> {
    return new Map([...this.#watches].map(([name, { material }]) => [name, material]))
  }

  /** Asks the identities that are new. @throws MESH_LISTEN_FAILED if one gives nothing in time */
  async prepare(listeners: readonly ListenerSpec[]): Promise<{ commit(): void; undo(): void }> {
    const next = new Map<string, Watch>()
    const fresh: Watch[] = []
    const undo = (): void => fresh.forEach((watch) => watch.stop())
    try {
      for (const listener of listeners) {
        if (listener.identity === undefined) continue
        const name = listenerName(listener)
        const known = this.#watches.get(name)
        const watch = known !== undefined && isDeepStrictEqual(known.identity, listener.identity) ? known : await this.#watch(name, listener.identity)
        if (watch !== known) fresh.push(watch)
        next.set(name, watch)
      }
    } catch (thrown) {
      undo()
      throw thrown
    }
    return { undo, commit: () => this.#commit(next) }
  }

  close(): void {
    this.#commit(new Map())
  }

  #commit(next: ReadonlyMap<string, Watch>): void {
    const before = this.#watches
    this.#watches = next
    for (const [name, watch] of before) if (next.get(name) !== watch) end(watch)
    for (const [name, watch] of next) {
      if (watch.live) continue
      watch.live = true
      this.#tell(name, watch.material)
    }
  }

  async #watch(name: string, identity: Watch['identity']): Promise<Watch> {
    const first = Promise.withResolvers<void>()
    const late = setTimeout(() => first.reject(new MeshError('MESH_LISTEN_FAILED', `the identity of listener "${name}" gave no key and certificate within ${maxFirstMs / 1000} s`)), maxFirstMs)
    const watch: Partial<Watch> & { live: boolean; over: boolean } = { identity, live: false, over: false }
    const started = async (): Promise<void> => {
      const stop = await this.#registry.resolve('identity', identity, {}).watch((material) => {
        watch.material = material
        first.resolve()
        if (watch.live) this.#tell(name, material)
      })
      // It may have started only after it was given up.
      if (watch.over) stop()
      watch.stop = stop
    }
    try {
      await Promise.all([started(), first.promise])
      return watch as Watch
    } catch (thrown) {
      watch.over = true
      watch.stop?.()
      throw toMeshError(thrown, 'MESH_PLUGIN_FAILED', `identity of listener "${name}"`)
    } finally {
      clearTimeout(late)
    }
  }
}

function end(watch: Watch): void {
  watch.live = false
  watch.stop()
}
