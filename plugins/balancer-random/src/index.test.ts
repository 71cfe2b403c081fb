// The balancer by its name, in a mesh.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createMesh } from '@meshwright/core'
import { expect, onTestFinished, test } from 'vitest'
import plugin from './index.ts'

async function endpoint(name: string): Promise<string> {
  const server = createServer((_request, response) => response.end(name)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('a service names it, and its endpoints share the requests', async () => {
  const app = createMesh()
  onTestFinished(async () => app.close())
  await app.register(plugin)
  const endpoints = [{ address: await endpoint('a'), weight: 2 }, { address: await endpoint('b') }]
  await app.mesh.service('users', { endpoints, balancer: 'random' })
  app.mesh.route('/*', 'users')
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const answers = await Promise.all(Array.from({ length: 60 }, async () => (await fetch(url)).text()))
  expect([...new Set(answers)].toSorted()).toEqual(['a', 'b'])
})

test('an option that is none is refused with its name', async () => {
  const app = createMesh()
  onTestFinished(async () => app.close())
  await app.register(plugin)
  await expect(app.mesh.service('users', { endpoints: [], balancer: { random: { choises: 3 } } })).rejects.toThrow(/"random" of service "users".*choises/)
})
