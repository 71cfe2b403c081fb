// meshwright run: serves a configuration file and follows its changes.
import { loadForCommand } from './config-file.ts'
import { serve } from './serve.ts'

/** Returns the exit code, when the mesh has stopped. */
export async function run(named: string | undefined, options: { readonly watch: boolean }): Promise<number> {
  const loaded = await loadForCommand(named)
  if (loaded?.spec === undefined) return 1
  const { file, spec, plugins, contentHash } = loaded
  return serve({ spec, plugins, file, followed: options.watch ? { file, contentHash } : undefined })
}
