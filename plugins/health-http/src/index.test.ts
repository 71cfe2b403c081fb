// The health check by its name, in a mesh.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createMesh } from '@meshwright/core'
import { expect, onTestFinished, test, vi } from 'vitest'
import plugin from './index.ts'

const patient = { timeout: 30_000 }

/** An endpoint that is ill as long as `isIll`. */
async function endpoint(name: string): Promise<{ address: string; checks: string[]; state: { isIll: boolean } }> {
  const state = { isIll: false }
  const checks: string[] = []
  const server = createServer(({ url = '' }, response) => {
    if (url === '/healthz') checks.push(url)
    response.writeHead(url === '/healthz' && state.isIll ? 500 : 200).end(name)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, checks, state }
}

test('requests go past an endpoint whose path answers 500, and to it again when it is well', async () => {
  const app = createMesh()
  onTestFinished(async () => app.close())
  await app.register(plugin)
  const [one, two] = [await endpoint('one'), await endpoint('two')]
  await app.mesh.service('users', { endpoints: [one.address, two.address], health: { http: { path: '/healthz', intervalMs: 5 } } })
  app.mesh.route('/*', 'users')
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const answers = async (): Promise<string> => [await (await fetch(url)).text(), await (await fetch(url)).text()].toSorted().join(' ')
  const healthy = (): (boolean | undefined)[] => app.mesh.snapshot.services.get('users')?.endpoints.all.map((endpoint) => endpoint.healthy) ?? []
  await vi.waitFor(() => expect(one.checks.length).toBeGreaterThan(2), patient)
  expect(await answers()).toBe('one two')
  one.state.isIll = true
  await vi.waitFor(() => expect(healthy()).toEqual([false, true]), patient)
  expect(await answers()).toBe('two two')
  one.state.isIll = false
  await vi.waitFor(() => expect(healthy()).toEqual([true, true]), patient)
  expect(await answers()).toBe('one two')
})

test.each([
  [{ pth: '/' }, /pth/],
  [{ intervalMs: 0 }, /intervalMs must be >= 1/],
  [{ unhealthyThreshold: 1.5 }, /unhealthyThreshold must be integer/],
  [{ statuses: ['2xx'] }, /statuses/],
  [{ headers: { 'content-length': '1' } }, /content-length cannot be set/],
])('%j is refused with the name of the service', async (options, reason) => {
  const app = createMesh()
  onTestFinished(async () => app.close())
  await app.register(plugin)
  const made = app.mesh.service('users', { endpoints: [], health: { http: options } })
  await expect(made).rejects.toThrow(/health "http" of service "users"/)
  await expect(made).rejects.toThrow(reason)
})
