// What editors say of the shipped filters: nothing.
import { execFile } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { shippedFilters } from './shipped.ts'

const root = path.join(import.meta.dirname, '..', '..', '..')

test('the type checker of editors agrees with the filters', { timeout: 60_000 }, async () => {
  const folder = path.join(root, '.cache', `editor-${process.pid}`)
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const { name, folder: filter } of shippedFilters()) {
    mkdirSync(path.join(folder, name), { recursive: true })
    writeFileSync(path.join(folder, name, 'tsconfig.json'), JSON.stringify({ extends: '@meshwright/filter-sdk/assembly.json', include: [path.join(filter, 'assembly')] }))
    const { stdout } = await promisify(execFile)(path.join(root, 'node_modules', '.bin', 'tsc'), ['--noEmit', '-p', path.join(folder, name)]).catch((error: { stdout: string }) => error)
    expect(stdout).toBe('')
  }
})
