// A line for each connection of a TCP listener.
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createMesh } from '@meshwright/core'
import { expect, onTestFinished, test } from 'vitest'
import plugin from './index.ts'

test('a connection has its line, one that failed too', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'meshwright-log-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const destination = path.join(folder, 'access.log')
  const endpoint = createServer((socket) => void socket.pipe(socket)).listen(0, '127.0.0.1')
  await once(endpoint, 'listening')
  const address = `127.0.0.1:${(endpoint.address() as AddressInfo).port}`
  const app = createMesh()
  await app.register(plugin)
  await app.mesh.service('echo', { endpoints: [address] })
  await app.mesh.service('nobody', { endpoints: [] })
  await app.ready()
  for (const to of ['echo', 'nobody']) {
    const { port } = await app.mesh.listen({ name: `to-${to}`, address: '127.0.0.1:0', tcp: { to, filters: [{ 'access-log': { destination } }] } })
    const client = connect(port, '127.0.0.1').on('error', () => {})
    client.resume().end('hello')
    await new Promise((resolve) => client.on('close', resolve))
  }
  endpoint.close()
  await app.close()
  const lines = readFileSync(destination, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as object)
  const nothing = { method: '-', path: '-', status: 0, requestId: '-' }
  expect(lines).toMatchObject([
    { ...nothing, listener: 'to-echo', service: 'echo', endpoint: address, client: '127.0.0.1', code: '-', flag: '-', attempts: 1, requestBytes: 5, responseBytes: 5 },
    { ...nothing, listener: 'to-nobody', service: 'nobody', endpoint: '-', code: 'MESH_NO_ENDPOINT', flag: 'UH', requestBytes: 0, responseBytes: 0 },
  ])
})
