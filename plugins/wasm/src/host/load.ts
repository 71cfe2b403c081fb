// Loads a module: reads it, checks that it is the right one, meters it, compiles it, once for all that use it.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { meter } from '../meter/meter.ts'
import { RefusedModule } from '../meter/refused-module.ts'
import { abis } from './abis.ts'

/** A module that may be instantiated. */
export interface LoadedModule {
  /** Two modules with the same key are the same code with the same limits. */
  readonly key: string
  readonly module: WebAssembly.Module
  /** Of the file as it is. Lower-case hex. */
  readonly sha256: string
  /** The name of the export that says which ABI it speaks. */
  readonly abi: string
  readonly exports: ReadonlySet<string>
}

export interface LoadOptions {
  readonly maxPages: number
  readonly startFuel: number
  /** See {@link meter}. Default true. */
  readonly charges?: boolean
  /** Hex; anything else is refused. */
  readonly sha256?: string | undefined
}

/** Compiled modules by content and limits: two filters of one file share the code. */
const cache = new Map<string, LoadedModule>()
const maxCached = 64

const reasons: Readonly<Record<string, string>> = { ENOENT: 'there is no such file; relative paths begin at the working directory', EISDIR: 'it is a folder', EACCES: 'permission denied' }

/** @throws RefusedModule, also for a file that cannot be read */
export function loadFile(path: string, options: LoadOptions): LoadedModule {
  return loadBytes(read(path), options)
}

function read(path: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(readFileSync(path))
  } catch (thrown) {
    const { code = '', message } = thrown as NodeJS.ErrnoException
    throw new RefusedModule(reasons[code] ?? message)
  }
}

/** @throws RefusedModule */
export function loadBytes(bytes: Uint8Array<ArrayBuffer>, options: LoadOptions): LoadedModule {
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  if (options.sha256 !== undefined && options.sha256.toLowerCase() !== sha256) throw new RefusedModule(`the module's sha256 is ${sha256}, not ${options.sha256}`)
  const key = `${sha256} ${options.maxPages} ${options.startFuel} ${options.charges ?? true}`
  const known = cache.get(key)
  if (known !== undefined) return known
  const module = new WebAssembly.Module(meter(bytes, options))
  const exported = WebAssembly.Module.exports(module).map(({ name }) => name)
  const abi = exported.find((name) => abis.includes(name))
  if (abi === undefined) throw new RefusedModule(`the module says nothing of a proxy-wasm ABI: it exports none of ${abis.join(', ')}`)
  const loaded = { key, module, sha256, abi, exports: new Set(exported) }
  if (cache.size >= maxCached) cache.delete(cache.keys().next().value as string)
  cache.set(key, loaded)
  return loaded
}
