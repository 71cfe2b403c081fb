// Runs the command as a reader of the README does.
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { createRequire } from 'node:module'
import path from 'node:path'

/** The folder of the example. */
export const folder: string = path.join(import.meta.dirname, '..')

/** `meshwright …` in the example's folder. */
export function meshwright(args: readonly string[], stdio: StdioOptions): ChildProcess {
  const manifest = createRequire(import.meta.url).resolve('meshwright/package.json')
  return spawn(process.execPath, [path.join(path.dirname(manifest), 'bin', 'meshwright.cjs'), ...args], { cwd: folder, stdio })
}
