// reply.proxy: Fastify's hooks around a service, which counts and balances as ever.
import { request } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { MeshError } from './errors.ts'
import { ask, closeAll, endpoint, listening, mesh } from './mesh.test.kit.ts'
import type { ServiceSpec } from './spec.ts'

afterEach(closeAll)

type App = ReturnType<typeof mesh>['app']

async function proxied(spec: ServiceSpec, setup: (app: App) => void = () => {}): Promise<{ app: App; port: number; inFlight: () => number }> {
  const { app } = mesh()
  await app.mesh.service('users', spec)
  setup(app)
  app.all('/*', (_request, reply) => reply.proxy('users'))
  const port = await listening(app)
  const inFlight = (): number => (app.mesh.snapshot.services.get('users')?.endpoints.all ?? []).reduce((sum, one) => sum + one.inFlight, 0)
  return { app, port, inFlight }
}

describe('reply.proxy', () => {
  test('passes request and response through Fastify\'s hooks', async () => {
    const users = await endpoint('users')
    const { port, inFlight } = await proxied({ endpoints: [users.address] }, (app) => {
      app.addHook('onRequest', async (incoming, reply) => void (incoming.url === '/no' && reply.code(403).send('no')))
      app.addHook('onSend', async (_request, reply) => void reply.header('x-hook', '1'))
    })
    expect(await ask(port, '/users?a=b')).toMatchObject({ status: 200, body: 'users GET /users?a=b', headers: { 'x-hook': '1' } })
    expect((await ask(port, '/no')).status).toBe(403)
    expect(inFlight()).toBe(0)
  })

  test('does not go out in the clear where a service asks for TLS', async () => {
    let asked = 0
    const users = await endpoint('users', (_message, response) => void response.end(String(++asked)))
    const { port } = await proxied({ endpoints: [users.address], tls: true })
    expect((await ask(port, '/')).status).toBe(500)
    expect(asked).toBe(0)
  })

  test('sends a body that Fastify has parsed, and end-to-end fields only', async () => {
    const users = await endpoint('users', (message, response) => {
      let body = ''
      message.on('data', (chunk: Buffer) => (body += chunk.toString()))
      message.on('end', () => response.end(JSON.stringify({ body, headers: message.headers })))
    })
    const { port } = await proxied({ endpoints: [users.address] })
    const { body } = await ask(port, '/', { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json', connection: 'x-hop', 'x-hop': '1', 'x-own': '2' } })
    const seen = JSON.parse(body) as { body: string; headers: Record<string, string> }
    expect([seen.body, seen.headers['x-own'], seen.headers['x-hop'], seen.headers['content-length']]).toEqual(['{"a":1}', '2', undefined, '7'])
    expect(seen.headers['x-forwarded-for']).toBe('127.0.0.1')
  })

  test('asks the balancer, admissions and the outlier detector, who see status and endpoint', async () => {
    const told: unknown[] = []
    const failing = await endpoint('users', (_message, response) => void response.writeHead(500).end())
    const { app, port, inFlight } = await proxied({
      endpoints: [failing.address],
      admission: [{ admit: () => void told.push('admit'), ended: (exchange) => void told.push(exchange.response?.status) }],
      outlier: { ended: (one, exchange) => void told.push([one.address, exchange.response?.status]) },
    })
    expect((await ask(port, '/')).status).toBe(500)
    await expect.poll(inFlight).toBe(0)
    expect(told).toEqual(['admit', 500, [failing.address, 500]])
    expect(app.mesh.snapshot.services.get('users')?.endpoints.all[0]).toMatchObject({ attempts: 1, failures: 1 })
  })

  test('makes one attempt, whatever the endpoint says', async () => {
    let attempts = 0
    const busy = await endpoint('users', (_message, response) => {
      attempts++
      response.writeHead(503, { 'retry-after': '0' }).end()
    })
    const { port } = await proxied({ endpoints: [busy.address] })
    expect([(await ask(port, '/')).status, attempts]).toEqual([503, 1])
  })

  test('refuses with the code of an admission, and without an endpoint', async () => {
    const full = await proxied({ endpoints: ['127.0.0.1:1'], admission: [{ admit: () => new MeshError('MESH_OVERFLOW'), ended() {} }] })
    expect(await ask(full.port, '/')).toMatchObject({ status: 503, body: expect.stringContaining('MESH_OVERFLOW') })
    const empty = await proxied({ endpoints: [] })
    expect(await ask(empty.port, '/')).toMatchObject({ status: 503, body: expect.stringContaining('MESH_NO_ENDPOINT') })
  })

  test('answers an endpoint that refuses the connection with 502 MESH_CONNECT_FAILED', async () => {
    const { app, port, inFlight } = await proxied({ endpoints: ['127.0.0.1:1'] })
    expect(await ask(port, '/')).toMatchObject({ status: 502, body: expect.stringContaining('MESH_CONNECT_FAILED') })
    await expect.poll(inFlight).toBe(0)
    expect(app.mesh.snapshot.services.get('users')?.endpoints.all[0]).toMatchObject({ failures: 1 })
  })

  test('answers an endpoint that goes away with MESH_UPSTREAM_CLOSED', async () => {
    const users = await endpoint('users', (message) => void message.socket.destroy())
    const { port } = await proxied({ endpoints: [users.address] })
    expect(await ask(port, '/')).toMatchObject({ status: 502, body: expect.stringContaining('MESH_UPSTREAM_CLOSED') })
  })

  test('answers an endpoint that is silent for longer than the service allows with a 504', async () => {
    const silent = await endpoint('users', () => {})
    const { port } = await proxied({ endpoints: [silent.address], timeout: { responseHeadersMs: 20, responseIdleMs: 20 } })
    expect(await ask(port, '/')).toMatchObject({ status: 504, body: expect.stringContaining('MESH_RESPONSE_HEADERS_TIMEOUT') })
  })

  test('blames the endpoint for a body that it cuts, and the client sees the cut', async () => {
    const cutting = await endpoint('users', (message, response) => {
      response.writeHead(200, { 'content-length': '10' })
      response.write('half')
      setImmediate(() => message.socket.destroy())
    })
    const { app, port, inFlight } = await proxied({ endpoints: [cutting.address] })
    await expect(ask(port, '/')).rejects.toThrow('aborted')
    await expect.poll(inFlight).toBe(0)
    expect(app.mesh.snapshot.services.get('users')?.endpoints.all[0]).toMatchObject({ failures: 1 })
  })

  test('answers a service that does not exist with a 500', async () => {
    const { app } = mesh()
    app.get('/', (_request, reply) => reply.proxy('absent'))
    expect((await ask(await listening(app), '/')).status).toBe(500)
  })

  test('takes another path', async () => {
    const users = await endpoint('users')
    const { app } = mesh()
    await app.mesh.service('users', { endpoints: [users.address] })
    app.get('/:id', (_request, reply) => reply.proxy('users', '/v2/users'))
    expect((await ask(await listening(app), '/7')).body).toBe('users GET /v2/users')
  })

  test('uncounts a client that leaves while the endpoint thinks', async () => {
    const silent = await endpoint('users', () => {})
    const { port, inFlight, app } = await proxied({ endpoints: [silent.address] })
    const asking = request({ host: '127.0.0.1', port, path: '/', agent: false }).on('error', () => {})
    asking.end()
    await expect.poll(inFlight).toBe(1)
    asking.socket?.resetAndDestroy()
    await expect.poll(inFlight).toBe(0)
    expect(app.mesh.snapshot.services.get('users')?.endpoints.all[0]).toMatchObject({ attempts: 1, failures: 0 })
  })

  test('does not count a client that has left before', async () => {
    const users = await endpoint('users')
    const left = Promise.withResolvers<void>()
    const arrived = Promise.withResolvers<void>()
    const { app } = mesh()
    await app.mesh.service('users', { endpoints: [users.address] })
    const tried = Promise.withResolvers<void>()
    app.get('/', async (_request, reply) => {
      reply.raw.once('close', () => left.resolve())
      arrived.resolve()
      await left.promise
      await new Promise((resolve) => setImmediate(resolve))
      void reply.proxy('users')
      tried.resolve()
      return reply
    })
    const port = await listening(app)
    const asking = request({ host: '127.0.0.1', port, path: '/', agent: false }).on('error', () => {})
    asking.end()
    await arrived.promise
    asking.socket?.resetAndDestroy()
    await tried.promise
    const [one] = app.mesh.snapshot.services.get('users')?.endpoints.all ?? []
    expect(one?.inFlight).toBe(0)
  })
})
