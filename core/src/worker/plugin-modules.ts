// Finds and imports the plugins of a mesh: the same modules, in the same order, in every thread.
import { createRequire } from 'node:module'
import { isAbsolute, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { MeshError } from '../errors.ts'
import type { MeshApp } from '../mesh.ts'
import { isPlugin, type MeshPlugin } from '../plugin.ts'
import type { MeshSpec } from '../spec.ts'

/** A plugin by the place of its module, so that every thread can import it. */
export interface PluginModule {
  /** A `file:` URL, an absolute path, a path that starts with `.`, or a package. Its default export is made by definePlugin. */
  readonly module: string
  /** Plain data: it crosses threads. */
  readonly options?: Readonly<Record<string, unknown>> | undefined
}

/** A plugin that was found. Plain data. */
export interface FoundPlugin {
  readonly url: string
  readonly options: Readonly<Record<string, unknown>>
}

/** The given plugins, then those that the spec names; one module once, with the options that were named last. */
export function findPlugins(given: readonly (string | PluginModule)[], spec: MeshSpec, baseUrl: string): FoundPlugin[] {
  const named = (spec.plugins ?? []).map((plugin) => (typeof plugin === 'string' ? { module: plugin } : { module: plugin.name, options: plugin.options }))
  const found = new Map<string, FoundPlugin>()
  for (const plugin of [...given, ...named]) {
    const { module, options } = typeof plugin === 'string' ? { module: plugin } : plugin
    const url = locate(module, baseUrl)
    found.set(url, { url, options: options ?? found.get(url)?.options ?? {} })
  }
  return [...found.values()]
}

/** Imports them and registers them with an app. @throws MESH_PLUGIN_SHAPE, and what registering throws */
export async function registerPlugins(app: MeshApp, plugins: readonly FoundPlugin[]): Promise<void> {
  for (const { url, options } of plugins) await app.register(await load(url), options)
}

async function load(url: string): Promise<MeshPlugin> {
  let loaded: { readonly default?: unknown }
  try {
    loaded = (await import(url)) as typeof loaded
  } catch (cause) {
    throw new MeshError('MESH_PLUGIN_SHAPE', `${url} cannot be imported: ${(cause as Error).message}`, cause)
  }
  if (isPlugin(loaded.default)) return loaded.default
  throw new MeshError('MESH_PLUGIN_SHAPE', `the default export of ${url} was not made by definePlugin`)
}

function locate(module: string, baseUrl: string): string {
  if (/^(?:file|data|node):/.test(module)) return module
  if (isAbsolute(module)) return pathToFileURL(module).href
  if (module.startsWith('.')) return pathToFileURL(resolve(fileURLToPath(new URL('.', baseUrl)), module)).href
  try {
    return pathToFileURL(createRequire(baseUrl).resolve(module)).href
  } catch (cause) {
    throw new MeshError('MESH_PLUGIN_SHAPE', `the plugin "${module}" is not installed beside ${baseUrl}`, cause)
  }
}
