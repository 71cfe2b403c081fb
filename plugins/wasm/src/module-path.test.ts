// Where modules are found.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { modulePath } from './module-path.ts'

/** A folder with packages in it, each with what it exports. */
function folderWith(packages: Readonly<Record<string, unknown>>): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'meshwright-modules-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const [name, exports] of Object.entries(packages)) {
    const own = path.join(folder, 'node_modules', name)
    mkdirSync(own, { recursive: true })
    writeFileSync(path.join(own, 'package.json'), JSON.stringify({ name, exports }))
    writeFileSync(path.join(own, 'mine.wasm'), '')
  }
  return folder
}

test('a path is a path from the working directory', () => {
  expect(modulePath('./build/auth.wasm', '/srv')).toBe(path.resolve('/srv/build/auth.wasm'))
  expect(modulePath('/opt/auth.wasm', '/srv')).toBe(path.resolve('/opt/auth.wasm'))
})

test('a package is asked for what it exports as its filter', () => {
  const folder = folderWith({ '@scope/mine': { './filter.wasm': './mine.wasm' } })
  expect(modulePath('npm:@scope/mine', folder)).toBe(path.join(folder, 'node_modules/@scope/mine/mine.wasm'))
})

test('a package that is not there, or has no filter, is refused by name', () => {
  const folder = folderWith({ other: { './x.wasm': './mine.wasm' } })
  expect(() => modulePath('npm:absent', folder)).toThrow(`the package "absent" is not installed for ${folder}`)
  expect(() => modulePath('npm:other', folder)).toThrow('the package "other" exports no ./filter.wasm')
})
