// A Fastify app that answers some paths itself and passes the others on: a mesh of one process, without a file.
import { createMesh } from '@meshwright/core'
import fastify, { type FastifyInstance } from 'fastify'

/** The app of this example. @param legacy the addresses (`host:port`) of the older app behind it */
export async function createApp(legacy: readonly string[]): Promise<FastifyInstance> {
  const app = createMesh()
  await app.mesh.service('legacy', { endpoints: legacy, timeout: { requestMs: 5000 } })

  // An ordinary Fastify route: hooks, schemas and plugins work as everywhere.
  app.get('/hello', async () => ({ hello: 'from the new app' }))

  // The fast lane: these requests pass none of Fastify's hooks, only the mesh.
  app.mesh.route('/legacy/*', 'legacy')

  // A scope has filters of its own.
  await app.register(async (scope) => {
    scope.mesh.filter({ name: 'no-store', onResponseHeaders: (exchange) => exchange.response?.headers.set('cache-control', 'no-store') })
    scope.mesh.route('/reports/*', 'legacy')
  })
  return app
}

/** The older app that has not moved yet. */
export function createLegacy(): FastifyInstance {
  const legacy = fastify()
  legacy.get('/*', async (request) => ({ path: request.url, via: request.headers.via }))
  return legacy
}
