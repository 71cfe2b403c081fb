// Where a module is: a path, or a package that brings one.
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { MeshError } from '@meshwright/core'

const prefix = 'npm:'

/**
 * The file of a module. `npm:name` is what the package `name`, installed for the working directory, exports as `./filter.wasm`.
 * @throws MESH_WASM_REFUSED if there is no such package, or no module in it
 */
export function modulePath(module: string, folder: string = process.cwd()): string {
  if (!module.startsWith(prefix)) return resolve(folder, module)
  const name = module.slice(prefix.length)
  try {
    return createRequire(join(folder, 'mesh.yaml')).resolve(`${name}/filter.wasm`)
  } catch (thrown) {
    const { code } = thrown as { readonly code?: string }
    const why = code === 'ERR_PACKAGE_PATH_NOT_EXPORTED' ? 'exports no ./filter.wasm' : `is not installed for ${folder}`
    throw new MeshError('MESH_WASM_REFUSED', `the package "${name}" ${why}`, thrown)
  }
}
