// meshwright schema: prints the JSON Schema of configuration files, for editors.
import { writeFile } from 'node:fs/promises'
import { loadConfig, loadDefaults } from '../config/load.ts'
import { meshSchema } from '../config/schema.ts'
import { showProblems } from './config-file.ts'

/** Returns the exit code. @param named a configuration whose plugins are included; default: the usual plugins only */
export async function schema(named: string | undefined, options: { readonly output?: string }): Promise<number> {
  const { provided, problems } = named === undefined ? await loadDefaults() : await loadConfig(named)
  if (problems.some((problem) => problem.code === 'MW1202') || (named !== undefined && provided.length === 0)) {
    showProblems({ problems })
    return 1
  }
  const text = `${JSON.stringify(meshSchema(provided), null, 2)}\n`
  if (options.output === undefined) process.stdout.write(text)
  else await writeFile(options.output, text)
  return 0
}
