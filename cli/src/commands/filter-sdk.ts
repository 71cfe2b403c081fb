// Finds the compiler of filters in the project of the user: it is large, and a mesh needs none.
import { existsSync } from 'node:fs'
import { createRequire, findPackageJSON } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { failure } from './exit.ts'
import { shown } from './filter-project.ts'

const sdkName = '@meshwright/filter-sdk'
const compilerName = 'assemblyscript'

/** What the compiler has to say of a place in a source. */
export interface Diagnostic {
  readonly code: string
  readonly severity: 'error' | 'warning' | 'info'
  readonly message: string
  /** From the project's folder; undefined: it is about no file. */
  readonly file: string | undefined
  /** 1-based; 0 without a file. */
  readonly line: number
  readonly column: number
  readonly length: number
  readonly source: string
}

export interface Compiled {
  /** Undefined: there are errors. */
  readonly wasm: Uint8Array | undefined
  readonly sourceMap: string | undefined
  readonly diagnostics: readonly Diagnostic[]
  /** What was read, from the project's folder. */
  readonly files: readonly string[]
}

export interface CompileOptions {
  readonly folder: string
  readonly entry: string
  readonly mode: 'build' | 'dev'
  readonly sourceMap: boolean
}

/** Compiles in a thread of its own, which stays warm. */
export interface Compiler {
  compile(options: CompileOptions): Promise<Compiled>
  close(): Promise<void>
}

/** @throws CommandFailure that says what to install */
export async function createCompiler(folder: string): Promise<Compiler> {
  const base = pathToFileURL(path.join(folder, 'package.json')).href
  const missing = [sdkName, compilerName].filter((name) => !isInstalled(name, base))
  if (missing.length > 0) throw failure(`${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not installed for ${shown(folder)}. Install with: npm install --save-dev ${sdkName} ${compilerName}`)
  const { FilterCompiler } = (await import(pathToFileURL(createRequire(base).resolve(sdkName)).href)) as { FilterCompiler: new () => Compiler }
  return new FilterCompiler()
}

function isInstalled(name: string, base: string): boolean {
  try {
    const manifest = findPackageJSON(name, base)
    return manifest !== undefined && existsSync(manifest)
  } catch {
    // It throws where there is none.
    return false
  }
}
