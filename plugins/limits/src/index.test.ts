// The limits by their name, in a mesh.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createMesh } from '@meshwright/core'
import { expect, onTestFinished, test } from 'vitest'
import plugin from './index.ts'

test('a service names them, and what they refuse is counted', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void (server.close(), server.closeAllConnections()))
  await once(server, 'listening')
  const app = createMesh({ drainMs: 50 })
  onTestFinished(async () => app.close())
  await app.register(plugin)
  await app.mesh.service('users', { endpoints: [`127.0.0.1:${(server.address() as AddressInfo).port}`], admission: [{ limits: { requests: 1 } }] })
  app.mesh.route('/*', 'users')
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const leaving = new AbortController()
  const left = fetch(url, { signal: leaving.signal }).catch((error: unknown) => error)
  await once(server, 'request')
  const { status, headers } = await fetch(url)
  expect([status, headers.get('x-envoy-overloaded')]).toEqual([503, 'true'])
  const family = app.mesh.collect().find(({ name }) => name === 'mesh_limits_refused_total')
  expect(family?.series).toContainEqual({ labels: ['users', 'requests'], value: 1 })
  leaving.abort()
  expect(await left).toBeInstanceOf(Error)
})

test('an option that is none is refused with its name', async () => {
  const app = createMesh()
  onTestFinished(async () => app.close())
  await app.register(plugin)
  await expect(app.mesh.service('users', { endpoints: [], admission: [{ limits: { request: 3 } }] })).rejects.toThrow(/"limits" of service "users".*request/)
})
