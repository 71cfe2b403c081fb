// The detector by its name, in a mesh, over real sockets.
import { once } from 'node:events'
import { createServer, request, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createMesh, type Endpoint, type Filter, type MeshApp, MeshError, reply, type ServiceSpec } from '@meshwright/core'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import plugin, { type PassiveOptions } from './index.ts'

async function served(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** An endpoint that answers what `state` says. */
async function endpoint(name: string, status = 200): Promise<{ address: string; state: { status: number; requests: number } }> {
  const state = { status, requests: 0 }
  const address = await served((_request, response) => {
    state.requests++
    response.writeHead(state.status).end(name)
  })
  return { address, state }
}

interface Running {
  readonly app: MeshApp
  readonly url: string
  readonly at: (index: number) => Endpoint
  readonly get: () => Promise<string>
}

async function mesh(addresses: readonly string[], options: PassiveOptions, spec: ServiceSpec = {}, filters: readonly Filter[] = []): Promise<Running> {
  const app = createMesh({ drainMs: 50 })
  onTestFinished(async () => app.close())
  await app.register(plugin)
  await app.mesh.service('users', { endpoints: addresses, outlier: { passive: options }, ...spec })
  app.mesh.route('/*', 'users', { filters })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  return {
    app,
    url,
    at: (index) => app.mesh.snapshot.services.get('users')?.endpoints.all[index] as Endpoint,
    get: async () => (await fetch(url)).text(),
  }
}

function counted(app: MeshApp): string[] {
  const families = app.mesh.metrics.collect().filter(({ name }) => name.startsWith('mesh_outlier'))
  return families.flatMap((family) => family.series.map((series) => `${family.name} ${series.labels.join(' ')} ${(series as { value: number }).value}`))
}

test('an endpoint that answers 500 rests, and its peers get the requests', async () => {
  const [bad, good] = [await endpoint('bad', 500), await endpoint('good')]
  const { app, at, get } = await mesh([bad.address, good.address], {})
  for (let i = 0; i < 10; i++) await get()
  expect(at(0)).toMatchObject({ rests: 1, fit: false, reason: 'outlier' })
  const answers: string[] = []
  for (let i = 0; i < 10; i++) answers.push(await get())
  expect(new Set(answers)).toEqual(new Set(['good']))
  expect(bad.state.requests).toBe(5)
  expect(counted(app)).toEqual(['mesh_outlier_detections_total users consecutive-5xx 1', 'mesh_outlier_overflows_total users 0', 'mesh_outlier_rests_total users consecutive-5xx 1'])
})

test('after each rest one request tries it, and one that is answered well brings it back', async () => {
  const [bad, good] = [await endpoint('bad', 500), await endpoint('good')]
  const { at, get } = await mesh([bad.address, good.address], { baseRestMs: 1 })
  await vi.waitFor(async () => {
    await get()
    expect(at(0).rests).toBe(4)
  }, { interval: 1, timeout: 30_000 })
  // Five before the first rest, and one before each further one.
  expect(bad.state.requests).toBe(5 + 3)
  bad.state.status = 200
  await vi.waitFor(async () => expect(await get()).toBe('bad'), { interval: 1, timeout: 30_000 })
  expect(at(0)).toMatchObject({ rests: 4, probation: false, fit: true })
})

test('an endpoint that refuses connections rests', async () => {
  const good = await endpoint('good')
  const { at, get } = await mesh(['127.0.0.1:1', good.address], { consecutive5xx: 2 })
  for (let i = 0; i < 4; i++) await get()
  expect(at(0)).toMatchObject({ rests: 1, fit: false })
})

describe('an endpoint is not blamed for', () => {
  /** What is not to count, and then a failure that is: it shows that the detector was there. */
  async function harmless(act: (running: Running) => Promise<void>, address: string, spec: ServiceSpec = {}, filter?: Filter): Promise<void> {
    const other = await endpoint('other')
    const running = await mesh([address, other.address], { consecutive5xx: 1 }, { balancer: { pick: (endpoints) => endpoints[0] as Endpoint }, ...spec }, filter === undefined ? [] : [filter])
    await act(running)
    expect(running.at(0).rests).toBe(0)
  }

  const ask = async ({ get }: Running): Promise<void> => void (await get())

  test('a reply that a filter makes before an endpoint is chosen', async () => {
    await harmless(ask, (await endpoint('a')).address, {}, { name: 'refuse', onRequestHeaders: () => reply(500) })
  })

  test('a reply that a filter makes before anything is sent', async () => {
    await harmless(ask, (await endpoint('a')).address, {}, { name: 'refuse', onAttempt: () => reply(500) })
  })

  test('a filter that fails', async () => {
    const filter: Filter = {
      name: 'broken',
      onResponseHeaders() {
        throw new Error('broken')
      },
    }
    await harmless(ask, (await endpoint('a')).address, {}, filter)
  })

  test('a request that there was no room for', async () => {
    await harmless(ask, (await endpoint('a')).address, { admission: [{ admit: () => new MeshError('MESH_OVERFLOW'), ended: () => {} }] })
  })

  test('a client that went away', async () => {
    const arrived = Promise.withResolvers<void>()
    const address = await served(() => arrived.resolve())
    await harmless(async ({ url, at }) => {
      const asking = request(url).on('error', () => {})
      asking.end()
      await arrived.promise
      asking.socket?.resetAndDestroy()
      await vi.waitFor(() => expect(at(0).inFlight).toBe(0), { timeout: 30_000 })
    }, address)
  })

  test('none of these is not blamed for by accident: one real failure is enough', async () => {
    const bad = await endpoint('bad', 500)
    await expect(harmless(ask, bad.address)).rejects.toThrow('expected 1 to be +0')
  })
})

test.each([
  [{ consecutive5x: 5 }, /consecutive5x/],
  [{ successRate: { stdevFactor: 1900 } }, /stdevFactor/],
  [{ intervalMs: 5 }, /intervalMs must be >= 100/],
])('%j is refused with the name of the service', async (options, reason) => {
  const made = mesh([], options as PassiveOptions)
  await expect(made).rejects.toThrow(/outlier "passive" of service "users"/)
  await expect(made).rejects.toThrow(reason)
})

test('a service may name it alone, and has the defaults', async () => {
  const bad = await endpoint('bad', 500)
  const good = await endpoint('good')
  const { at, get } = await mesh([bad.address, good.address], {}, { outlier: 'passive' })
  for (let i = 0; i < 10; i++) await get()
  expect(at(0).rests).toBe(1)
})
