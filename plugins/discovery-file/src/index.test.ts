// The discovery by its name, in a mesh.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createMesh } from '@meshwright/core'
import { expect, onTestFinished, test, vi } from 'vitest'
import plugin from './index.ts'

async function endpoint(name: string): Promise<string> {
  const server = createServer((_request, response) => response.end(name)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('requests go to the endpoints in the file, and to others when the file names others', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'discovery-file-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'endpoints.yaml')
  const [first, second] = [await endpoint('first'), await endpoint('second')]
  writeFileSync(file, `- ${first}\n`)
  const app = createMesh()
  onTestFinished(async () => app.close())
  await app.register(plugin)
  await app.mesh.service('users', { discovery: { file: { path: file, debounceMs: 1 } } })
  app.mesh.route('/*', 'users')
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  expect(await (await fetch(url)).text()).toBe('first')
  writeFileSync(`${file}.new`, `- ${second}\n`)
  renameSync(`${file}.new`, file)
  await vi.waitFor(async () => expect(await (await fetch(url)).text()).toBe('second'), { timeout: 30_000 })
})

test('a missing path is refused with the name of the service', async () => {
  const app = createMesh()
  onTestFinished(async () => app.close())
  await app.register(plugin)
  await expect(app.mesh.service('users', { discovery: { file: {} } })).rejects.toThrow(/"file" of service "users".*path/)
})
