// The filter by its name, in a mesh.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createMesh } from '@meshwright/core'
import { expect, onTestFinished, test } from 'vitest'
import plugin from './index.ts'

test('a route names it, and its endpoint is told the time', async () => {
  const server = createServer((request, response) => response.end(request.headers['x-patience'])).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const app = createMesh()
  onTestFinished(async () => app.close())
  await app.register(plugin)
  await app.mesh.service('users', { endpoints: [`127.0.0.1:${(server.address() as AddressInfo).port}`] })
  app.mesh.route('/*', 'users', { filters: [{ deadline: { headers: ['x-patience'], maxMs: 5000 } }] })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const told = Number(await (await fetch(url, { headers: { 'x-patience': '60000' } })).text())
  expect(told).toBeGreaterThan(1000)
  expect(told).toBeLessThanOrEqual(5000)
})

test('an option that is none is refused with its name', async () => {
  const app = createMesh()
  onTestFinished(async () => app.close())
  await app.register(plugin)
  expect(() => app.mesh.filter({ deadline: { header: 'x' } })).toThrow(/"deadline".*header/)
  expect(() => app.mesh.filter({ deadline: { trustedPeers: ['nobody'] } })).toThrow(/nobody/)
})
