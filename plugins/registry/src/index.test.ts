// The door: the discovery by its name and by value, the side it is asked on, and a file that outlives a mesh.
import { createMesh } from '@meshwright/core'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import plugin, { registryDiscovery } from './index.ts'
import { endpoint, eventually, startRun } from './run.test.kit.ts'

function newFile(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'registry-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return path.join(folder, 'registry.db')
}

test.each([0, 2])('a mesh that closes leaves its file to the next one (workers: %i)', async (workers) => {
  const file = newFile()
  const { address } = await endpoint('books')
  const first = await startRun({ workers }, { file })
  await first.api('/instances', { body: { service: 'catalog', address } })
  await first.mesh.close()
  const second = await startRun({ workers }, { file })
  expect(await (await fetch(second.url)).text()).toBe('books')
  expect(second.told).toContainEqual(expect.objectContaining({ text: 'the registry is open', details: { file, instances: 1, revision: 1 } }))
})

test('a mesh that asks nothing of the registry opens no file', async () => {
  const run = await startRun({ services: {}, routes: [] }, { file: '/dev/null/registry.db' })
  expect(run.told.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([])
})

test('a service goes by its name in the registry, whatever it is called here', async () => {
  const run = await startRun({ services: { books: { discovery: { registry: { service: 'catalog' } } } }, routes: [{ to: 'books' }] })
  const { address } = await endpoint('books')
  await run.api('/instances', { body: { service: 'catalog', address } })
  await eventually(async () => expect(await (await fetch(run.url)).text()).toBe('books'))
})

test('a registry elsewhere is followed by value', async () => {
  const run = await startRun()
  const { address } = await endpoint('books')
  await run.api('/instances', { body: { service: 'catalog', address } })
  const app = createMesh({ logger: false })
  onTestFinished(async () => app.close())
  await app.mesh.service('catalog', { discovery: registryDiscovery({ url: run.adminUrl }, app.mesh) })
  app.mesh.route('/*', 'catalog')
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  expect(await (await fetch(url)).text()).toBe('books')
})

test('wrong options are refused with their names', async () => {
  const app = createMesh({ logger: false })
  onTestFinished(async () => app.close())
  await app.register(plugin)
  await expect(app.mesh.service('a', { discovery: { registry: { url: 'catalog' } } })).rejects.toThrow(/"registry" of service "a".*url/)
  await expect(app.mesh.service('a', { discovery: { registry: { name: 'x' } } })).rejects.toThrow(/name/)
  expect(() => registryDiscovery({})).toThrow('url is missing')
})

test('a plugin option that is wrong stops the mesh at boot', async () => {
  await expect(startRun({}, { token: 'short' })).rejects.toThrow(/plugin @meshwright\/registry.*token/)
  await expect(startRun({}, { tokenFile: '/nowhere/tokens' })).rejects.toThrow('ENOENT')
})
