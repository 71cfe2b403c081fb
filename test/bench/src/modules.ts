// Makes the WASM modules that are measured, from their sources in ../assembly.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FilterCompiler, formatDiagnostic } from '@meshwright/filter-sdk'
import wabt from 'wabt'

/** Files of the same filter: written with the SDK, and by hand. */
export interface Modules {
  readonly sdk: string
  readonly byHand: string
}

const sourceOf = (name: string): string => readFileSync(new URL(`../assembly/${name}`, import.meta.url), 'utf8')

/** Makes them in a directory. @throws Error with what a compiler says */
export async function makeModules(directory: string): Promise<Modules> {
  const modules = { sdk: join(directory, 'sdk.wasm'), byHand: join(directory, 'by-hand.wasm') }
  writeFileSync(modules.sdk, await withSdk())
  writeFileSync(modules.byHand, (await wabt()).parseWat('by-hand.wat', sourceOf('by-hand.wat')).toBinary({}).buffer)
  return modules
}

async function withSdk(): Promise<Uint8Array> {
  await using compiler = new FilterCompiler()
  const { wasm, diagnostics } = await compiler.compile({ files: { 'assembly/index.ts': sourceOf('index.ts') } })
  if (wasm === undefined) throw new Error(diagnostics.map(formatDiagnostic).join('\n'))
  return wasm
}
