// Takes a changed file over into a running mesh, or keeps what runs and says why.
import { isDeepStrictEqual } from 'node:util'
import type { MeshSpec } from '@meshwright/core'
import { loadConfig, type LoadedConfig } from '../config/load.ts'
import { plain, printProblem } from '../config/print.ts'
import type { MeshContext, RunningMesh } from './start-mesh.ts'

/** Shows the problems of a file to whoever watches the terminal. */
export type Show = (loaded: LoadedConfig) => void

/** Settings that only a start can take over. */
const fixed = ['listeners', 'plugins', 'workers', 'admin'] as const satisfies readonly (keyof MeshSpec)[]

/** Follows one file. */
export class Reloader {
  readonly #running: RunningMesh
  readonly #context: MeshContext
  readonly #show: Show
  #spec: MeshSpec

  constructor(running: RunningMesh, spec: MeshSpec, context: MeshContext, show: Show) {
    this.#running = running
    this.#spec = spec
    this.#context = context
    this.#show = show
  }

  /** Loads the file again. Never rejects: what goes wrong is shown, logged, counted, and the old specification stays. */
  async reload(file: string): Promise<void> {
    const startedAt = performance.now()
    const loaded = await loadConfig(file)
    if (loaded.problems.length > 0) this.#show(loaded)
    const refusal = loaded.spec === undefined ? loaded.problems.map((problem) => printProblem(problem, plain)) : await this.#apply(loaded.spec)
    this.#tell(file, refusal, performance.now() - startedAt)
  }

  /** Swaps it in; returns why not, if not. */
  async #apply(spec: MeshSpec): Promise<string[]> {
    const needsRestart = fixed.filter((key) => !isDeepStrictEqual(spec[key], this.#spec[key]))
    if (needsRestart.length > 0) return [`a change of ${needsRestart.join(' and ')} takes a restart`]
    try {
      await this.#running.apply(spec)
      this.#spec = spec
      return []
    } catch (error) {
      return [error instanceof Error ? error.message : String(error)]
    }
  }

  #tell(file: string, refusal: readonly string[], tookMs: number): void {
    const ok = refusal.length === 0
    this.#running.reloaded({ ok, at: Date.now(), problems: refusal })
    if (ok) this.#context.log.info({ file, tookMs: Math.round(tookMs) }, 'configuration reloaded')
    else this.#context.log.error({ file, problems: refusal }, 'configuration not reloaded, the old one keeps running')
  }
}
