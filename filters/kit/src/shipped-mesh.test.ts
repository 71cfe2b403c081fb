// Shipped filters in a real mesh: several in one chain, and one whose budget all threads share.
import { runMesh } from '@meshwright/core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ask, endpoint, meshWith, type Seen } from './index.ts'

const npm = (name: string): string => `npm:@meshwright/filter-${name}`

test('several filters work together on a request, and on its response', async () => {
  const { ask, seen } = await meshWith(
    [
      { module: npm('security-headers') },
      { module: npm('request-guard'), configuration: { methods: ['GET', 'POST'], maxBodyBytes: 100 } },
      { module: npm('api-key'), configuration: { keys: [{ identity: 'alice', key: 'alice-alice-alice' }] } },
      { module: npm('header-rewrite'), configuration: { request: { set: { 'x-who': '{header:x-api-identity} {path}' } } } },
      { module: npm('pii-mask'), configuration: { request: true } },
    ],
    (one, response) => response.setHeader('content-type', 'application/json').end(JSON.stringify({ got: one.body, mail: 'ada@example.org', card: 4_111_111_111_111_111 })),
  )
  const headers = { 'x-api-key': 'alice-alice-alice', 'content-type': 'text/plain' }
  const answer = await ask({ path: '/a?b', headers, body: 'mail to bob@example.org, now' })
  expect(seen).toMatchObject([{ headers: { 'x-who': 'alice /a?b' }, body: 'mail to [email], now' }])
  expect(JSON.parse(answer.body)).toEqual({ got: 'mail to [email], now', mail: '[email]', card: '[card 1111]' })
  expect(answer.headers).toMatchObject({ 'x-frame-options': 'DENY' })
  // Refusals pass those in front of whoever refuses.
  expect(await ask({ headers: { 'x-api-key': 'guess' } })).toMatchObject({ status: 401, headers: { 'www-authenticate': 'ApiKey realm="api"', 'x-frame-options': 'DENY' } })
  expect(await ask({ method: 'PUT', headers })).toMatchObject({ status: 405, headers: { 'x-guard-reason': 'method', 'x-frame-options': 'DENY' } })
  expect(await ask({ headers, body: ['b'.repeat(60), 'b'.repeat(60)] })).toMatchObject({ status: 413, headers: { 'x-frame-options': 'DENY' } })
})

test('security-headers reaches the errors of the mesh, and what a filter replies is masked by pii-mask in front of it', async () => {
  const { ask } = await meshWith([{ module: npm('security-headers') }, { module: npm('pii-mask') }, { module: npm('request-guard'), configuration: { methods: ['GET'] } }], (_one, response) => response.destroy())
  const failed = await ask({})
  expect(failed).toMatchObject({ status: 502, headers: { 'x-frame-options': 'DENY', 'content-type': 'application/problem+json' } })
  expect(JSON.parse(failed.body)).toMatchObject({ code: 'MESH_UPSTREAM_CLOSED' })
  expect(failed.headers['content-length']).toBe(String(failed.body.length))
  expect(await ask({ method: 'DELETE' })).toMatchObject({ status: 405, headers: { 'x-frame-options': 'DENY' } })
})

describe.each([0, 2])('with %i threads', (workers) => {
  test('token-bucket has one budget', async () => {
    const seen: Seen[] = []
    const { port: endpointPort, close } = await endpoint((_one, response) => response.end(), seen)
    onTestFinished(close)
    const wasm = { module: npm('token-bucket'), configuration: { requests: 5, windowMs: 600_000, onConflict: 'refuse' } }
    const mesh = await runMesh(
      { admin: false, workers, listeners: [{ address: '127.0.0.1:0' }], services: { app: { endpoints: [`127.0.0.1:${endpointPort}`] } }, routes: [{ to: 'app', filters: [{ wasm }] }] },
      { plugins: [import.meta.resolve('@meshwright/wasm')] },
    )
    onTestFinished(async () => mesh.close())
    const { port } = mesh.listeners[0] as { port: number }
    const answers = await Promise.all(Array.from({ length: 40 }, async () => ask(port)))
    const passed = answers.filter(({ status }) => status === 200).length
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 429]))
    expect(passed).toBe(5)
    expect(seen).toHaveLength(5)
  })
})
