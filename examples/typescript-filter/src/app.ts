// An endpoint that greets its caller, and the mesh in front of it with the filter of this example.
import type { AddressInfo } from 'node:net'
import { createMesh } from '@meshwright/core'
import fastify, { type FastifyInstance } from 'fastify'
import apiKeysPlugin, { apiKeys, type ApiKeysOptions } from './index.ts'

const keys = { k1: 'ada', k2: 'grace' }

/** Everything of this example; closing it closes the endpoint too. */
export async function createApp(onUse?: ApiKeysOptions['onUse']): Promise<FastifyInstance> {
  const greeter = fastify()
  greeter.get('/*', async (request) => ({ hello: request.headers['x-customer'], key: request.headers['x-api-key'] ?? null }))
  await greeter.listen({ host: '127.0.0.1', port: 0 })

  const app = createMesh()
  app.addHook('onClose', async () => greeter.close())
  await app.register(apiKeysPlugin)
  await app.mesh.service('greeter', { endpoints: [`127.0.0.1:${(greeter.server.address() as AddressInfo).port}`] })
  // By value, as code can; and by name, as a file does.
  app.mesh.route('/by-value/*', 'greeter', { filters: [apiKeys(onUse === undefined ? { keys } : { keys, onUse })] })
  app.mesh.route('/by-name/*', 'greeter', { filters: [{ 'api-keys': { keys } }] })
  return app
}
