// What the admin API tells of a mesh.
import type { Provided } from '../registry.ts'
import type { Snapshot } from '../snapshot.ts'
import type { MeshSpec } from '../spec.ts'
import type { ServiceReport, WorkerState } from '../worker/plane.ts'
import type { Bound } from '../scope.ts'

/** What became of the last change of the configuration. */
export interface ReloadState {
  readonly ok: boolean
  /** ISO 8601, in UTC. */
  readonly at: string
  /** One line each; empty if it went well. */
  readonly problems: readonly string[]
}

/** A running mesh, as the admin API asks it. */
export interface AdminSource {
  readonly spec: MeshSpec
  /** Their schemas say what of the specification is secret. */
  readonly provided: readonly Provided[]
  /** Where the configuration came from; undefined: from code. */
  readonly file: string | undefined
  readonly revision: number
  /** Undefined before the first change. */
  readonly lastReload: ReloadState | undefined
  readonly listeners: readonly Bound[]
  /** Its routes stand in the order in which they are tried. */
  readonly snapshot: Snapshot
  /** Open and not draining. */
  readonly ready: boolean
  readonly draining: boolean
  services(): Promise<ServiceReport>
  workers(): readonly WorkerState[]
  /** Begins to drain; returns at once. */
  startDrain(): void
}
