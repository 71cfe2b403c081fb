// The filters that are shipped: where they are, and how they are built.
import { existsSync, globSync } from 'node:fs'
import path from 'node:path'
import { formatDiagnostic, type FilterCompiler } from '@meshwright/filter-sdk'

const filters = path.join(import.meta.dirname, '..', '..')

export interface ShippedFilter {
  readonly name: string
  /** The folder of its package. */
  readonly folder: string
  /** The module that is in the package. */
  readonly file: string
}

/** Every folder beside this one with an assembly/index.ts that is a filter. */
export function shippedFilters(): ShippedFilter[] {
  return globSync('*/assembly/index.ts', { cwd: filters })
    .map((file) => path.dirname(path.dirname(file)))
    .filter((name) => name !== 'sdk' && existsSync(path.join(filters, name, 'package.json')))
    .toSorted()
    .map((name) => ({ name, folder: path.join(filters, name), file: path.join(filters, name, `${name}.wasm`) }))
}

/** @throws Error with what the compiler says */
export async function buildShipped({ folder }: ShippedFilter, compiler: FilterCompiler): Promise<Uint8Array<ArrayBuffer>> {
  const { wasm, diagnostics } = await compiler.compile({ folder })
  if (wasm === undefined || diagnostics.length > 0) throw new Error(diagnostics.map(formatDiagnostic).join('\n'))
  return wasm
}
