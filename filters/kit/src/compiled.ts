// Filters compiled from a text, once for each text and test file.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { FilterCompiler, formatDiagnostic } from '@meshwright/filter-sdk'
import { onTestFinished } from 'vitest'

const compiler = new FilterCompiler()
const known = new Map<string, Promise<Uint8Array<ArrayBuffer>>>()

/** The module made of a filter's source. @throws Error with what the compiler says */
export function compiled(source: string, mode: 'build' | 'dev' = 'dev'): Promise<Uint8Array<ArrayBuffer>> {
  const made = known.get(source) ?? compile(source, mode)
  known.set(source, made)
  return made
}

async function compile(source: string, mode: 'build' | 'dev'): Promise<Uint8Array<ArrayBuffer>> {
  const { wasm, diagnostics } = await compiler.compile({ mode, files: { 'assembly/index.ts': source } })
  if (wasm === undefined) throw new Error(diagnostics.map(formatDiagnostic).join('\n'))
  return wasm
}

/** A file with the module in it, while the test runs. */
export function moduleFile(bytes: Uint8Array): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'meshwright-filter-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'filter.wasm')
  writeFileSync(file, bytes)
  return file
}
