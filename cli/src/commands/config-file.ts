// Which file a command is about, and what it prints when something is wrong with it.
import { existsSync } from 'node:fs'
import { loadConfig, type LoadedConfig } from '../config/load.ts'
import { paintFor, printProblems, toJson } from '../config/print.ts'
import { hasErrors } from '../config/problems.ts'
import { usage } from './exit.ts'

const usualNames = ['mesh.yaml', 'mesh.yml', 'mesh.json', 'mesh.config.ts', 'mesh.config.js']

/** The file that was named, or the usual one in this directory. */
export function configFile(named: string | undefined): string {
  const found = named ?? usualNames.find((name) => existsSync(name))
  if (found === undefined) throw usage('no configuration file is named, and there is no mesh.yaml here. Make one with: meshwright init')
  return found
}

/** Prints the problems of a configuration, if there are any, on standard error. */
export function showProblems({ problems }: Pick<LoadedConfig, 'problems'>): void {
  if (problems.length > 0) console.error(printProblems(problems, paintFor(process.stderr)))
}

/** What `--json` prints of a check. */
export function checkReport({ file, problems }: LoadedConfig): object {
  const errors = problems.filter((problem) => problem.level === 'error').length
  return { file, ok: errors === 0, errors, warnings: problems.length - errors, problems: problems.map(toJson) }
}

/** Loads a configuration for a command that needs a good one; prints what is wrong. Undefined if there are errors. */
export async function loadForCommand(named: string | undefined): Promise<LoadedConfig | undefined> {
  const loaded = await loadConfig(configFile(named))
  showProblems(loaded)
  return hasErrors(loaded.problems) ? undefined : loaded
}
