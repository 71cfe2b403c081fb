// Compiles a filter in memory: sources in, module and diagnostics out. Heavy and synchronous at heart: see FilterCompiler.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import * as asc from 'assemblyscript/asc'
import { toDiagnostic, type Diagnostic, type RawDiagnostic } from './diagnostic.ts'
import { sdkName, startPath } from './entry.ts'
import { foreignImports } from './standard-imports.ts'
import { FilterTransform } from './transform.ts'
import { sayHowItIsWritten } from './wrong-signature.ts'

export interface CompileOptions {
  /** The folder that the paths of diagnostics and messages are relative to. Default: the working directory. */
  readonly folder?: string
  /** The file with the filter, relative to the folder. Default `assembly/index.ts`. */
  readonly entry?: string
  /** `filter`: a module for hosts; `functions`: what the entry exports, for `@assemblyscript/loader` in unit tests. Default `filter`. */
  readonly kind?: 'filter' | 'functions'
  /** `build`: as fast as it can be made; `dev`: made fast, runs some percent slower. Default `build`. */
  readonly mode?: 'build' | 'dev'
  /** Make a source map, and keep names of functions. Default false. */
  readonly sourceMap?: boolean
  /** Texts in place of files, by path relative to the folder, with slashes. */
  readonly files?: Readonly<Record<string, string>>
}

export interface Compiled {
  /** Undefined: there are errors. */
  readonly wasm: Uint8Array<ArrayBuffer> | undefined
  /** JSON with the sources' texts in it. */
  readonly sourceMap: string | undefined
  /** Errors and warnings. */
  readonly diagnostics: readonly Diagnostic[]
  /** Files that were read, relative to the folder; whoever watches them compiles again when one changes. */
  readonly files: readonly string[]
}

const assembly = fileURLToPath(new URL('../assembly/', import.meta.url))
/** "Only variables, functions and enums become WebAssembly module exports": said of every filter class. */
const ignored: readonly number[] = [235]
const errorCategory = 3
const out = 'filter.wasm'
const start = `${startPath}.ts`
const forFilter: readonly string[] = [start, '--exportStart', '_initialize', '--use', `abort=~lib/${sdkName}/abort/onAbort`, '--use', `seed=~lib/${sdkName}/host/seed`]

/** Never throws for what is wrong with the filter. */
export async function compile({ folder = '.', entry = 'assembly/index.ts', kind = 'filter', mode = 'build', sourceMap = false, files = {} }: CompileOptions): Promise<Compiled> {
  const sources = new Sources(path.resolve(folder), files)
  const name = entry.replaceAll('\\', '/').replace(/^\.\//, '')
  if (sources.read(name) === undefined) return failed([missing(name)])
  const written = new Map<string, string | Uint8Array>()
  const raw: RawDiagnostic[] = []
  const { error } = await asc.main([...(kind === 'filter' ? forFilter : [name, '--exportRuntime']), ...argumentsFor(mode, sourceMap)], {
    stdout: asc.createMemoryStream(),
    stderr: asc.createMemoryStream(),
    readFile: (file) => (file === start ? `import './${name.replace(/\.ts$/, '')}'\n` : (sources.read(file) ?? null)),
    writeFile: (file, data) => void written.set(file, data),
    listFiles: () => [],
    transforms: kind === 'filter' ? [new FilterTransform() as never] : [],
    reportDiagnostic: (diagnostic) => raw.push(diagnostic),
  })
  const textOf = (file: string): string | undefined => sources.read(file)
  const diagnostics = sayHowItIsWritten(raw.filter(isWorthSaying), textOf).map((one) => toDiagnostic(one, textOf))
  const wasm = written.get(out) as Uint8Array<ArrayBuffer> | undefined
  if (error !== null || wasm === undefined) return failed(diagnostics.some(({ severity }) => severity === 'error') ? diagnostics : [...diagnostics, crashed(error)], sources.used)
  const texts = (): [string, string][] => sources.used.map((file) => [file, sources.read(file) ?? ''])
  const foreign = kind === 'filter' ? foreignImports(wasm, texts) : []
  if (foreign.length > 0) return failed([...diagnostics, ...foreign], sources.used)
  return { wasm, sourceMap: written.get(`${out}.map`) as string | undefined, diagnostics, files: sources.used }
}

/** A warning about a library is nothing that the user can do something about. */
function isWorthSaying({ code, category, range }: RawDiagnostic): boolean {
  return category === errorCategory || !(ignored.includes(code) || range?.source?.normalizedPath.startsWith('~lib/') === true)
}

function argumentsFor(mode: 'build' | 'dev', sourceMap: boolean): string[] {
  return ['--outFile', out, '--runtime', 'incremental', mode === 'build' ? '-O3' : '-O0', ...(sourceMap ? ['--sourceMap', '--debug'] : [])]
}

/** The files of a compilation: the user's, and those of the SDK, which is found without being installed beside the filter. */
class Sources {
  readonly #folder: string
  readonly #texts = new Map<string, string | undefined>()

  constructor(folder: string, files: Readonly<Record<string, string>>) {
    this.#folder = folder
    for (const [file, text] of Object.entries(files)) this.#texts.set(file, text)
  }

  get used(): string[] {
    return [...this.#texts].filter(([file, text]) => text !== undefined && !isSdk(file)).map(([file]) => file)
  }

  read(file: string): string | undefined {
    const name = file.replaceAll('\\', '/').replace(/^~lib\//, 'node_modules/')
    if (!this.#texts.has(name)) this.#texts.set(name, this.#load(name))
    return this.#texts.get(name)
  }

  #load(name: string): string | undefined {
    const sdk = new RegExp(`^node_modules/${sdkName}/(.*)$`).exec(name)?.[1]
    try {
      return readFileSync(sdk === undefined ? path.resolve(this.#folder, name) : path.join(assembly, sdk), 'utf8')
    } catch (error) {
      if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
      throw error
    }
  }
}

function isSdk(file: string): boolean {
  return file.startsWith(`node_modules/${sdkName}/`)
}

function failed(diagnostics: readonly Diagnostic[], files: readonly string[] = []): Compiled {
  return { wasm: undefined, sourceMap: undefined, diagnostics, files }
}

function missing(file: string): Diagnostic {
  return { code: 'MW3', severity: 'error', message: `there is no file ${file}`, file: undefined, line: 0, column: 0, length: 0, source: '' }
}

function crashed(error: Error | null): Diagnostic {
  return { code: 'MW4', severity: 'error', message: `the compiler failed: ${error?.message ?? 'it made no module'}`, file: undefined, line: 0, column: 0, length: 0, source: '' }
}
