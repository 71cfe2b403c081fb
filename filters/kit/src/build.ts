// Builds the modules of the shipped filters, all or some: npm run filters -- [name...]
import { writeFileSync } from 'node:fs'
import { FilterCompiler } from '@meshwright/filter-sdk'
import { buildShipped, shippedFilters } from './shipped.ts'

const names = process.argv.slice(2)
await using compiler = new FilterCompiler()
for (const filter of shippedFilters().filter(({ name }) => names.length === 0 || names.includes(name))) {
  const wasm = await buildShipped(filter, compiler)
  writeFileSync(filter.file, wasm)
  process.stdout.write(`${filter.name}: ${wasm.byteLength} bytes\n`)
}
