// The policy by its name, in a mesh.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createMesh, type MeshApp } from '@meshwright/core'
import { expect, onTestFinished, test } from 'vitest'
import plugin from './index.ts'

async function endpoint(...statuses: number[]): Promise<string> {
  const server = createServer((_request, response) => response.writeHead(statuses.shift() ?? 200).end()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function mesh(): Promise<MeshApp> {
  const app = createMesh()
  onTestFinished(async () => app.close())
  await app.register(plugin)
  return app
}

/** The series of a metric that have counted something, as `label,label value`. */
function counted(app: MeshApp, name: string): string[] {
  const family = app.mesh.collect().find((one) => one.name === name)
  return (family?.series ?? []).flatMap((one) => ('value' in one && one.value > 0 ? [`${one.labels.join()} ${one.value}`] : []))
}

test('a service names it, and its further attempts are counted', async () => {
  const app = await mesh()
  await app.mesh.service('users', { endpoints: [await endpoint(503, 200, 503, 503, 503)], retry: { backoff: { attempts: 3, on: ['gateway-error'], baseMs: 0 } } })
  app.mesh.route('/*', 'users')
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  expect([(await fetch(url)).status, (await fetch(url)).status]).toEqual([200, 503])
  expect(counted(app, 'mesh_retries_total')).toEqual(['users,gateway-error 3'])
  expect(counted(app, 'mesh_retries_refused_total')).toEqual(['users,attempts 1'])
})

test('its name alone is enough', async () => {
  const app = await mesh()
  await expect(app.mesh.service('users', { endpoints: [], retry: 'backoff' })).resolves.toBeUndefined()
})

test.each([
  [{ atempts: 3 }, /"backoff" of service "users".*atempts/],
  [{ attempts: 0 }, /"backoff" of service "users".*attempts/],
  [{ on: ['sometimes'] }, /"backoff" of service "users".*on/],
  [{ on: ['retriable-headers'] }, /"backoff" of service "users".*headers is empty/],
  [{ maxMs: 5 }, /"backoff" of service "users".*maxMs/],
  [{ budget: true }, /"backoff" of service "users".*budget/],
  [{ headers: { 'x-again': { regex: '(a+)+' } } }, /headers\.x-again\.regex/],
  [{ rateLimited: { headers: [{ name: 'a', format: 'days' }] } }, /"backoff" of service "users".*format/],
])('%j is refused with the place', async (options, message) => {
  const app = await mesh()
  await expect(app.mesh.service('users', { endpoints: [], retry: { backoff: options } })).rejects.toThrow(message)
})
