// The registry's API over HTTP: registering, beating, leaving, listing, watching; who may, how much, and what is said otherwise.
import { describe, expect, test } from 'vitest'
import { endpoint, eventually, follow, startRun, token, type TestRun } from './run.test.kit.ts'

const a = { service: 'catalog', address: '10.0.0.1:80' }
const place = '/instances/catalog/10.0.0.1%3A80'

/** Registers instances by their addresses. */
async function put(run: TestRun, ...addresses: string[]): Promise<void> {
  for (const address of addresses) expect((await run.api('/instances', { body: { service: 'catalog', address } })).status).toBe(201)
}

describe('an instance', () => {
  test('is registered, listed, kept alive and taken out', async () => {
    const run = await startRun()
    const body = { ...a, version: '2', zone: 'b', weight: 3, priority: 1, metadata: { k: 'v' }, ttlMs: 5000 }
    const { status, json } = await run.api('/instances', { body })
    expect({ status, json }).toEqual({ status: 201, json: { service: 'catalog', id: '10.0.0.1:80', lease: expect.any(String), ttlMs: 5000, revision: 1 } })
    expect((await run.api('/instances', { body })).status).toBe(200)
    const list = { registry: expect.any(String), revision: 1, settled: false, instances: [{ ...body, id: '10.0.0.1:80', expiresInMs: expect.any(Number) }] }
    expect((await run.api('/instances', { token: '' })).json).toEqual(list)
    expect((await run.api('/instances?service=catalog', { token: '' })).json).toEqual(list)
    expect((await run.api('/instances?service=other')).json['instances']).toEqual([])
    expect((await run.api('/services', { token: '' })).json).toEqual({ registry: expect.any(String), revision: 1, services: [{ name: 'catalog', revision: 1, instances: 1 }] })
    expect((await run.api(`${place}/heartbeat`, { method: 'POST' })).status).toBe(204)
    expect((await run.api(`${place}/heartbeat?lease=${String(json['lease'])}`, { method: 'POST' })).status).toBe(404)
    expect((await run.api(place, { method: 'DELETE' })).status).toBe(204)
    expect((await run.api(place, { method: 'DELETE' })).status).toBe(204)
    expect(await run.api(`${place}/heartbeat`, { method: 'POST' })).toMatchObject({ status: 404, json: { code: 'REGISTRY_UNKNOWN_INSTANCE' } })
    expect((await run.api('/instances')).json).toMatchObject({ revision: 2, instances: [] })
  })

  test('is where requests go, until it has left', async () => {
    const run = await startRun()
    const { address } = await endpoint('books')
    expect((await fetch(run.url)).status).toBe(503)
    await put(run, address)
    await eventually(async () => expect(await (await fetch(run.url)).text()).toBe('books'))
    await run.api(`/instances/catalog/${encodeURIComponent(address)}`, { method: 'DELETE' })
    await eventually(async () => expect((await fetch(run.url)).status).toBe(503))
  })

  test.each([0, 2])('reaches every thread (workers: %i)', async (workers) => {
    const run = await startRun({ workers })
    const { address } = await endpoint('books')
    await put(run, address)
    await eventually(async () => {
      for (let i = 0; i < 10; i++) expect(await (await fetch(run.url, { headers: { connection: 'close' } })).text()).toBe('books')
    })
  })
})

describe('a refusal', () => {
  test.each([
    ['an instance that is not valid', '/instances', { body: { service: 'catalog' } }, 400, { code: 'REGISTRY_BAD_INSTANCE', title: 'The instance is not valid', detail: 'address is missing; it is host:port' }],
    ['a body that is no object', '/instances', { body: '[]' }, 400, { code: 'REGISTRY_BAD_INSTANCE' }],
    ['no body', '/instances', { method: 'POST' }, 400, { code: 'REGISTRY_BAD_INSTANCE' }],
    ['a body that is no JSON', '/instances', { body: '{' }, 400, {}],
    ['a body that is too long', '/instances', { body: JSON.stringify({ ...a, x: 'y'.repeat(17_000) }) }, 413, {}],
    ['a write without the token', '/instances', { body: a, token: '' }, 401, { code: 'REGISTRY_TOKEN_NEEDED' }],
    ['a heartbeat with another token', `${place}/heartbeat`, { method: 'POST', token: 'x' }, 401, { code: 'REGISTRY_TOKEN_NEEDED' }],
    ['a goodbye without the token', place, { method: 'DELETE', token: '' }, 401, { code: 'REGISTRY_TOKEN_NEEDED' }],
    ['a watch of nothing', '/watch', {}, 400, { code: 'REGISTRY_BAD_QUERY', detail: 'service is missing' }],
    ['a watch of two services', '/watch?service=a&service=b', {}, 400, { code: 'REGISTRY_BAD_QUERY' }],
    ['a web page', '/instances', { headers: { origin: 'http://evil.example' } }, 403, {}],
  ])('of %s says why', async (_, path, options, status, problem) => {
    const run = await startRun()
    const answer = await run.api(path, options)
    expect(answer).toMatchObject({ status, headers: { 'content-type': expect.stringContaining('application/problem+json') as string }, json: { status, ...problem } })
    expect((await run.api('/instances')).json).toMatchObject({ revision: 0 })
  })

  test('of writes to a registry without a token says how to allow them', async () => {
    const run = await startRun({}, { token: undefined as unknown as string })
    expect(await run.api('/instances', { body: a })).toMatchObject({ status: 403, json: { code: 'REGISTRY_WRITES_OFF', detail: expect.stringContaining('tokenFile') as string } })
  })

  test('with leave is none from this machine', async () => {
    const run = await startRun({}, { token: undefined as unknown as string, allowLoopbackWrites: true })
    expect((await run.api('/instances', { body: a, token: '' })).status).toBe(201)
  })

  test('of more than there is room for says how much that is', async () => {
    const run = await startRun({}, { maxInstances: 1 })
    await put(run, '10.0.0.1:80')
    expect(await run.api('/instances', { body: { ...a, address: '10.0.0.2:80' } })).toMatchObject({ status: 507, json: { code: 'REGISTRY_FULL', detail: expect.stringContaining('1 instances') as string } })
  })

  test('by a file that cannot be opened is logged, and shows nothing of this machine', async () => {
    const run = await startRun({ services: {}, routes: [] }, { file: '/dev/null/registry.db' })
    const answer = await run.api('/instances')
    expect(answer).toMatchObject({ status: 503, json: { code: 'REGISTRY_STORE_FAILED', detail: 'see the log of the mesh' } })
    expect(run.told).toContainEqual({ level: 'error', text: expect.stringContaining('/dev/null/registry.db') as string, details: expect.anything() as object })
  })

  test('by a file that cannot be opened stops a mesh whose service needs it, at boot', async () => {
    await expect(startRun({}, { file: '/dev/null/registry.db' })).rejects.toThrow('/dev/null/registry.db')
  })
})

describe('a watcher', () => {
  test('hears of the service now and after each change, and what it has seen is not said again', async () => {
    const run = await startRun({}, { settleMs: 0 })
    await eventually(async () => expect((await run.api('/instances')).json['settled']).toBe(true))
    await put(run, '10.0.0.1:80')
    const first = await follow(run.adminUrl, 'catalog')
    expect(first.response.headers).toMatchObject({ 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    await eventually(() => expect(first.hosts()).toBe('10.0.0.1'))
    await put(run, '10.0.0.2:80')
    await eventually(() => expect(first.hosts()).toBe('10.0.0.1 10.0.0.2'))
    first.close()
    const lastId = first.events.at(-1)?.id
    const second = await follow(run.adminUrl, 'catalog', lastId)
    await eventually(() => expect(second.events.map(({ type }) => type)).toEqual(['unchanged']))
    await put(run, '10.0.0.3:80')
    await eventually(() => expect(second.hosts()).toBe('10.0.0.1 10.0.0.2 10.0.0.3'))
    const third = await follow(run.adminUrl, 'catalog', lastId)
    await eventually(() => expect(third.hosts()).toBe('10.0.0.1 10.0.0.2 10.0.0.3'))
    expect(JSON.parse(third.events[0]?.data ?? '')).toEqual({ registry: expect.any(String), service: 'catalog', revision: 3, settled: true, instances: expect.any(Array) })
  })

  test('hears a comment now and then', async () => {
    const run = await startRun({}, { keepAliveMs: 100 })
    const { response } = await follow(run.adminUrl, 'catalog')
    const texts: string[] = []
    response.on('data', (text: string) => void texts.push(text))
    await eventually(() => expect(texts.filter((text) => text === ':\n\n').length).toBeGreaterThan(2))
  })

  test('finds no room when there are too many, and finds some when one has left', async () => {
    const run = await startRun({}, { maxWatchers: 2 })
    const first = await follow(run.adminUrl, 'catalog')
    await follow(run.adminUrl, 'other')
    expect(await run.api('/watch?service=catalog')).toMatchObject({ status: 503, json: { code: 'REGISTRY_TOO_MANY_WATCHERS' } })
    first.close()
    await eventually(async () => {
      const third = await follow(run.adminUrl, 'catalog')
      expect(third.response.statusCode).toBe(200)
    })
  })

  test('is let go when the mesh closes', async () => {
    const run = await startRun()
    const watcher = await follow(run.adminUrl, 'catalog')
    await run.mesh.close()
    await eventually(() => expect(watcher.response.destroyed).toBe(true))
  })
})

test('the OpenAPI document describes every route, what it takes and that it wants a token', async () => {
  const run = await startRun()
  const { paths, components } = (await run.api('/v1/openapi.json')).json as { paths: Record<string, Record<string, Record<string, unknown>>>; components: object }
  const own = Object.entries(paths).filter(([path]) => path.startsWith('/v1/registry'))
  expect(own.flatMap(([path, operations]) => Object.keys(operations).map((method) => `${method} ${path}`)).sort()).toEqual([
    'delete /v1/registry/instances/{service}/{id}',
    'get /v1/registry/instances',
    'get /v1/registry/services',
    'get /v1/registry/watch',
    'post /v1/registry/instances',
    'post /v1/registry/instances/{service}/{id}/heartbeat',
  ])
  expect(components).toEqual({ securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } })
  expect(paths['/v1/registry/instances']?.['post']).toMatchObject({
    security: [{ bearer: [] }],
    requestBody: { required: true, content: { 'application/json': { schema: { required: ['service', 'address'] } } } },
    responses: { 201: { content: { 'application/json': expect.anything() as object } }, '4XX': { content: { 'application/problem+json': expect.anything() as object } } },
  })
  expect(paths['/v1/registry/watch']?.['get']).toMatchObject({
    parameters: [{ name: 'service', in: 'query', required: true }],
    responses: { 200: { content: { 'text/event-stream': expect.anything() as object } } },
  })
  expect(paths['/v1/registry/instances/{service}/{id}']?.['delete']).toMatchObject({
    parameters: [{ name: 'service', in: 'path' }, { name: 'id', in: 'path' }, { name: 'lease', in: 'query', required: false }],
    responses: { 204: { description: expect.any(String) as string } },
  })
})

test('the token is not shown', async () => {
  const run = await startRun({ plugins: [{ name: new URL('./index.ts', import.meta.url).href, options: { file: ':memory:', token } }] })
  expect((await run.api('/v1/config')).text).not.toContain(token)
})

test('writes show the token of the registry where the admin API has one of its own', async () => {
  const run = await startRun({ admin: { token: 'the-token-of-the-admin-api' } })
  expect((await run.api('/instances', { body: a })).status).toBe(201)
  expect((await run.api('/v1/drain', { method: 'POST' })).status).toBe(401)
})
