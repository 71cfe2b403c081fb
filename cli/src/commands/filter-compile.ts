// Compiles a filter for a command: writes the module, and prints what the compiler has to say.
import { createHash } from 'node:crypto'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { paintFor, printProblem, type Printable } from '../config/print.ts'
import { failure } from './exit.ts'
import { shown, type FilterProject } from './filter-project.ts'
import type { Compiler, Diagnostic } from './filter-sdk.ts'

export interface BuildOptions {
  /** `build`: as fast as it can be made; `dev`: made fast. */
  readonly mode: 'build' | 'dev'
  /** Keep names of functions, and write a source map beside the module. */
  readonly debug: boolean
}

export interface Built {
  /** Full path of the module. */
  readonly file: string
  readonly bytes: number
  readonly sha256: string
  readonly tookMs: number
  /** Files it was made of, from the project's folder. */
  readonly files: readonly string[]
  readonly diagnostics: readonly Diagnostic[]
}

/** What was compiled when there were errors. */
export interface NotBuilt extends Pick<Built, 'files' | 'diagnostics'> {
  readonly file: undefined
}

/** Compiles and writes. What is wrong with the filter is in the diagnostics; nothing is written then. */
export async function buildFilter(project: FilterProject, compiler: Compiler, { mode, debug }: BuildOptions): Promise<Built | NotBuilt> {
  const startedMs = performance.now()
  const { folder, entry, output } = project
  const { wasm, sourceMap, diagnostics, files } = await compiler.compile({ folder, entry, mode, sourceMap: debug })
  if (wasm === undefined) return { file: undefined, diagnostics, files }
  await writeWhole(output, wasm)
  if (sourceMap !== undefined) await writeWhole(`${output}.map`, sourceMap)
  const sha256 = createHash('sha256').update(wasm).digest('hex')
  return { file: output, bytes: wasm.byteLength, sha256, tookMs: performance.now() - startedMs, diagnostics, files }
}

/** The compiler takes seconds to get warm: says on standard error what is waited for. */
export function sayCompiling({ entry, folder }: FilterProject): void {
  console.error(`compiling ${shown(path.resolve(folder, entry))} …`)
}

/** By renaming: a mesh that reads it at this moment has the old one or the new one. */
async function writeWhole(file: string, content: Uint8Array | string): Promise<void> {
  const beside = `${file}.${process.pid}.tmp`
  try {
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(beside, content)
    await rename(beside, file)
  } catch (error) {
    // What is told is why it could not be written, not what else went wrong with its rest.
    await rm(beside, { force: true }).catch(() => {})
    throw failure(`${shown(file)} cannot be written: ${(error as Error).message}`)
  }
}

/** Prints them with the lines they are about, on standard error, and how many errors there are. */
export function showDiagnostics(diagnostics: readonly Diagnostic[], folder: string): void {
  const told = diagnostics.filter(({ severity }) => severity !== 'info')
  if (told.length === 0) return
  const paint = paintFor(process.stderr)
  for (const diagnostic of told) console.error(printProblem(toPrintable(diagnostic, folder), paint))
  const errors = told.filter(({ severity }) => severity === 'error').length
  const warnings = told.length - errors
  console.error([errors > 0 && counted(errors, 'error'), warnings > 0 && counted(warnings, 'warning')].filter(Boolean).join(', '))
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function toPrintable({ code, severity, message, file, line, column, length, source }: Diagnostic, folder: string): Printable {
  return {
    code,
    level: severity === 'error' ? 'error' : 'warning',
    message,
    file: file === undefined ? shown(folder) : shown(path.resolve(folder, file)),
    ...(line > 0 && { position: { line, column, endColumn: column + length, text: source } }),
    path: [],
    where: '',
    related: [],
  }
}

/** `12.3 KB`. */
export function sizeText(bytes: number): string {
  if (bytes < 1_024) return `${bytes} bytes`
  return bytes < 1_048_576 ? `${(bytes / 1_024).toFixed(1)} KB` : `${(bytes / 1_048_576).toFixed(1)} MB`
}

/** `230 ms`, `1.4 s`. */
export function timeText(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`
}
