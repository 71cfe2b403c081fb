// The modules in the packages are what their sources say.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { FilterCompiler } from '@meshwright/filter-sdk'
import { inspectModule, loadFilter } from '@meshwright/wasm/testing'
import { afterAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { buildShipped, shippedFilters } from './shipped.ts'

const compiler = new FilterCompiler()
/** A build optimises for seconds, on a busy machine for many. */
const slowMs = 120_000

afterAll(async () => compiler.close())

test.each(shippedFilters())('$name is built from its sources, byte for byte', { timeout: slowMs }, async (filter) => {
  const built = await buildShipped(filter, compiler)
  // Comparing digests keeps a failure readable.
  expect((await inspectModule(built)).sha256, `run: npm run filters -- ${filter.name}`).toBe((await inspectModule(new Uint8Array(readFileSync(filter.file)))).sha256)
})

test.each(shippedFilters())('$name is a package that a mesh finds by its name', ({ name, folder }) => {
  const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { name: string; exports: Record<string, unknown>; files: string[] }
  expect(manifest).toMatchObject({ name: `@meshwright/filter-${name}`, exports: { './filter.wasm': `./${name}.wasm` } })
  expect(manifest.files).toContain(`${name}.wasm`)
})

test.each(shippedFilters())('$name starts with the configuration of its README, found by the name of its package', async ({ folder }) => {
  const [, text = ''] = /```yaml\n(.*?)```/s.exec(readFileSync(path.join(folder, 'README.md'), 'utf8')) ?? []
  const { routes } = parse(text) as { routes: [{ filters: [{ wasm: { module: string; configuration: unknown; fuelMs?: number } }] }] }
  const { module, ...options } = routes[0].filters[0].wasm
  const filter = await loadFilter(module, options)
  expect(filter.logs.filter(({ level }) => level === 'error')).toEqual([])
})
