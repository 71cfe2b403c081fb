// Takes a changed file over into a running mesh, or keeps what runs and says why.
import type { RunningMesh } from '@meshwright/core'
import { loadConfig, type LoadedConfig } from '../config/load.ts'
import { plain, printProblem } from '../config/print.ts'

/** Says something to whoever watches the terminal. */
export interface ReloadView {
  problems(loaded: LoadedConfig): void
  refused(file: string, why: string): void
}

/**
 * Loads the file again and applies it. Never rejects: what goes wrong is shown, and the mesh logs and counts it
 * and keeps what it had.
 */
export async function reload(running: RunningMesh, file: string, view: ReloadView): Promise<void> {
  const loaded = await loadConfig(file)
  if (loaded.problems.length > 0) view.problems(loaded)
  if (loaded.spec === undefined) return running.reloadFailed(loaded.problems.map((problem) => printProblem(problem, plain)))
  try {
    await running.apply(loaded.spec)
  } catch (error) {
    // The mesh has logged and counted it.
    view.refused(file, error instanceof Error ? error.message : String(error))
  }
}
