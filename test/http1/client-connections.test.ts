// One client connection from its first byte to its last: what is held back, who is waited for and how long, and how it ends.
import { describe, expect, test } from 'vitest'
import { reply, type Filter } from '@meshwright/core'
import { answer, answeringEndpoint, codeOf, get, http, ok, post, rawEndpoint, startMesh, until } from '../kit/index.ts'

describe('requests that come before the last is answered', () => {
  test('wait in the socket when they are many, and are all answered in order', async () => {
    const endpoint = await answeringEndpoint(({ target }) => answer('200 OK', target))
    const gate = Promise.withResolvers<void>()
    const mesh = await startMesh(endpoint, { filters: [{ name: 'gate', onRequestHeaders: () => gate.promise }] })
    const count = 9
    const fields = `X-Long: ${'x'.repeat(20_000)}`
    const client = (await mesh.connect()).send(Array.from({ length: count }, (_, at) => get(`/${at}`, fields)).join(''))
    gate.resolve()
    const bodies: string[] = []
    for (let at = 0; at < count; at++) bodies.push((await client.response()).body.toString())
    expect(bodies).toEqual(Array.from({ length: count }, (_, at) => `/${at}`))
  })

  test('are no bytes of its body, which may wait as well', async () => {
    const endpoint = await answeringEndpoint(({ target, body }) => answer('200 OK', `${target} ${body.length}`))
    const gate = Promise.withResolvers<void>()
    const mesh = await startMesh(endpoint, { filters: [{ name: 'gate', onRequestHeaders: () => gate.promise }] })
    const large = 'x'.repeat(300_000)
    const client = (await mesh.connect()).send(post('/1', large) + post('/2', '') + post('/3', large) + get('/4')).halfClose()
    gate.resolve()
    for (const body of ['/1 300000', '/2 0', '/3 300000', '/4 0']) expect((await client.response()).body.toString()).toBe(body)
    expect(await client.closed).toBe('end')
  })

  test('are not answered when the answer before them is the last', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { listener: { limits: { requestsPerConnection: 2 } } })
    const client = (await mesh.connect()).send(get('/1') + get('/2') + get('/3'))
    expect([(await client.response()).one('connection'), (await client.response()).one('connection')]).toEqual(['keep-alive', 'close'])
    expect([await client.closed, client.rest.length, endpoint.requests.length]).toEqual(['end', 0, 2])
  })
})

describe('a client that has sent everything', () => {
  test.each([
    ['nothing', '', ''], ['an empty line', '\r\n', ''], ['half a head', 'GET / HTTP/1.1\r\nHo', 'MESH_BAD_REQUEST'], ['half a body', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab', 'MESH_BAD_REQUEST'],
    ['half a chunk', http(['POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked'], '5\r\nab'), 'MESH_BAD_REQUEST'],
  ])('and that was %s behind a request is told so, once', async (_name, rest, code) => {
    const mesh = await startMesh(await answeringEndpoint())
    const client = (await mesh.connect()).send(get('/first') + rest).halfClose()
    expect((await client.response()).status).toBe(200)
    if (code !== '') expect(codeOf(await client.response())).toBe(code)
    expect([await client.closed, client.rest.length]).toEqual(['end', 0])
  })

  test('and does not read what is cut is not waited for', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.requestHead()
      wire.send(`HTTP/1.1 200 OK\r\nContent-Length: 90000000\r\n\r\n`).send(Buffer.alloc(20_000_000))
    })
    const mesh = await startMesh(endpoint, { listener: { timeouts: { responseStallMs: 100 } } })
    const client = (await mesh.connect()).pause().send(get('/')).halfClose()
    expect((await mesh.exchange()).code).toBe('MESH_RESPONSE_STALLED')
    client.resume()
    await client.closed
  })
})

describe('a client that goes on sending', () => {
  test('behind the last answer gets it, and no reset', async () => {
    const mesh = await startMesh(await answeringEndpoint(), { listener: { limits: { bodyBytes: 10 } } })
    const client = (await mesh.connect()).pause().send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n').send(Buffer.alloc(900_000))
    client.resume()
    const refused = await client.response()
    expect([refused.status, codeOf(refused)]).toEqual([413, 'MESH_BODY_TOO_LARGE'])
    expect(await client.closed).toBe('end')
  })

  test('more than is read of it is held up, and still gets the answer', async () => {
    const mesh = await startMesh(await answeringEndpoint(), { listener: { limits: { bodyBytes: 10 } } })
    const client = (await mesh.connect()).send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000000\r\n\r\n').send(Buffer.alloc(30_000_000))
    expect((await client.response()).status).toBe(413)
  })
})

describe('a client is waited for', () => {
  test.each([
    ['at all', '', 'requestHeadersMs', 'MESH_REQUEST_HEADERS_TIMEOUT'],
    ['within a head', 'GET / HT', 'requestHeadersMs', 'MESH_REQUEST_HEADERS_TIMEOUT'],
    ['behind an empty line', '\r\n', 'requestHeadersMs', 'MESH_REQUEST_HEADERS_TIMEOUT'],
    ['within a body', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab', 'requestBodyIdleMs', 'MESH_REQUEST_BODY_TIMEOUT'],
  ] as const)('no longer than %s is allowed, and told so', async (_name, bytes, timeout, code) => {
    const mesh = await startMesh(await rawEndpoint(), { listener: { timeouts: { [timeout]: 50 } } })
    const client = (await mesh.connect()).send(bytes)
    const refused = await client.response()
    expect([refused.status, codeOf(refused)]).toEqual([408, code])
    expect(await client.closed).toBe('end')
  })

  test.each([['nothing', ''], ['an empty line', '\r\n']])('between requests until its time is over, without a word, when it sends %s', async (_name, bytes) => {
    const mesh = await startMesh(await answeringEndpoint(), { listener: { timeouts: { keepAliveMs: 50 } } })
    const client = (await mesh.connect()).send(get('/'))
    await client.response()
    client.send(bytes)
    await client.closed
    expect(client.rest.length).toBe(0)
  })

  test('for the rest of a body that nobody wants, and no longer', async () => {
    const refusing: Filter = { name: 'refusing', onRequestHeaders: () => reply(403) }
    const mesh = await startMesh(await rawEndpoint(), { listener: { timeouts: { requestBodyIdleMs: 50 } }, filters: [refusing] })
    const client = (await mesh.connect()).send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab')
    expect((await client.response()).status).toBe(403)
    await client.closed
    expect(client.rest.length).toBe(0)
  })
})

test('a client that leaves while a filter has held back the end of its body is noticed', async () => {
  const endpoint = await rawEndpoint()
  const mesh = await startMesh(endpoint, { filters: [{ name: 'slow', onRequestBody: (_exchange, chunk) => new Promise((resolve) => setImmediate(() => resolve(chunk))) }] })
  const client = (await mesh.connect()).send(post('/', 'hello'))
  const upstream = await endpoint.connection()
  await upstream.request()
  client.reset()
  expect((await mesh.exchange()).code).toBe('MESH_CLIENT_CLOSED')
  await upstream.closed
})

test('connections that wait for a request end when the mesh is drained, the others with their answer', async () => {
  const endpoint = await rawEndpoint()
  const mesh = await startMesh(endpoint, { mesh: { drainMs: 30_000 } })
  const busy = (await mesh.connect()).send(get('/busy'))
  const idle = (await mesh.connect()).send(get('/idle'))
  const wires = [await endpoint.connection(0), await endpoint.connection(1)]
  for (const wire of wires) await wire.request()
  const toIdle = wires.find((wire) => wire.text.includes('/idle'))
  toIdle?.send(ok)
  await idle.response()
  const closing = mesh.app.close()
  expect(await idle.closed).toBe('end')
  wires.find((wire) => wire !== toIdle)?.send(ok)
  expect((await busy.response()).status).toBe(200)
  expect(await busy.closed).toBe('end')
  await closing
  await until(() => mesh.ended.length === 2, 'both exchanges')
})
