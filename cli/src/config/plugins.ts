// Finds and loads the plugins of a configuration: those every mesh has, and those the file names.
import { createRequire } from 'node:module'
import { existsSync } from 'node:fs'
import { dirname, isAbsolute, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { isPlugin, type MeshPlugin } from '@meshwright/core'
import { defaultPlugins } from '../default-plugins.ts'
import type { Findings } from './findings.ts'
import type { ValuePath } from './problems.ts'
import { asMap, asText, below, elements } from './values.ts'

/** A plugin that is to be registered. */
export interface PluginRef {
  /** Package or file, as it was named. */
  readonly name: string
  readonly options: Readonly<Record<string, unknown>>
  /** Where the module is, so that other threads can import it too. */
  readonly url: string
  /** Every mesh of the command has it; the file need not name it. */
  readonly isDefault: boolean
}

/** A plugin in this thread. */
export interface LoadedPlugin extends PluginRef {
  readonly plugin: MeshPlugin
}

const here = import.meta.url

/** The default plugins and those of the file, loaded. What cannot be loaded is among the findings. */
export async function loadPlugins(file: string, root: unknown, findings: Findings): Promise<LoadedPlugin[]> {
  const usual = defaultPlugins.map((name) => loadOne(name, {}, here, undefined, findings))
  const base = pathToFileURL(resolve(file)).href
  const named = elements(below({ path: [], value: root }, 'plugins')).map(({ value, path }) => {
    const place = typeof value === 'string' ? path : [...path, 'name']
    const name = asText(value) ?? asText(asMap(value)['name'])
    return name === undefined || name === '' ? undefined : loadOne(name, asMap(asMap(value)['options']), base, place, findings)
  })
  return oncePerModule((await Promise.all([...usual, ...named])).filter((loaded) => loaded !== undefined))
}

/** A file may name a default plugin to give it options: what is named last counts, as in the core. */
function oncePerModule(plugins: readonly LoadedPlugin[]): LoadedPlugin[] {
  return [...new Map(plugins.map((plugin) => [plugin.url, plugin])).values()]
}

async function loadOne(name: string, options: PluginRef['options'], base: string, path: ValuePath | undefined, findings: Findings): Promise<LoadedPlugin | undefined> {
  try {
    const url = locate(name, base)
    const plugin = ((await import(url)) as { default?: unknown }).default
    if (isPlugin(plugin)) return { name, options, url, isDefault: base === here, plugin }
    findings.add('MW1202', path ?? [], `the default export of "${name}" is no plugin: make it with definePlugin`)
  } catch (error) {
    findings.add('MW1202', path ?? [], `the plugin "${name}" cannot be loaded: ${reasonOf(error)}`)
  }
  return undefined
}

/** Beside the configuration first, then beside the command. */
function locate(name: string, base: string): string {
  if (name.startsWith('.') || isAbsolute(name)) return pathToFileURL(resolve(dirname(fileURLToPath(base)), name)).href
  for (const from of [base, here]) {
    const found = resolveFrom(name, from)
    if (found !== undefined) return found
  }
  return import.meta.resolve(name)
}

function resolveFrom(name: string, from: string): string | undefined {
  try {
    const found = createRequire(from).resolve(name)
    return existsSync(found) ? pathToFileURL(found).href : undefined
  } catch {
    // Not there, or for `import` only: the next place is asked, and at the end Node itself, whose error is shown.
    return undefined
  }
}

function reasonOf(error: unknown): string {
  if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return 'it is not installed'
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
}
