// The admin API: what it tells, to whom, and where it cannot be reached.
import { describe, expect, test } from 'vitest'
import { echoEndpoint } from '../kit/index.ts'
import { ask, oneListener, startRun } from './kit/start-run.ts'

const paths = ['/ready', '/live', '/metrics', '/v1/config', '/v1/routes', '/v1/services', '/v1/workers', '/v1/drain', '/v1/openapi.json']

describe('the admin API', () => {
  test('describes every route of its own and of plugins in its OpenAPI document', async () => {
    const run = await startRun({ spec: { workers: 0 } })
    const { json } = await run.admin('/v1/openapi.json')
    expect(json).toMatchObject({ openapi: '3.1.0', info: { title: 'Meshwright admin API' } })
    expect(Object.keys((json as { paths: object }).paths).toSorted()).toEqual(paths.toSorted())
    for (const path of paths) {
      const [method = ''] = Object.keys((json as { paths: Record<string, object> }).paths[path] ?? {})
      expect((await run.admin(path, method.toUpperCase())).status, path).toBeLessThan(300)
    }
  })

  test('cannot be reached through a listener', async () => {
    const run = await startRun({ spec: { routes: [{ match: { host: 'shop.example' }, reply: { status: 200 } }] } })
    for (const path of paths) {
      const { status, body } = await ask(run.port, path)
      expect({ path, status, code: (JSON.parse(body) as { code: string }).code }).toEqual({ path, status: 404, code: 'MESH_NO_ROUTE' })
    }
  })

  test.each([['/%E0%A4', 400], ['/v1/nothing', 404]])('answers what it does not understand with a problem of its own: %s', async (path, status) => {
    const run = await startRun({ spec: { workers: 0 } })
    const refused = await run.admin(path)
    expect([refused.status, refused.json]).toEqual([status, expect.objectContaining({ status, code: 'MESH_BAD_REQUEST' })])
  })

  test('shows routes in the order in which requests meet them', async () => {
    const run = await startRun({
      endpoint: await echoEndpoint(),
      spec: {
        workers: 0,
        routes: [
          { name: 'rest', match: { path: '/*' }, to: 'test' },
          { name: 'long', match: { path: { prefix: '/a/b' } }, to: [{ service: 'test', weight: 3 }] },
          { name: 'exact', match: { path: '/a' }, redirect: { path: { full: '/b' } } },
          { name: 'wild', match: { host: '*.shop.example' }, reply: { status: 204 } },
          { name: 'shop', match: { host: ['shop.example', 'www.example'] }, to: 'test', filters: ['tricks'] },
        ],
      },
    })
    const { routes } = (await run.admin('/v1/routes')).json as { routes: { name: string; host: string }[] }
    expect(routes.map(({ name, host }) => `${name} ${host}`)).toEqual(['shop shop.example', 'shop www.example', 'wild *.shop.example', 'exact *', 'long *', 'rest *'])
    expect(routes[0]).toMatchObject({ services: [{ service: 'test', weight: 1 }], match: { host: ['shop.example', 'www.example'] } })
    expect(routes[2]).toMatchObject({ services: [], reply: { status: 204 } })
    expect(routes[3]).toMatchObject({ services: [], redirect: { path: { full: '/b' } } })
    expect(routes[4]).toMatchObject({ services: [{ service: 'test', weight: 3 }] })
  })

  test.each([0, 2])('adds up what all threads know of an endpoint (workers: %i)', async (workers) => {
    const endpoint = await echoEndpoint()
    const run = await startRun({ endpoint, spec: { workers } })
    for (let i = 0; i < 20; i++) await run.get()
    const threads = Math.max(workers, 1)
    expect((await run.admin('/v1/services')).json).toMatchObject({
      answered: threads,
      asked: threads,
      services: [{ name: 'test', endpoints: [{ address: endpoint.address, attempts: 20, failures: 0, inFlight: 0, fit: true, healthy: true, resting: false, reason: null }] }],
    })
  })

  test('shows the configuration without its secrets', async () => {
    const run = await startRun({ spec: { workers: 0, services: { vault: { endpoints: [], discovery: undefined as never } }, routes: [{ reply: { status: 200, headers: { 'x-api-key': 'abc123' } } }] } })
    const { text } = await run.admin('/v1/config')
    expect(text).not.toContain('abc123')
    expect(JSON.parse(text)).toMatchObject({ revision: 1, file: 'test.yaml', lastReload: null, listeners: [{ name: 'public', url: `http://127.0.0.1:${run.port}` }], spec: { routes: [{ reply: { headers: { 'x-api-key': '(hidden)' } } }] } })
  })

  test('refuses names that are not its own and pages of other sites', async () => {
    const run = await startRun({ spec: { workers: 0 } })
    const { host } = new URL(run.mesh.adminUrl as string)
    const status = async (headers: Readonly<Record<string, string>>, method = 'GET', path = '/v1/config'): Promise<number> => (await run.admin(path, method, headers)).status
    expect(await status({ host: 'evil.example' })).toBe(403)
    expect(await status({ host: 'localhost:9901' })).toBe(200)
    expect(await status({ host, origin: 'http://evil.example' }, 'POST', '/v1/drain')).toBe(403)
    expect(await status({ host, 'sec-fetch-site': 'cross-site' }, 'POST', '/v1/drain')).toBe(403)
    expect(run.mesh.status().draining).toBe(false)
    expect(await status({ host, origin: `http://${host}`, 'sec-fetch-site': 'same-origin' })).toBe(200)
    expect((await run.admin('/v1/nothing')).json).toMatchObject({ status: 404, detail: 'GET /v1/nothing' })
  })

  test('can be off, and says so when its address is taken', async () => {
    const run = await startRun({ spec: { workers: 0, admin: false } })
    expect(run.mesh.adminUrl).toBeUndefined()
    await expect(startRun({ spec: { workers: 0, listeners: oneListener, admin: { address: `127.0.0.1:${run.port}` } } })).rejects.toMatchObject({ code: 'MESH_LISTEN_FAILED' })
  })
})
