// A mesh lives in a Fastify app, and leaves to it what is not its own.
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { ask, closeAll, endpoint, listening, mesh } from './mesh.test.kit.ts'

afterEach(closeAll)

describe('Fastify routes beside routes of the mesh', () => {
  test('answer what no route of the mesh matches', async () => {
    const users = await endpoint('users')
    const { app } = mesh()
    await app.mesh.service('users', { endpoints: [users.address] })
    app.mesh.route('/users/*', 'users')
    app.get('/healthz', async () => ({ ok: true }))
    app.post('/echo', async (request) => request.body)
    const port = await listening(app)
    expect((await ask(port, '/users/1?a=b')).body).toBe('users GET /users/1?a=b')
    expect(await ask(port, '/healthz')).toMatchObject({ status: 200, body: '{"ok":true}' })
    expect(await ask(port, '/echo', { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json' } })).toMatchObject({ status: 200, body: '{"a":1}' })
  })

  test('come after those of the mesh, and their hooks do not run for these', async () => {
    const users = await endpoint('users')
    const { app } = mesh()
    const hooked: string[] = []
    app.addHook('onRequest', async (request) => void hooked.push(request.url))
    await app.mesh.service('users', { endpoints: [users.address] })
    app.mesh.route('/users', 'users')
    app.get('/users', async () => 'fastify')
    app.get('/own', async () => 'fastify')
    const port = await listening(app)
    expect([(await ask(port, '/users')).body, (await ask(port, '/own')).body, hooked]).toEqual(['users GET /users', 'fastify', ['/own']])
  })

  test('are reached by other methods than those of a route of the mesh', async () => {
    const users = await endpoint('users')
    const { app } = mesh()
    await app.mesh.service('users', { endpoints: [users.address] })
    app.mesh.route({ path: '/users', method: 'GET' }, 'users')
    app.delete('/users', async () => 'fastify')
    const port = await listening(app)
    expect([(await ask(port, '/users')).body, (await ask(port, '/users', { method: 'DELETE' })).body]).toEqual(['users GET /users', 'fastify'])
  })
})

describe('what no route matches', () => {
  test('is Fastify\'s 404 where it is left to the host', async () => {
    const { app } = mesh()
    const port = await listening(app)
    expect(await ask(port, '/nowhere')).toMatchObject({ status: 404, body: expect.stringContaining('Route GET:/nowhere not found') })
  })

  test('is MESH_NO_ROUTE where the listener replies, whatever routes Fastify has', async () => {
    const { app } = mesh({ listener: { unrouted: 'reply' } })
    app.get('/own', async () => 'fastify')
    const port = await listening(app)
    expect(await ask(port, '/own')).toMatchObject({ status: 404, headers: { 'content-type': 'application/problem+json' }, body: expect.stringContaining('"code":"MESH_NO_ROUTE"') })
  })

  test('is decided for each listener', async () => {
    const { app } = mesh()
    app.get('/own', async () => 'fastify')
    await app.ready()
    const host = await app.mesh.listen({ address: '127.0.0.1:0' })
    const closed = await app.mesh.listen({ address: '127.0.0.1:0', unrouted: 'reply' })
    expect([(await ask(host.port, '/own')).body, (await ask(closed.port, '/own')).status]).toEqual(['fastify', 404])
  })
})

describe('an upgrade', () => {
  const upgrade = (port: number, path: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n`))
      let text = ''
      socket.setEncoding('latin1')
      socket.on('data', (chunk: string) => (text += chunk))
      socket.on('end', () => resolve(text))
      socket.on('error', reject)
    })

  test('that no route matches is left to a listener of the host\'s own', async () => {
    const { app } = mesh()
    app.mesh.add({ match: { path: '/mesh' }, reply: { status: 403 } })
    app.server.on('upgrade', (message, socket) => {
      if (message.url === '/own') socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\nhello')
    })
    const port = await listening(app)
    expect(await upgrade(port, '/own')).toMatch(/^HTTP\/1\.1 101 [^]*hello$/)
    expect(await upgrade(port, '/mesh')).toMatch(/^HTTP\/1\.1 403 /)
  })

  test('that no route matches is MESH_NO_ROUTE where nobody else listens', async () => {
    const { app } = mesh()
    const port = await listening(app)
    expect(await upgrade(port, '/own')).toMatch(/^HTTP\/1\.1 404 [^]*MESH_NO_ROUTE/)
  })
})

describe('listeners', () => {
  test('say where they are', async () => {
    const { app } = mesh()
    await app.ready()
    const bound = await app.mesh.listen({ name: 'public', address: '127.0.0.1:0' })
    expect(bound).toEqual({ name: 'public', host: '127.0.0.1', port: bound.port, url: `http://127.0.0.1:${bound.port}` })
    expect(bound.port).toBeGreaterThan(0)
  })

  test('that cannot be opened say which and why', async () => {
    const { app } = mesh()
    await app.ready()
    const { port } = await app.mesh.listen({ address: '127.0.0.1:0' })
    await expect(app.mesh.listen({ address: `127.0.0.1:${port}` })).rejects.toMatchObject({ code: 'MESH_LISTEN_FAILED', message: expect.stringContaining(`127.0.0.1:${port}: the port is in use`) })
    await expect(app.mesh.listen({ address: 'nowhere' })).rejects.toMatchObject({ code: 'MESH_BAD_OPTIONS' })
  })
})

test('two meshes in one process know nothing of each other', async () => {
  const users = await endpoint('users')
  const [one, two] = [mesh().app, mesh().app]
  await one.mesh.service('users', { endpoints: [users.address] })
  one.mesh.route('/*', 'users')
  await two.ready()
  const port = await listening(one)
  expect((await ask(port, '/')).status).toBe(200)
  expect([two.mesh.snapshot.services.size, two.mesh.snapshot.routes.length]).toEqual([0, 0])
})
