// Starts a mesh for the command: plugins registered, specification applied, listeners open. The seam to the core.
import type { MeshSpec } from '@meshwright/core'
import type { Logger } from 'pino'
import type { LoadedPlugin } from '../config/plugins.ts'

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

/** What became of the last change of the file. */
export interface ReloadOutcome {
  readonly ok: boolean
  /** When, as milliseconds of the Unix epoch. */
  readonly at: number
  /** One line each; empty if it went well. */
  readonly problems: readonly string[]
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
