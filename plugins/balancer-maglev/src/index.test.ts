// The balancer by its name, in a mesh: clients stay with their endpoint.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createMesh, type Discovery, type EndpointSpec, type MeshApp } from '@meshwright/core'
import { expect, onTestFinished, test } from 'vitest'
import plugin from './index.ts'

async function endpoint(id: string): Promise<EndpointSpec> {
  const server = createServer((_request, response) => response.end(id)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return { id, host: '127.0.0.1', port: (server.address() as AddressInfo).port }
}

/** Where nobody listens any more. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function mesh(): Promise<MeshApp> {
  const app = createMesh()
  onTestFinished(async () => app.close())
  await app.register(plugin)
  return app
}

async function answerTo(url: string, session: number): Promise<string> {
  return (await fetch(`${url}/${Math.random()}`, { headers: { cookie: `theme=dark; session=s${session}` } })).text()
}

test('sessions stay where they are, are spread, and move only from an endpoint that has gone', async () => {
  const app = await mesh()
  const endpoints = await Promise.all(['a', 'b', 'c', 'd'].map(endpoint))
  let publish: (endpoints: readonly EndpointSpec[]) => void = () => {}
  const discovery: Discovery = {
    watch(_service, to) {
      publish = to
      to(endpoints)
      return () => {}
    },
  }
  await app.mesh.service('users', { discovery, balancer: { maglev: { key: [{ cookie: 'session' }] } } })
  app.mesh.route('/*', 'users')
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const sessions = Array.from({ length: 60 }, (_, i) => i)
  const before = await Promise.all(sessions.map((session) => answerTo(url, session)))
  expect([...new Set(before)].toSorted()).toEqual(['a', 'b', 'c', 'd'])
  expect(await Promise.all(sessions.map((session) => answerTo(url, session)))).toEqual(before)

  publish(endpoints.slice(0, 3))
  const after = await Promise.all(sessions.map((session) => answerTo(url, session)))
  expect([...new Set(after)].toSorted()).toEqual(['a', 'b', 'c'])
  expect(sessions.filter((i) => before[i] !== 'd' && before[i] !== after[i]).length).toBeLessThan(6)
})

test('sessions of an endpoint that refuses connections are answered by others, always the same ones', async () => {
  const app = await mesh()
  const endpoints = await Promise.all(['a', 'b', 'c'].map(endpoint))
  const refusing = { id: 'refusing', host: '127.0.0.1', port: await closedPort() }
  await app.mesh.service('users', {
    discovery: { watch: (_service, publish) => (publish([...endpoints, refusing]), () => {}) },
    balancer: { maglev: { key: [{ cookie: 'session' }] } },
    retry: { next: ({ attempt }) => (attempt === 1 ? 0 : undefined) },
  })
  app.mesh.route('/*', 'users')
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const sessions = Array.from({ length: 60 }, (_, i) => i)
  const answers = await Promise.all(sessions.map((session) => answerTo(url, session)))
  expect([...new Set(answers)].toSorted()).toEqual(['a', 'b', 'c'])
  expect(await Promise.all(sessions.map((session) => answerTo(url, session)))).toEqual(answers)
  expect(app.mesh.snapshot.services.get('users')?.endpoints.get('refusing')?.failures).toBeGreaterThan(20)
})

test.each([
  [{ key: [{ body: 'x' }] }, /key/],
  [{ tabelSize: 1021 }, /tabelSize/],
  [{ tableSize: 65_536 }, /tableSize is a prime number/],
])('%j is refused', async (options, reason) => {
  const app = await mesh()
  await expect(app.mesh.service('users', { endpoints: [], balancer: { maglev: options } })).rejects.toThrow(reason)
})
