// The token of the admin API, on the whole: what it keeps, what stays open, and how a mesh without one does not start.
import { runMesh } from '@meshwright/core'
import { expect, test } from 'vitest'
import { startRun } from './kit/start-run.ts'

const token = 'the-token-of-these-tests'
const shown = { authorization: `Bearer ${token}` }

test('with a token nobody sees the configuration or drains the mesh without it, and the rest stays open', async () => {
  const run = await startRun({ spec: { workers: 0, admin: { address: '127.0.0.1:0', token } } })
  for (const [method, path] of [['GET', '/v1/config'], ['HEAD', '/v1/config'], ['POST', '/v1/drain']] as const) {
    expect([path, (await run.admin(path, method)).status]).toEqual([path, 401])
    expect([path, (await run.admin(path, method, { authorization: 'Bearer the-token-of-other-tests' })).status]).toEqual([path, 401])
  }
  expect(run.mesh.status().draining).toBe(false)
  for (const path of ['/ready', '/live', '/metrics', '/v1/routes', '/v1/services', '/v1/workers', '/v1/openapi.json']) expect([path, (await run.admin(path)).status]).toEqual([path, 200])
  expect((await run.admin('/v1/nothing', 'POST')).status).toBe(404)

  const { status, json, text } = await run.admin('/v1/config', 'GET', shown)
  expect([status, json]).toEqual([200, expect.objectContaining({ revision: 1 })])
  expect(text).not.toContain(token)
  expect((await run.admin('/v1/drain', 'POST', shown)).status).toBe(202)
  expect(run.mesh.status().draining).toBe(true)
})

test('the OpenAPI document says where the token is needed', async () => {
  const run = await startRun({ spec: { workers: 0 } })
  const { paths } = (await run.admin('/v1/openapi.json')).json as { paths: Record<string, Record<string, { security?: object[] }>> }
  const secured = Object.entries(paths).flatMap(([path, operations]) => Object.entries(operations).filter(([, { security }]) => security !== undefined).map(([method]) => `${method} ${path}`))
  expect(secured).toEqual(['get /v1/config', 'post /v1/drain'])
})

test('a mesh whose admin address others reach does not start without a token', async () => {
  await expect(runMesh({ listeners: [], admin: { address: '0.0.0.0:0' } })).rejects.toMatchObject({ code: 'MESH_BAD_OPTIONS', message: expect.stringContaining('MESHWRIGHT_ADMIN_TOKEN') as string })
})

test('the configuration is shown with the keys of limits and without any secret', async () => {
  const limit = { 'rate-limit': { requests: 1, key: ['route', { header: 'x-api-key' }] } }
  const run = await startRun({
    plugins: ['rate-limit'],
    spec: { workers: 0, admin: { address: '127.0.0.1:0', token }, routes: [{ match: { path: '/', headers: { authorization: 'Basic YTpi' } }, reply: { status: 200, headers: { 'x-session-token': 'abc' } }, filters: [limit] }] },
  })
  const { json, text } = await run.admin('/v1/config', 'GET', shown)
  expect(json).toMatchObject({ spec: { admin: { token: '(hidden)' }, routes: [{ match: { headers: { authorization: '(hidden)' } }, reply: { headers: { 'x-session-token': '(hidden)' } }, filters: [limit] }] } })
  for (const secret of [token, 'YTpi', 'abc']) expect(text).not.toContain(secret)
})
