// Starts a mesh for the command: the seam to the core.
import { runMesh, type MeshSpec, type RunningMesh } from '@meshwright/core'
import type { Logger } from 'pino'
import type { LoadedPlugin } from '../config/plugins.ts'

/** What a mesh needs besides its specification. */
export interface MeshContext {
  readonly plugins: readonly LoadedPlugin[]
  readonly log: Logger
  /** The file the specification is from, for the admin API; undefined for a mesh without a file. */
  readonly file: string | undefined
}

/**
 * Starts a mesh with all its threads. Rejects with a MeshError if an address cannot be opened or the core refuses the
 * specification; nothing is left running then.
 */
export async function startMesh(spec: MeshSpec, { plugins, log, file }: MeshContext): Promise<RunningMesh> {
  const modules = plugins.map(({ url, options }) => ({ module: url, options }))
  return runMesh(spec, { plugins: modules, log, ...(file !== undefined && { file }) })
}
