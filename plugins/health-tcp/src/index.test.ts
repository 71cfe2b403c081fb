// The health check by its name, in a mesh.
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { createMesh } from '@meshwright/core'
import { expect, onTestFinished, test, vi } from 'vitest'
import plugin from './index.ts'

test('an endpoint that does not say what is expected is not fit', async () => {
  const app = createMesh()
  onTestFinished(async () => app.close())
  await app.register(plugin)
  const server = createServer((socket) => void socket.end('goodbye')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  await app.mesh.service('mail', { endpoints: [`127.0.0.1:${port}`], health: { tcp: { expect: 'hello', intervalMs: 5 } } })
  app.mesh.route('/*', 'mail')
  await app.ready()
  const [endpoint] = app.mesh.snapshot.services.get('mail')?.endpoints.all ?? []
  await vi.waitFor(() => expect(endpoint).toMatchObject({ healthy: false, reason: 'the endpoint closed the connection before it had said what is expected' }), { timeout: 30_000 })
})

test.each([[{ sned: 'x' }, /sned/], [{ send: { hex: 'f' } }, /hex/], [{ port: 0 }, /port/]])('%j is refused with the name of the service', async (options, reason) => {
  const app = createMesh()
  onTestFinished(async () => app.close())
  await app.register(plugin)
  const made = app.mesh.service('mail', { endpoints: [], health: { tcp: options } })
  await expect(made).rejects.toThrow(/health "tcp" of service "mail"/)
  await expect(made).rejects.toThrow(reason)
})
