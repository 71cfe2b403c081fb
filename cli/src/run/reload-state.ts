// What became of the last change of the file: in metrics, and on the admin API.
import type { Counter, Gauge, Mesh } from '@meshwright/core'

/** What became of a change of the file. */
export interface ReloadOutcome {
  readonly ok: boolean
  /** When, as milliseconds of the Unix epoch. */
  readonly at: number
  /** One text for each; empty if it went well. */
  readonly problems: readonly string[]
}

/** What `GET /v1/reload` answers. */
export interface ReloadState {
  /** Null for a mesh without a file. */
  readonly file: string | null
  /** How many changes were taken over, and how many refused, since the start. */
  readonly taken: number
  readonly refused: number
  /** Null before the first change. */
  readonly last: ReloadOutcome | null
}

/** Counts reloads. To be made before the mesh is ready, so that the admin API knows it. */
export class Reloads {
  readonly #file: string | null
  readonly #taken: Counter
  readonly #refused: Counter
  readonly #lastGood: Gauge
  #counts = { taken: 0, refused: 0 }
  #last: ReloadOutcome | null = null

  constructor(mesh: Mesh, file: string | undefined) {
    const { metrics } = mesh
    const help = 'Changes of the configuration file, by what became of them'
    this.#file = file ?? null
    this.#taken = metrics.counter('mesh_config_reloads_total', help, { result: 'taken' })
    this.#refused = metrics.counter('mesh_config_reloads_total', help, { result: 'refused' })
    this.#lastGood = metrics.gauge('mesh_config_last_reload_successful', 'Whether the last change of the configuration file was taken over', {})
    this.#lastGood.set(1)
    mesh.onAdmin((admin) => admin.get('/v1/reload', () => this.state))
  }

  /** What the admin API answers. */
  get state(): ReloadState {
    return { file: this.#file, ...this.#counts, last: this.#last }
  }

  /** Takes note of one change. */
  note(outcome: ReloadOutcome): void {
    this.#last = outcome
    this.#counts[outcome.ok ? 'taken' : 'refused']++
    this.#lastGood.set(outcome.ok ? 1 : 0)
    ;(outcome.ok ? this.#taken : this.#refused).inc()
  }
}
