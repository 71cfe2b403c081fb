// The plugin in a mesh: every route counts, and the admin API tells.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createMesh, type MeshApp } from '@meshwright/core'
import { expect, onTestFinished, test } from 'vitest'
import plugin from './index.ts'

async function meshWithMetrics(): Promise<{ app: MeshApp; url: string }> {
  const upstream = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  const app = createMesh()
  onTestFinished(async () => {
    await app.close()
    upstream.close()
  })
  await app.register(plugin, { durationBoundsSeconds: [1, 60] })
  await app.mesh.service('users', { endpoints: [`127.0.0.1:${(upstream.address() as AddressInfo).port}`] })
  await app.mesh.service('nobody', { endpoints: [] })
  app.mesh.route('/users/*', 'users', { name: 'users-route' })
  app.mesh.route('/nobody', 'nobody', { name: 'nobody-route' })
  return { app, url: await app.listen({ port: 0, host: '127.0.0.1' }) }
}

/** The admin API as the supervisor makes it: a server of its own, on which the plugins mount their routes. */
async function scrape(app: MeshApp): Promise<{ type: unknown; text: string }> {
  const admin = createMesh()
  onTestFinished(async () => admin.close())
  for (const mount of app.mesh.runtime.adminMounts) mount(admin)
  const { headers, body } = await admin.inject('/metrics')
  return { type: headers['content-type'], text: body }
}

test('requests of every route are counted and told at GET /metrics', async () => {
  const { app, url } = await meshWithMetrics()
  for (let i = 0; i < 3; i++) await (await fetch(`${url}/users/${i}`)).text()
  await (await fetch(`${url}/nobody`)).text()
  const { type, text } = await scrape(app)
  expect(type).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect(text.split('\n')).toEqual(
    expect.arrayContaining([
      '# TYPE mesh_requests_total counter',
      'mesh_requests_total{route="users-route",service="users",class="2xx",reason="-"} 3',
      'mesh_requests_total{route="nobody-route",service="nobody",class="5xx",reason="no_endpoint"} 1',
      'mesh_request_duration_seconds_bucket{route="users-route",service="users",le="60"} 3',
      'mesh_request_duration_seconds_count{route="users-route",service="users"} 3',
      'mesh_response_bytes_total{route="users-route",service="users"} 15',
      'mesh_attempts_total{route="users-route",service="users"} 3',
    ]),
  )
  expect(text).toContain('process_resident_memory_bytes')
})

test("a name of the process that somebody else has declared is theirs, and stands once", async () => {
  const { app } = await meshWithMetrics()
  app.mesh.metrics.gauge('process_start_time_seconds', 'Somebody else').set(7)
  const { text } = await scrape(app)
  expect(text.match(/^process_start_time_seconds .*$/gm)).toEqual(['process_start_time_seconds 7'])
})

test('an option that is none is refused', async () => {
  const app = createMesh()
  await expect(async () => app.register(plugin, { buckets: [1] } as object)).rejects.toThrow('buckets')
})
