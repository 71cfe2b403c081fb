// Asks plugins which names they provide, by registering them in a mesh that never listens.
import { createMesh } from '@meshwright/core'
import type { Provided } from './answers.ts'
import type { Findings } from './findings.ts'
import type { LoadedPlugin } from './plugins.ts'

/** The names of the core and of the plugins. A plugin that cannot be set up is among the findings. */
export async function collectNames(plugins: readonly LoadedPlugin[], findings: Findings): Promise<readonly Provided[]> {
  // As a mesh of the command is made: without what only Fastify's own routes use.
  const app = createMesh({ replyProxy: false })
  try {
    for (const { plugin, options } of plugins) await app.register(plugin, options)
    await app.ready()
    return app.mesh.provided()
  } catch (error) {
    findings.add('MW1202', [], `a plugin cannot be set up: ${error instanceof Error ? error.message : String(error)}`)
    return []
  } finally {
    await app.close()
  }
}
