// What goes no further than one connection, and what a proxy adds (rules 44 to 53).
import { describe, expect, test } from 'vitest'
import { answer, answeringEndpoint, expectRefused, forwarded, get, http, ok, rawEndpoint, seenBy, smuggled, startMesh } from '../kit/index.ts'

const names = (headers: readonly (readonly [string, string])[]): string[] => headers.map(([name]) => name.toLowerCase())

describe('rule 44: Connection and what it names', () => {
  test.each([
    ['one name', ['Connection: X-A']],
    ['among others', ['Connection: keep-alive, X-A']],
    ['in another case', ['connection: x-a']],
    ['with spaces and tabs', ['Connection: \tX-A ,, keep-alive']],
    ['in a second Connection field', ['Connection: keep-alive', 'Connection: X-A']],
  ])('%s is removed from the request', async (_name, fields) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const request = await forwarded(mesh, endpoint, get('/', ...fields, 'X-A: secret', 'X-B: stays'))
    expect([request.all('x-a'), request.one('x-b')]).toEqual([[], 'stays'])
    expect(request.all('connection').join()).not.toMatch(/x-a/i)
  })

  test('a field that stands before Connection is removed too, every one of them', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const request = await forwarded(mesh, endpoint, http(['GET / HTTP/1.1', 'X-A: 1', 'Host: test.example', 'x-a: 2', 'Connection: x-a', 'X-a: 3']))
    expect(request.all('x-a')).toEqual([])
  })
})

describe('rule 45: what Connection may not name', () => {
  test.each(['x-forwarded-for', 'X-Forwarded-Proto', 'x-forwarded-host', 'x-request-id', 'via'])('%s, added by the proxy, stays', async (name) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const request = await forwarded(mesh, endpoint, get('/', `Connection: ${name}`))
    expect(request.all(name).length).toBeGreaterThan(0)
  })

  test.each(['host', 'content-length', 'transfer-encoding', 'Content-Length, Host'])('%s stays, and the body whole', async (name) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const request = await forwarded(mesh, endpoint, http(['POST / HTTP/1.1', 'Host: test.example', `Connection: ${name}`, `Content-Length: ${smuggled.length}`], smuggled))
    expect([request.one('host'), request.body.toString()]).toEqual(['test.example', smuggled])
  })
})

describe('rule 46: fields of one connection', () => {
  test.each(['Keep-Alive: timeout=5', 'Proxy-Connection: keep-alive', 'TE: gzip', 'Upgrade: h2c', 'Connection: close', 'HTTP2-Settings: AAMAAABk', 'Proxy-Connection: close'])('%s is not passed on', async (field) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const request = await forwarded(mesh, endpoint, get('/', field))
    const [name, value] = field.split(': ') as [string, string]
    if (name === 'Connection') expect(request.all(name)).not.toContain(value)
    else expect(request.all(name)).toEqual([])
  })

  test.each(['trailers', 'gzip, trailers', 'trailers;q=0.5, deflate'])('TE: %s becomes TE: trailers or nothing', async (value) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const request = await forwarded(mesh, endpoint, get('/', `TE: ${value}`, 'Connection: TE'))
    expect(['trailers', undefined]).toContain(request.one('te'))
  })

  test('TE: trailers is passed on', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    expect((await forwarded(mesh, endpoint, get('/', 'TE: trailers', 'Connection: TE'))).one('te')).toBe('trailers')
  })
})

describe('rule 47: the same for responses', () => {
  test('Connection, what it names, and fields of one connection go no further', async () => {
    const endpoint = await answeringEndpoint(answer('200 OK', 'ok', 'Connection: X-A, keep-alive', 'X-A: 1', 'X-B: 2', 'Keep-Alive: timeout=77', 'Proxy-Connection: keep-alive', 'Upgrade: h2c', 'TE: x'))
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(get('/'))
    expect(response.one('x-b')).toBe('2')
    for (const name of ['x-a', 'proxy-connection', 'upgrade', 'te']) expect(response.all(name), name).toEqual([])
    expect(response.all('keep-alive').join()).not.toContain('77')
  })

  test('Connection of a response cannot take away its framing', async () => {
    const endpoint = await answeringEndpoint(answer('200 OK', 'ok', 'Connection: content-length, set-cookie', 'Set-Cookie: a=1'))
    const mesh = await startMesh(endpoint)
    const { wire, response } = await mesh.ask(get('/'))
    expect([response.body.toString(), response.all('set-cookie')]).toEqual(['ok', []])
    wire.send(get('/again'))
    expect((await wire.response()).body.toString()).toBe('ok')
  })
})

describe('rule 48: Via', () => {
  test('is added to requests, behind those that were there', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const request = await forwarded(mesh, endpoint, get('/', 'Via: 1.0 fred'))
    const via = request.all('via').join(', ')
    expect(via).toMatch(/^1\.0 fred, 1\.1 \S+/)
  })
  test('is added to responses', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    expect((await mesh.ask(get('/'))).response.all('via').join()).toMatch(/^1\.1 \S+/)
  })
})

describe('rule 49: Max-Forwards', () => {
  test('of OPTIONS is counted down', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    expect((await forwarded(mesh, endpoint, http(['OPTIONS / HTTP/1.1', 'Host: test.example', 'Max-Forwards: 3']))).one('max-forwards')).toBe('2')
  })
  test('of 0 is answered here', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(http(['OPTIONS / HTTP/1.1', 'Host: test.example', 'Max-Forwards: 0']))
    expect(response.status).toBeLessThan(500)
    expect(await seenBy(mesh, endpoint)).toEqual([])
  })
  test('of other methods is passed on unchanged', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    expect((await forwarded(mesh, endpoint, get('/', 'Max-Forwards: 0'))).one('max-forwards')).toBe('0')
  })
})

describe('rule 50: loops', () => {
  test('a mesh that is its own endpoint answers 508 instead of running in circles', async () => {
    const placeholder = await rawEndpoint()
    const mesh = await startMesh(placeholder, { logsErrors: true })
    await mesh.app.mesh.apply({ services: { self: { endpoints: [`127.0.0.1:${mesh.port}`] } }, routes: [{ match: { path: '/*' }, to: 'self' }] })
    const { response } = await mesh.ask(get('/round'))
    expect(response.status).toBe(508)
  })
})

describe('rule 51: who the client is', () => {
  test('forwarded fields of a peer that is not trusted are replaced', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const request = await forwarded(
      mesh,
      endpoint,
      get('/', 'X-Forwarded-For: 10.0.0.1', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: evil.example', 'X-Forwarded-Port: 443', 'X-Real-IP: 10.0.0.1', 'Forwarded: for=10.0.0.1', 'X-Request-Id: mine'),
    )
    expect([request.one('x-forwarded-for'), request.one('x-forwarded-proto'), request.one('x-forwarded-host')]).toEqual(['127.0.0.1', 'http', 'test.example'])
    expect(request.one('x-request-id')).not.toBe('mine')
    expect(JSON.stringify(request.headers)).not.toMatch(/10\.0\.0\.1|evil/)
    for (const name of ['x-forwarded-port', 'x-real-ip', 'forwarded']) expect(request.all(name)).toEqual([])
  })

  test('underscored spellings of forwarded fields say nothing of the client', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { listener: { underscores: 'drop' } })
    const request = await forwarded(mesh, endpoint, get('/', 'X_Forwarded_For: 10.0.0.1'))
    expect(names(request.headers)).not.toContain('x_forwarded_for')
  })

  test('a trusted hop is believed and appended to', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { listener: { trustedHops: ['127.0.0.0/8'] } })
    const request = await forwarded(mesh, endpoint, get('/', 'X-Forwarded-For: 203.0.113.9', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: shop.example', 'X-Request-Id: kept-id'))
    expect(request.all('x-forwarded-for').join(', ')).toBe('203.0.113.9, 127.0.0.1')
    expect([request.one('x-forwarded-proto'), request.one('x-forwarded-host'), request.one('x-request-id')]).toEqual(['https', 'shop.example', 'kept-id'])
  })

  test('a trusted hop cannot make the proxy send a field twice or a bad value', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { listener: { trustedHops: ['127.0.0.0/8'] } })
    const request = await forwarded(mesh, endpoint, get('/', 'X-Forwarded-For: not an address', 'X-Forwarded-For: 203.0.113.9', 'X-Forwarded-Proto: gopher', 'X-Request-Id: a', 'X-Request-Id: b'))
    expect(['http', 'https']).toContain(request.one('x-forwarded-proto'))
    expect(request.all('x-request-id').length).toBe(1)
  })
})

describe('rule 52: CONNECT', () => {
  test('is refused, and what was sent ahead goes nowhere', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(http([`CONNECT ${endpoint.address} HTTP/1.1`, 'Host: test.example'], `early data${smuggled}`))
    expect([400, 405, 501]).toContain((await client.response()).status)
    await client.closed
    expect(await seenBy(mesh, endpoint)).toEqual([])
    expect(endpoint.text).not.toContain('early data')
  })
})

describe('rule 53: TRACE', () => {
  test('is refused', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(http(['TRACE / HTTP/1.1', 'Host: test.example', 'Cookie: secret=1', 'Connection: close']))
    expect([405, 501]).toContain(response.status)
    expect(response.body.toString()).not.toContain('secret')
    expect(await seenBy(mesh, endpoint)).toEqual([])
  })
})

describe('answers made here', () => {
  test('an error tells a code and the request id, and nothing of the inside', async () => {
    const endpoint = await rawEndpoint((wire) => wire.reset())
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(get('/'))
    expect([response.status, response.one('content-type')]).toEqual([502, 'application/problem+json'])
    expect(response.body.toString()).not.toMatch(/ECONN|127\.0\.0\.1|undici|at \w+ \(/)
  })

  test('a bad request in the middle leaves the process and other connections alone', async () => {
    const endpoint = await answeringEndpoint(ok)
    const mesh = await startMesh(endpoint)
    const steady = await mesh.connect()
    for (const bad of ['\x00\x00\x00', 'GET\r\n\r\n', http(['GET / HTTP/1.1'])]) {
      await expectRefused(mesh, endpoint, bad + smuggled, 400, 505)
      steady.send(get('/steady'))
      expect((await steady.response()).status).toBe(200)
      endpoint.requests.splice(0)
    }
  })
})
