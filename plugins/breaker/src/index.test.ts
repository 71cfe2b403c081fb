// The breaker by its name, in a mesh.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import { createMesh, type MeshApp } from '@meshwright/core'
import { expect, onTestFinished, test } from 'vitest'
import plugin from './index.ts'

/** A mesh before one endpoint that answers with the status that is given at the time; and what it logs. */
async function mesh(answer: { status: number }, openMs: number): Promise<{ app: MeshApp; url: string; lines: { level: number; state: string; msg: string }[] }> {
  const server = createServer((_request, response) => response.writeHead(answer.status).end()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const lines: { level: number; state: string; msg: string }[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      const line = JSON.parse(chunk.toString()) as { level: number; state: string; msg: string }
      if (line.msg.startsWith('the breaker')) lines.push(line)
      done()
    },
  })
  const app = createMesh({ logger: { level: 'info', stream } })
  onTestFinished(async () => app.close())
  await app.register(plugin)
  await app.mesh.service('users', { endpoints: [`127.0.0.1:${(server.address() as AddressInfo).port}`], admission: [{ breaker: { minAttempts: 2, openMs, closeAfter: 1 } }] })
  app.mesh.route('/*', 'users')
  return { app, url: await app.listen({ port: 0, host: '127.0.0.1' }), lines }
}

function value(app: MeshApp, metric: string): number | undefined {
  const [series] = app.mesh.collect().find(({ name }) => name === metric)?.series ?? []
  return series !== undefined && 'value' in series ? series.value : undefined
}

test('a service names it; its state, its openings and its refusals can be seen', async () => {
  const { app, url, lines } = await mesh({ status: 500 }, 60_000)
  const statuses = [(await fetch(url)).status, (await fetch(url)).status, (await fetch(url)).status]
  expect(statuses).toEqual([500, 500, 503])
  expect([value(app, 'mesh_breaker_state'), value(app, 'mesh_breaker_openings_total'), value(app, 'mesh_breaker_refused_total')]).toEqual([2, 1, 1])
  expect(lines).toMatchObject([{ level: 40, service: 'users', state: 'open', msg: 'the breaker of service "users" is open: 2 of 2 attempts failed; for 60000 ms' }])
})

test('each change is told, but not that it begins closed', async () => {
  const answer = { status: 500 }
  const { app, url, lines } = await mesh(answer, 10)
  await fetch(url)
  await fetch(url)
  answer.status = 200
  while (value(app, 'mesh_breaker_state') !== 0) await fetch(url)
  expect(lines.map(({ level, state }) => `${level} ${state}`)).toEqual(['40 open', '30 half-open', '30 closed'])
})

test('an option that is none is refused with its name', async () => {
  const app = createMesh()
  onTestFinished(async () => app.close())
  await app.register(plugin)
  await expect(app.mesh.service('users', { endpoints: [], admission: [{ breaker: { opensMs: 3 } }] })).rejects.toThrow(/"breaker" of service "users".*opensMs/)
  await expect(app.mesh.service('users', { endpoints: [], admission: [{ breaker: { openMs: 100, maxOpenMs: 99 } }] })).rejects.toThrow(/"breaker" of service "users".*maxOpenMs/)
})
