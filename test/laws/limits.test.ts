// Every limit of a listener and of a service has an effect and an error code.
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { MeshError, type Admission } from '@meshwright/core'
import { answer, answeringEndpoint, codeOf, get, http, post, rawEndpoint, seenBy, startMesh, until } from '../kit/index.ts'

describe('limits of a listener', () => {
  test('bodyBytes: a declared body beyond it is a 413 MESH_BODY_TOO_LARGE', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { listener: { limits: { bodyBytes: 10 } } })
    const { response } = await mesh.ask(post('/', 'x'.repeat(11)))
    expect([response.status, codeOf(response)]).toEqual([413, 'MESH_BODY_TOO_LARGE'])
    expect((await seenBy(mesh, endpoint)).filter((request) => request.body.length > 0)).toEqual([])
  })

  test('bodyBytes: a chunked body that grows beyond it is a 413 MESH_BODY_TOO_LARGE', async () => {
    const endpoint = await rawEndpoint()
    const mesh = await startMesh(endpoint, { listener: { limits: { bodyBytes: 10 } } })
    const client = (await mesh.connect()).send(http(['POST / HTTP/1.1', 'Host: test.example', 'Transfer-Encoding: chunked'], '5\r\nhello\r\n'))
    await (await endpoint.connection()).untilText('hello')
    client.send('a\r\n0123456789\r\n')
    const response = await client.response()
    expect([response.status, codeOf(response)]).toEqual([413, 'MESH_BODY_TOO_LARGE'])
    await (await endpoint.connection()).closed
  })

  test('bodyBytes: a body of exactly that size passes', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { listener: { limits: { bodyBytes: 10 } } })
    expect((await mesh.ask(post('/', 'x'.repeat(10)))).response.status).toBe(200)
  })

  test('connections: one more than allowed is a 503 MESH_TOO_MANY_CONNECTIONS, and room comes back', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { listener: { limits: { connections: 2 } } })
    const first = (await mesh.connect()).send(get('/'))
    await first.response()
    const second = (await mesh.connect()).send(get('/'))
    await second.response()
    const third = await mesh.connect()
    const refused = await third.response()
    expect([refused.status, codeOf(refused)]).toEqual([503, 'MESH_TOO_MANY_CONNECTIONS'])
    await third.closed
    first.reset()
    for (let status = 0; status !== 200; ) {
      const again = (await mesh.connect()).send(get('/'))
      status = (await again.response()).status
      again.reset()
    }
  })

  test('requestsPerConnection: the last one says close, and those behind it are not executed', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { listener: { limits: { requestsPerConnection: 2 } } })
    const client = (await mesh.connect()).send(get('/1') + get('/2') + get('/3'))
    expect((await client.response()).all('connection').join().toLowerCase()).not.toContain('close')
    expect((await client.response()).all('connection').join().toLowerCase()).toContain('close')
    await client.closed
    expect((await seenBy(mesh, endpoint)).map((request) => request.target)).toEqual(['/1', '/2'])
  })

  test('a client that never reads cannot make pipelined requests pile up', async () => {
    const endpoint = await answeringEndpoint(answer('200 OK', 'x'.repeat(100_000)))
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).pause()
    for (let sent = 0; sent < 2000; sent += 100) client.send(get('/').repeat(100))
    await until(() => endpoint.requests.length > 3, 'the first requests')
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(endpoint.requests.length).toBeLessThan(1000)
  })
})

describe('limits of a service', () => {
  test('connections: no more than allowed are opened to one endpoint', async () => {
    const endpoint = await rawEndpoint()
    const mesh = await startMesh(endpoint, { service: { limits: { connections: 2 } } })
    const clients = await Promise.all([1, 2, 3, 4].map(async () => (await mesh.connect()).send(get('/'))))
    await until(() => endpoint.wires.length >= 2, 'two connections')
    for (const wire of endpoint.wires.slice()) void wire.request().then(() => wire.send(answer('200 OK', 'ok')))
    await Promise.race(clients.map((client) => client.response()))
    expect(endpoint.wires.length).toBe(2)
    for (const wire of endpoint.wires) void wire.request().then(() => wire.send(answer('200 OK', 'ok'))).catch(() => undefined)
  })

  test('admission: a refusal is what the policy says', async () => {
    const endpoint = await answeringEndpoint()
    const none: Admission = { admit: () => new MeshError('MESH_OVERFLOW'), ended() {} }
    const mesh = await startMesh(endpoint, { service: { admission: [none] } })
    const { response } = await mesh.ask(get('/'))
    expect([response.status, codeOf(response)]).toEqual([503, 'MESH_OVERFLOW'])
  })

  test('admission: what was admitted is given back once', async () => {
    let room = 0
    const endpoint = await answeringEndpoint()
    const counting: Admission = { admit: () => void room++, ended: () => void room-- }
    const mesh = await startMesh(endpoint, { service: { admission: [counting] } })
    for (let index = 0; index < 3; index++) await mesh.ask(get('/'))
    await mesh.exchange(3)
    expect(room).toBe(0)
  })

  test('no endpoints: 503 MESH_NO_ENDPOINT', async () => {
    const mesh = await startMesh([])
    const { response } = await mesh.ask(get('/'))
    expect([response.status, codeOf(response)]).toEqual([503, 'MESH_NO_ENDPOINT'])
  })
})

test('no route: 404 MESH_NO_ROUTE', async () => {
  const endpoint = await answeringEndpoint()
  const mesh = await startMesh(endpoint, { route: { match: { path: '/only' }, to: 'test' } })
  const { response } = await mesh.ask(get('/other'))
  expect([response.status, codeOf(response)]).toEqual([404, 'MESH_NO_ROUTE'])
})

test('draining: responses say close, new connections are refused, and what is under way ends', async () => {
  const endpoint = await rawEndpoint()
  const mesh = await startMesh(endpoint)
  const client = (await mesh.connect()).send(get('/'))
  const upstream = await endpoint.connection()
  await upstream.request()
  const drained = mesh.app.mesh.drain(5000)
  upstream.send(answer('200 OK', 'ok'))
  const response = await client.response()
  expect([response.body.toString(), response.one('connection')?.toLowerCase()]).toEqual(['ok', 'close'])
  await client.closed
  await drained
  await expect(
    new Promise((resolve, reject) => {
      connect(mesh.port, '127.0.0.1', () => resolve('connected')).once('error', reject)
    }),
  ).rejects.toThrow('ECONNREFUSED')
})
