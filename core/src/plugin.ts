// What a plugin is: a Fastify plugin that is handed the mesh of the scope it is registered in.
import type { FastifyPluginAsync } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { satisfies } from 'semver'
import type { TSchema } from 'typebox'
import { MeshError } from './errors.ts'
import { checkOptions } from './options.ts'
import type { Mesh } from './scope.ts'
import { coreVersion } from './version.ts'

/** Marks a plugin, also across two copies of this package. */
export const pluginMark: unique symbol = Symbol.for('meshwright.plugin') as never

/** What a plugin says of itself. */
export interface PluginMeta {
  /** The package's name; every error of the plugin carries it. */
  readonly name: string
  /** The versions of `@meshwright/core` it was made for, as a semver range. */
  readonly mesh: string
  /** Schema of its options; checked when it is registered. */
  readonly options?: TSchema
}

/** A plugin: give it to `app.register`. */
export type MeshPlugin<Options extends object = object> = FastifyPluginAsync<Options> & { readonly [pluginMark]: PluginMeta }

/**
 * Defines a plugin.
 * @param setup called once per registration, at boot; may provide names, add filters, make services and routes
 * @returns a Fastify plugin. Registering throws MESH_PLUGIN_VERSION or MESH_BAD_OPTIONS
 */
export function definePlugin<Options extends object = object>(meta: PluginMeta, setup: (mesh: Mesh, options: Options) => void | Promise<void>): MeshPlugin<Options> {
  const plugin: FastifyPluginAsync<Options> = async (app, options) => {
    if (app.mesh === undefined) throw new MeshError('MESH_PLUGIN_SHAPE', `${meta.name} was registered in an app without a mesh; make it with createMesh`)
    if (!satisfies(coreVersion, meta.mesh, { includePrerelease: true })) {
      throw new MeshError('MESH_PLUGIN_VERSION', `${meta.name} is for @meshwright/core ${meta.mesh}, this is ${coreVersion}`)
    }
    await setup(app.mesh, checkOptions<Options>(`plugin ${meta.name}`, meta.options, options))
  }
  const wrapped = fastifyPlugin(plugin, { name: meta.name, fastify: '>=5 <7' })
  return Object.assign(wrapped, { [pluginMark]: meta })
}

/** Is it something {@link definePlugin} made, here or in another copy of this package? */
export function isPlugin(value: unknown): value is MeshPlugin {
  return typeof value === 'function' && pluginMark in value
}
