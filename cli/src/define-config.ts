// For mesh.config.ts: gives the configuration its type.
import type { MeshSpec } from '@meshwright/core'

/** Returns what it is given; its use is that editors complete and check what stands between its parentheses. */
export function defineConfig(spec: MeshSpec): MeshSpec {
  return spec
}
