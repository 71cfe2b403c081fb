// Opens, changes and closes listeners so that they are what a configuration says; those that did not change are not touched.
import { isDeepStrictEqual } from 'node:util'
import { MeshError } from '../errors.ts'
import type { ListenerSet } from '../listener/listener-set.ts'
import type { Bound } from '../scope.ts'
import type { ListenerSpec } from '../spec.ts'
import { parseAddress } from '../static-discovery.ts'

interface Entry {
  readonly spec: ListenerSpec
  readonly bound: Bound
}

/** A change that is prepared: everything new is open. */
export interface PreparedListeners {
  /** In the order of the configuration. */
  readonly bound: readonly Bound[]
  /** Swaps changed settings in, and closes what is not named any more. */
  commit(graceMs: number): void
  /** Closes again what was opened. */
  undo(): void
}

/** The name by which a listener is known across configurations. */
export function listenerName(spec: ListenerSpec): string {
  return spec.name ?? spec.address
}

/** @throws MESH_DUPLICATE_NAME */
export function checkListenerNames(specs: readonly ListenerSpec[]): void {
  const seen = new Set<string>()
  for (const name of specs.map(listenerName)) {
    if (seen.has(name)) throw new MeshError('MESH_DUPLICATE_NAME', `listener "${name}" is there twice`)
    seen.add(name)
  }
}

/** A socket has to be opened anew for another address or another identity, or for TCP instead of HTTP, and for nothing else. The port it got for 0 is its address too. */
function isSameSocket({ spec, bound }: Entry, wanted: ListenerSpec): boolean {
  const isThere = spec.address === wanted.address || isDeepStrictEqual(parseAddress(wanted.address), { host: bound.host, port: bound.port })
  const carriesTheSame = (spec.tcp === undefined) === (wanted.tcp === undefined)
  return isThere && carriesTheSame && isDeepStrictEqual(spec.identity, wanted.identity)
}

export class ListenerPlan {
  readonly #set: ListenerSet
  #entries: ReadonlyMap<string, Entry> = new Map()

  constructor(set: ListenerSet) {
    this.#set = set
  }

  get bound(): readonly Bound[] {
    return [...this.#entries.values()].map((entry) => entry.bound)
  }

  /** Opens what is new. @throws MESH_LISTEN_FAILED, MESH_DUPLICATE_NAME; nothing has changed then */
  async prepare(specs: readonly ListenerSpec[]): Promise<PreparedListeners> {
    checkListenerNames(specs)
    const opened: Bound[] = []
    const undo = (): void => {
      for (const bound of opened) void this.#set.shut(bound, 0)
    }
    const next = new Map<string, Entry>()
    try {
      for (const spec of specs) {
        const known = this.#find(spec, specs)
        const bound = known?.bound ?? (await this.#set.open(spec))
        if (known === undefined) opened.push(bound)
        else this.#set.check(bound, spec)
        next.set(listenerName(spec), { spec, bound })
      }
    } catch (thrown) {
      undo()
      throw thrown
    }
    return { bound: [...next.values()].map((entry) => entry.bound), commit: (graceMs) => this.#commit(next, graceMs), undo }
  }

  /** The socket that is open for it: under its name, or under one that is not used any more. */
  #find(spec: ListenerSpec, specs: readonly ListenerSpec[]): Entry | undefined {
    const named = this.#entries.get(listenerName(spec))
    if (named !== undefined) return isSameSocket(named, spec) ? named : undefined
    const names = new Set(specs.map(listenerName))
    return [...this.#entries.values()].find((entry) => !names.has(listenerName(entry.spec)) && isSameSocket(entry, spec))
  }

  #commit(next: ReadonlyMap<string, Entry>, graceMs: number): void {
    const before = [...this.#entries.values()]
    const after = [...next.values()]
    this.#entries = next
    for (const { spec, bound } of before) {
      const now = after.find((entry) => entry.bound === bound)
      if (now === undefined) void this.#set.shut(bound, graceMs)
      else if (!isDeepStrictEqual(now.spec, spec)) this.#set.replace(bound, now.spec)
    }
  }
}
