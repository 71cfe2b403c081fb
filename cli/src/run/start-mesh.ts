// Starts a mesh for the command: plugins registered, specification applied, listeners open. The seam to the core.
import { createMesh, type Mesh, type MeshApp, type MeshSpec } from '@meshwright/core'
import type { Logger } from 'pino'
import type { LoadedPlugin } from '../config/plugins.ts'
import { Reloads, type ReloadOutcome } from './reload-state.ts'

/** How long requests may take to end unless the specification says otherwise. Milliseconds. */
const defaultDrainMs = 30_000

/** What a mesh needs besides its specification. */
export interface MeshContext {
  readonly plugins: readonly LoadedPlugin[]
  readonly log: Logger
  /** The file the specification is from, for the admin API; undefined for a mesh without a file. */
  readonly file: string | undefined
}

/** A listener that is open. */
export interface RunningListener {
  readonly name: string
  readonly url: string
}

/** A mesh that serves. */
export interface RunningMesh {
  readonly listeners: readonly RunningListener[]
  readonly adminUrl: string | undefined
  /** Swaps another specification in. Rejects with a MeshError and keeps the old one if it cannot. */
  apply(spec: MeshSpec): Promise<void>
  /** Tells metrics and the admin API what became of a change. */
  reloaded(outcome: ReloadOutcome): void
  /** Exchanges under way. */
  inFlight(): number
  /** Takes no new connections; resolves when the last exchange has ended, or `drainMs` are over. */
  drain(): Promise<void>
  /** Cuts what is left and closes everything. */
  close(): Promise<void>
}

/**
 * Starts a mesh. Rejects with a MeshError if an address cannot be opened or the core refuses the specification;
 * nothing is left running then.
 */
export async function startMesh(spec: MeshSpec, context: MeshContext): Promise<RunningMesh> {
  const app = createMesh({ loggerInstance: context.log, drainMs: drainMsOf(spec) })
  try {
    for (const { plugin, options } of context.plugins) await app.register(plugin, options)
    const reloads = new Reloads(app.mesh, context.file)
    await app.ready()
    await app.mesh.apply(spec)
    return new OneThreadMesh(app, await openListeners(app.mesh, spec), spec, reloads)
  } catch (error) {
    await app.close()
    throw error
  }
}

/** How long requests of a mesh may take to end when it stops. Milliseconds. */
export function drainMsOf(spec: MeshSpec): number {
  return spec.drainMs ?? defaultDrainMs
}

async function openListeners(mesh: Mesh, spec: MeshSpec): Promise<RunningListener[]> {
  const listeners: RunningListener[] = []
  for (const listener of spec.listeners ?? []) listeners.push(await mesh.listen(listener))
  return listeners
}

/** A mesh whose every part lives in this thread. */
class OneThreadMesh implements RunningMesh {
  readonly listeners: readonly RunningListener[]
  readonly adminUrl: string | undefined
  readonly #app: MeshApp
  readonly #drainMs: number
  readonly #reloads: Reloads

  constructor(app: MeshApp, listeners: readonly RunningListener[], spec: MeshSpec, reloads: Reloads) {
    this.#app = app
    this.listeners = listeners
    this.adminUrl = undefined
    this.#drainMs = drainMsOf(spec)
    this.#reloads = reloads
  }

  async apply(spec: MeshSpec): Promise<void> {
    await this.#app.mesh.apply(spec)
  }

  reloaded(outcome: ReloadOutcome): void {
    this.#reloads.note(outcome)
  }

  inFlight(): number {
    return this.#app.mesh.runtime.deadlines.size
  }

  async drain(): Promise<void> {
    await this.#app.mesh.drain(this.#drainMs)
  }

  async close(): Promise<void> {
    await this.#app.close()
  }
}
