// The balancer by its name, in a mesh, learning from real answers.
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createMesh } from '@meshwright/core'
import { expect, onTestFinished, test } from 'vitest'
import plugin from './index.ts'

async function endpoint(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function countsOver(requests: number, endpoints: readonly string[]): Promise<Record<string, number>> {
  const app = createMesh()
  onTestFinished(async () => app.close())
  await app.register(plugin)
  await app.mesh.service('users', { endpoints: [...endpoints], balancer: 'peak-ewma' })
  app.mesh.route('/*', 'users')
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const counts: Record<string, number> = {}
  for (let i = 0; i < requests; i++) {
    const answer = await (await fetch(url)).text()
    counts[answer] = (counts[answer] ?? 0) + 1
  }
  return counts
}

test('an endpoint that refuses with 503 is asked once while the others answer', async () => {
  const addresses = [
    await endpoint((_request, response) => response.end('well')),
    await endpoint((_request, response) => response.writeHead(503).end('busy')),
    await endpoint((_request, response) => response.end('well')),
  ]
  const counts = await countsOver(60, addresses)
  expect(counts).toEqual({ well: 59, busy: 1 })
})

test('an endpoint that answers late is asked once', async () => {
  const late: RequestListener = (_request, response) => void setTimeout(() => response.end('late'), 1000)
  const addresses = [await endpoint((_request, response) => response.end('soon')), await endpoint(late), await endpoint((_request, response) => response.end('soon'))]
  const counts = await countsOver(60, addresses)
  expect(counts).toEqual({ soon: 59, late: 1 })
})

test('an endpoint that cuts its connections is asked once', async () => {
  let cuts = 0
  const cutting: RequestListener = (request) => {
    cuts++
    request.socket.destroy()
  }
  const well: RequestListener = (_request, response) => response.end('well')
  const counts = await countsOver(60, [await endpoint(well), await endpoint(well), await endpoint(cutting)])
  expect([counts['well'], cuts]).toEqual([59, 1])
})

test('an option that is none is refused with its name', async () => {
  const app = createMesh()
  onTestFinished(async () => app.close())
  await app.register(plugin)
  await expect(app.mesh.service('users', { endpoints: [], balancer: { 'peak-ewma': { decay: 3 } } })).rejects.toThrow(/"peak-ewma" of service "users".*decay/)
})
