// Builds packages as publishing does, one test file at a time: two compilers would write into the same folders.
import { execFile } from 'node:child_process'
import { mkdir, rmdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'

const root = path.join(import.meta.dirname, '..', '..')
const lock = path.join(root, '.cache', 'build.lock')
/** A lock that is older than this was left behind. */
const staleMs = 180_000

/** Runs `tsc -b` for these folders of the repository; what is up to date stays untouched. */
export async function build(folders: readonly string[]): Promise<void> {
  await taken()
  try {
    await promisify(execFile)(path.join(root, 'node_modules', '.bin', 'tsc'), ['-b', ...folders], { cwd: root })
  } finally {
    await rmdir(lock)
  }
}

async function taken(): Promise<void> {
  await mkdir(path.dirname(lock), { recursive: true })
  for (;;) {
    try {
      return await mkdir(lock)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    await freed()
  }
}

async function freed(): Promise<void> {
  const there = await stat(lock).catch(() => undefined)
  if (there !== undefined && Date.now() - there.mtimeMs > staleMs) await rmdir(lock).catch(() => {})
  else await wait(100)
}
