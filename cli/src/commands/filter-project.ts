// The project of a WASM filter: where its source is, and where its module goes.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { failure, usage } from './exit.ts'

export interface FilterPlaces {
  /** Default: the working directory. */
  readonly directory?: string
  /** The file with the filter, from the folder. Default `assembly/index.ts`. */
  readonly entry?: string
  /** The module, from the folder. Default: what package.json exports as `./filter.wasm`, else `build/<name>.wasm`. */
  readonly output?: string
}

export interface FilterProject {
  /** Full path. */
  readonly folder: string
  /** From the folder, with slashes. */
  readonly entry: string
  /** Full path. */
  readonly output: string
}

interface Manifest {
  readonly name?: unknown
  readonly exports?: unknown
}

/** What packages of filters are called before the filter's own name. */
export const packagePrefix = 'meshwright-wasm-'

/** @throws CommandFailure if there is no filter */
export function findProject({ directory = '.', entry = 'assembly/index.ts', output }: FilterPlaces): FilterProject {
  const folder = path.resolve(directory)
  const source = path.resolve(folder, entry)
  const inside = path.relative(folder, source).split(path.sep).join('/')
  if (inside.startsWith('../') || path.isAbsolute(inside)) throw usage(`${entry} is not in ${shown(folder)}: name the folder with --directory`)
  if (!existsSync(source)) throw failure(`there is no filter in ${shown(folder)}: ${inside} is missing. Write a first one with: meshwright filter new <name>`)
  return { folder, entry: inside, output: path.resolve(folder, output ?? outputOf(folder)) }
}

function outputOf(folder: string): string {
  const { name, exports } = readManifest(folder)
  const exported = typeof exports === 'object' && exports !== null ? (exports as Readonly<Record<string, unknown>>)['./filter.wasm'] : undefined
  if (typeof exported === 'string') return exported
  const last = typeof name === 'string' ? (name.split('/').at(-1) ?? '') : ''
  return `build/${last.replace(packagePrefix, '') || path.basename(folder) || 'filter'}.wasm`
}

function readManifest(folder: string): Manifest {
  const file = path.join(folder, 'package.json')
  if (!existsSync(file)) return {}
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) ?? {}) as Manifest
  } catch (error) {
    throw failure(`${shown(file)} is not valid: ${(error as Error).message}`)
  }
}

/** A path for people: from the working directory where that is short. */
export function shown(file: string): string {
  const near = path.relative('.', file)
  return near === '' ? 'this folder' : near.startsWith('..') ? file : near
}
