// What `run` and `proxy` share: a mesh from its start to its last request.
import type { MeshSpec, RunningMesh } from '@meshwright/core'
import { pino } from 'pino'
import type { LoadedConfig } from '../config/load.ts'
import { paintFor } from '../config/print.ts'
import { banner } from '../run/banner.ts'
import { listenFailure } from '../run/listen-failure.ts'
import { reload, type ReloadView } from '../run/reload.ts'
import { startMesh, type MeshContext } from '../run/start-mesh.ts'
import { untilStopped } from '../run/until-stopped.ts'
import { FileWatch } from '../run/watch-file.ts'
import { version } from '../version.ts'
import { showProblems } from './config-file.ts'

/** A mesh that is to be served. */
export interface Served extends Pick<LoadedConfig, 'plugins'> {
  readonly spec: MeshSpec
  /** The file to follow; undefined for none. */
  readonly followed?: { readonly file: string; readonly contentHash: string } | undefined
  /** For the banner; undefined for a mesh without a file. */
  readonly file: string | undefined
  /** Begins when the mesh serves; returns how to end it. */
  readonly alongside?: (running: RunningMesh) => () => void
}

const defaultDrainMs = 30_000

/** Serves until a signal. Returns the exit code. */
export async function serve(served: Served): Promise<number> {
  const startedAt = performance.now()
  // Standard output is for logs, so that a program can read them; what people read goes to standard error.
  const context: MeshContext = { plugins: served.plugins, log: pino(), file: served.file }
  const running = await start(served.spec, context)
  const watch = await follow(served, running)
  announce(served, running, performance.now() - startedAt)
  const endAlongside = served.alongside?.(running)
  try {
    return await untilStopped(running, { drainMs: served.spec.drainMs ?? defaultDrainMs, paint: paintFor(process.stderr) })
  } finally {
    endAlongside?.()
    watch?.stop()
  }
}

async function start(spec: MeshSpec, context: MeshContext): Promise<RunningMesh> {
  try {
    return await startMesh(spec, context)
  } catch (error) {
    throw (await listenFailure(error)) ?? error
  }
}

/** For people: what became of a change. */
export const view: ReloadView = { problems: showProblems, refused: (file, why) => console.error(`${file}  not taken over: ${why}`) }

async function follow({ followed }: Served, running: RunningMesh): Promise<FileWatch | undefined> {
  if (followed === undefined) return undefined
  const watch = new FileWatch(followed.file, async () => reload(running, followed.file, view))
  await watch.start(followed.contentHash)
  return watch
}

function announce({ file, followed }: Served, running: RunningMesh, tookMs: number): void {
  const { listeners, adminUrl } = running
  const facts = { version, file, listeners, adminUrl, isWatching: followed !== undefined, tookMs }
  console.error(banner(facts, paintFor(process.stderr)).join('\n'))
}
