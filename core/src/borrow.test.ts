// Endpoints that are lent to plugins: chosen, admitted, counted and judged like those of any attempt.
import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { MeshError } from './errors.ts'
import type { MeshApp } from './mesh.ts'
import { closeAll, endpoint, mesh } from './mesh.test.kit.ts'
import type { Admission, OutlierDetector } from './questions.ts'
import type { ServiceSpec } from './spec.ts'

afterEach(closeAll)

async function lending(spec: ServiceSpec): Promise<MeshApp> {
  const { app } = mesh()
  await app.mesh.service('users', spec)
  await app.ready()
  return app
}

test('an endpoint is counted until it is given back, once', async () => {
  const { address } = await endpoint('a')
  const app = await lending({ endpoints: [address] })
  const borrowed = app.mesh.borrow('users')
  expect([borrowed.endpoint.address, borrowed.endpoint.inFlight, borrowed.secure]).toEqual([address, 1, false])
  borrowed.giveBack()
  borrowed.giveBack(new MeshError('MESH_CONNECT_FAILED'))
  expect([borrowed.endpoint.inFlight, borrowed.endpoint.failures]).toEqual([0, 0])
})

test('the connection is one to the endpoint', async () => {
  const { address } = await endpoint('a', (_message, response) => void response.end('hello'))
  const app = await lending({ endpoints: [address] })
  const borrowed = app.mesh.borrow('users')
  const socket = borrowed.connect([])
  socket.end('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await once(socket, 'close')
  borrowed.giveBack()
  expect(text).toContain('hello')
})

test('what an endpoint did wrong is told to who judges it, and what it did not is not', async () => {
  const { address } = await endpoint('a')
  const told: (string | undefined)[] = []
  const outlier: OutlierDetector = { ended: (_endpoint, exchange) => void told.push(exchange.error?.code) }
  const app = await lending({ endpoints: [address], outlier })
  for (const error of [undefined, new MeshError('MESH_UPSTREAM_CLOSED'), new MeshError('MESH_CLIENT_CLOSED')]) app.mesh.borrow('users').giveBack(error)
  expect(told).toEqual([undefined, 'MESH_UPSTREAM_CLOSED'])
})

test('where there is no room, no endpoint or no service, nothing is lent', async () => {
  const { address } = await endpoint('a')
  const full: Admission = { admit: () => new MeshError('MESH_OVERFLOW'), ended() {} }
  const app = await lending({ endpoints: [address], admission: [full] })
  await app.mesh.service('nobody', { endpoints: [] })
  expect(() => app.mesh.borrow('users')).toThrow(expect.objectContaining({ code: 'MESH_OVERFLOW' }))
  expect(() => app.mesh.borrow('nobody')).toThrow(expect.objectContaining({ code: 'MESH_NO_ENDPOINT' }))
  expect(() => app.mesh.borrow('unheard')).toThrow(expect.objectContaining({ code: 'MESH_UNKNOWN_SERVICE' }))
})
