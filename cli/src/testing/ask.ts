// Runs a command in the process of the test, where nothing of it is about a process: it starts in milliseconds instead of seconds.
import { formatWithOptions } from 'node:util'
import { vi } from 'vitest'
import { runProgram } from '../program.ts'
import type { Finished, Folder } from './child.ts'

/** Runs a command in a folder to its end. For one that serves, or that imports files of the folder, there is `folder.run`. One at a time. */
export async function ask(folder: Folder, ...args: readonly string[]): Promise<Finished> {
  const before = process.cwd()
  const { exitCode } = process
  const printed = { stdout: '', stderr: '' }
  const restore = (['stdout', 'stderr'] as const).map((name) => keep(name, printed))
  process.chdir(folder.path)
  process.exitCode = undefined
  try {
    await runProgram(args)
    return { code: endedWith(), ...printed }
  } finally {
    process.exitCode = exitCode
    process.chdir(before)
    restore.forEach((undo) => undo())
  }
}

/** The runner has a console of its own, which does not write to the process's streams. */
function keep(name: 'stdout' | 'stderr', printed: Record<'stdout' | 'stderr', string>): () => void {
  const add = (text: string): void => void (printed[name] += text)
  const log = vi.spyOn(console, name === 'stdout' ? 'log' : 'error').mockImplementation((...values: unknown[]) => add(`${formatWithOptions({ colors: false }, ...values)}\n`))
  const write = vi.spyOn(process[name], 'write').mockImplementation((chunk) => (add(String(chunk)), true))
  return () => {
    log.mockRestore()
    write.mockRestore()
  }
}

function endedWith(): number {
  return Number(process.exitCode ?? 0)
}
