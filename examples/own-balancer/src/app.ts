// Three endpoints that say who they are, and the mesh in front of them with the balancer of this example.
import type { AddressInfo } from 'node:net'
import { createMesh } from '@meshwright/core'
import fastify, { type FastifyInstance } from 'fastify'
import { byUser } from './by-user.ts'

const names = ['north', 'east', 'south']

/** Everything of this example; closing it closes the endpoints too. */
export async function createApp(): Promise<FastifyInstance> {
  const endpoints = await Promise.all(names.map(startEndpoint))
  const app = createMesh()
  app.addHook('onClose', async () => void (await Promise.all(endpoints.map(async ({ server }) => server.close()))))
  await app.mesh.service('desks', {
    endpoints: endpoints.map(({ name, port }) => ({ id: name, address: `127.0.0.1:${port}` })),
    balancer: byUser(),
  })
  app.mesh.route('/*', 'desks')
  return app
}

async function startEndpoint(name: string): Promise<{ name: string; port: number; server: FastifyInstance }> {
  const server = fastify()
  server.get('/*', async () => ({ desk: name }))
  await server.listen({ host: '127.0.0.1', port: 0 })
  return { name, port: (server.server.address() as AddressInfo).port, server }
}
