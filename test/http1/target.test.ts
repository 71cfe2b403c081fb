// Request line, target and Host: one reading of them for routing, filters and the endpoint (rules 27 to 43).
import { describe, expect, test } from 'vitest'
import { answeringEndpoint, codeOf, expectRefused, forwarded, get, http, seenBy, smuggled, startMesh } from '../kit/index.ts'

async function refuses(bytes: string, ...statuses: number[]): Promise<void> {
  const endpoint = await answeringEndpoint()
  const mesh = await startMesh(endpoint)
  await expectRefused(mesh, endpoint, bytes, ...statuses)
}

async function passes(bytes: string): Promise<{ target: string; host: string | undefined; method: string }> {
  const endpoint = await answeringEndpoint()
  const mesh = await startMesh(endpoint)
  const request = await forwarded(mesh, endpoint, bytes)
  return { target: request.target, host: request.one('host'), method: request.method }
}

describe('rule 27: a missing Host', () => {
  test('is refused with 400 on HTTP/1.1', () => refuses(http(['GET / HTTP/1.1', 'X-A: a']) + smuggled, 400))
  test('is served on HTTP/1.0', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(http(['GET /old HTTP/1.0']))
    expect(response.status).toBe(200)
    expect((await seenBy(mesh, endpoint))[0]?.target).toBe('/old')
  })
})

describe('rule 28: more than one Host', () => {
  test.each([
    ['different ones', ['Host: a.example', 'Host: b.example']],
    ['the same one twice', ['Host: a.example', 'Host: a.example']],
    ['in another case', ['Host: a.example', 'hOST: b.example']],
    ['one of them empty', ['Host: a.example', 'Host:']],
  ])('%s is refused with MESH_BAD_HOST', async (_name, hosts) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const response = await expectRefused(mesh, endpoint, http(['GET / HTTP/1.1', ...hosts]) + smuggled, 400)
    expect(codeOf(response)).toBe('MESH_BAD_HOST')
  })
})

describe('rule 29: an invalid Host', () => {
  test.each([
    'a b', 'a/b', 'a?b', 'a#b', 'user@a.example', 'user:pass@a.example', 'http://a.example', 'a.example, b.example', 'a.example:port', 'a.example:80:80',
    'a.example:-1', '[::1', '::1', '[::1]x', 'a\\b', 'a"b', '<a>', 'a\tb', 'a.example:99999999', '\xe4.example', '{a}', 'a|b', 'a^b',
  ])('%j is refused with 400', (host) => refuses(http(['GET / HTTP/1.1', `Host: ${host}`]) + smuggled, 400))

  test.each(['a.example', 'A.EXAMPLE', 'a.example:8080', '127.0.0.1', '127.0.0.1:80', '[::1]', '[::1]:8080', 'a-b.example', 'a_b'])('%s is served', async (host) => {
    expect((await passes(http(['GET / HTTP/1.1', `Host: ${host}`]))).host?.toLowerCase()).toBe(host.toLowerCase())
  })
})

describe('rules 30 and 31: absolute-form', () => {
  test('is accepted and its authority wins over Host', async () => {
    expect(await passes(http(['GET http://a.example/path?q=1 HTTP/1.1', 'Host: b.example']))).toEqual({ target: '/path?q=1', host: 'a.example', method: 'GET' })
  })
  test('without a path means /', async () => {
    expect((await passes(http(['GET http://a.example HTTP/1.1', 'Host: a.example']))).target).toBe('/')
  })
  test('with a query and no path means /?query', async () => {
    expect((await passes(http(['GET http://a.example?q HTTP/1.1', 'Host: a.example']))).target).toBe('/?q')
  })
  test('is routed by its authority', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { route: { match: { host: 'a.example', path: '/*' }, to: 'test' }, listener: { unrouted: 'reply' } })
    expect((await mesh.ask(http(['GET http://a.example/ HTTP/1.1', 'Host: b.example']))).response.status).toBe(200)
    expect((await mesh.ask(http(['GET http://b.example/ HTTP/1.1', 'Host: a.example']))).response.status).toBe(404)
  })
  test.each(['http://user@a.example/', 'http://user:pass@a.example/', 'http:///path', 'http://', 'http:/a', 'ftp://a.example/', 'http://a b/', 'http://a.example:x/', 'https:a', 'javascript:alert(1)', 'file:///etc/passwd'])(
    'a target of %j is refused',
    (target) => refuses(http([`GET ${target} HTTP/1.1`, 'Host: a.example']), 400),
  )
})

describe('rule 32: authority-form and asterisk-form', () => {
  test.each(['a.example:80', 'a.example', '*', '*/', 'path', '?q', ''])('GET %j is refused', (target) => refuses(http([`GET ${target} HTTP/1.1`, 'Host: a.example']), 400))
  test('OPTIONS * is passed on as it is', async () => {
    expect((await passes(http(['OPTIONS * HTTP/1.1', 'Host: a.example']))).target).toBe('*')
  })
})

describe('rule 33: white space and control characters in the target', () => {
  test.each(['/a b', '/a\tb', '/a\x00b', '/a\x0bb', '/a\x7fb', '/a\x01b', '/a\rb', '/ HTTP/1.1 x'])('%j is refused', (target) => refuses(get(target) + smuggled, 400, 505))
  test.each(['GET  /x HTTP/1.1', 'GET /x  HTTP/1.1'])('a request line of %j is refused or read with single spaces', async (line) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(http([line, 'Host: a.example']))
    const seen = await seenBy(mesh, endpoint)
    if (response.status === 200) expect(seen.map((request) => request.target)).toEqual(['/x'])
    else expect([response.status, seen]).toEqual([400, []])
  })
  test.each(['GET\t/ HTTP/1.1', 'GET /\tHTTP/1.1', ' GET / HTTP/1.1', 'GET / HTTP/1.1 ', 'GET / HTTP/1.1x'])('a request line of %j is refused', (line) =>
    refuses(http([line, 'Host: a.example']) + smuggled, 400, 505),
  )
})

describe('rule 34: a fragment in the target', () => {
  test.each(['/a#b', '/#', '/a?q#b', 'http://a.example/#b'])('%s is refused or cut off', async (target) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(get(target))
    expect([200, 400]).toContain(response.status)
    for (const request of await seenBy(mesh, endpoint)) expect(request.target).not.toContain('#')
  })
})

describe('rules 35 and 36: percent-encoding', () => {
  test.each(['/a%0d%0aX-Evil:%20yes', '/a%0a', '/a%0d', '/a%20b', '/a%09b', '/a%7f'])('%s is not decoded', async (target) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(get(target))
    const seen = await seenBy(mesh, endpoint)
    if (response.status === 400) return expect(seen).toEqual([])
    expect(seen[0]?.target.toLowerCase()).toBe(target.toLowerCase())
  })
  test('%00 is refused', () => refuses(get('/a%00b'), 400))
  test.each(['/%2525', '/a%252fb', '/a%252e%252e/b', '/%25%32%65'])('%s is decoded at most once', async (target) => {
    const seen = (await passes(get(target))).target
    expect(seen).toMatch(/^\/.*%25/)
    expect(seen).not.toContain('..')
  })
  test.each(['/a%', '/a%2', '/a%zz', '/a%2g', '/a%u0041'])('%s, malformed, is refused', (target) => refuses(get(target), 400))
  test('encoding in the query is left alone', async () => {
    expect((await passes(get('/a?b=%2F%2e%2e&c=%41&d=/../x//y'))).target).toBe('/a?b=%2F%2e%2e&c=%41&d=/../x//y')
  })
})

describe('rule 37: one form of the path', () => {
  test.each([
    ['/a/../b', '/b'],
    ['/a/./b', '/a/b'],
    ['/../../etc/passwd', '/etc/passwd'],
    ['/a/%2e%2e/b', '/b'],
    ['/a/%2E./b', '/b'],
    ['/%61dmin', '/admin'],
    ['//a//b', '/a/b'],
    ['/a/b/..', '/a/'],
    ['/a%c3%a4', '/a%C3%A4'],
    ['/a;p=1/b', '/a;p=1/b'],
    ['/~user', '/~user'],
  ])('%s reaches the endpoint as %s', async (target, expected) => {
    expect((await passes(get(target))).target).toBe(expected)
  })
  test.each(['/a%2fb', '/a%2Fb', '/a%5cb', '/..%2fadmin', '/a\\b', '/..\\admin'])('%s, an escaped or turned slash, is refused', (target) => refuses(get(target), 400))

  test.each(['/public/../admin', '/public/%2e%2e/admin', '/%61dmin', '//admin', '/./admin', '/public/..//admin', '/ADMIN/../admin', '/admin?x'])(
    '%s does not slip past a route that guards /admin',
    async (target) => {
      const endpoint = await answeringEndpoint()
      const mesh = await startMesh(endpoint, {
        setup: (app) => app.mesh.add({ match: { path: '/admin/*' }, reply: { status: 403 } }),
      })
      expect((await mesh.ask(get(target))).response.status).toBe(403)
      expect(await seenBy(mesh, endpoint)).toEqual([])
    },
  )

  test.each(['/a%2fb', '/a%00b', '/a%zz', '/a#b'])('%s that is left to the host app reaches no endpoint', async (target) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { listener: { unrouted: 'host' } })
    const { response } = await mesh.ask(get(target))
    expect([400, 404]).toContain(response.status)
    expect(await seenBy(mesh, endpoint)).toEqual([])
  })

  test('a filter sees the same path as the endpoint', async () => {
    const endpoint = await answeringEndpoint()
    const paths: string[] = []
    const mesh = await startMesh(endpoint, { filters: [{ name: 'look', onRequestHeaders: (exchange) => void paths.push(exchange.request.path) }] })
    const request = await forwarded(mesh, endpoint, get('/x/..//%61/./b%2d?q'))
    expect(paths).toContain('/a/b-')
    expect(request.target).toBe('/a/b-?q')
  })

  test('without normalisation the path is passed as received', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { listener: { path: { normalize: false, mergeSlashes: false, escapedSlashes: 'keep' } } })
    expect((await forwarded(mesh, endpoint, get('/a//b/%2f/%61'))).target).toBe('/a//b/%2f/%61')
  })
})

describe('rule 38: the endpoint is never chosen from the target', () => {
  test.each(['//other.example/x', '/@other.example', '/http://other.example/', '///other.example', '/.other.example', '/:80', '/other.example:80/'])('%s goes to the service of the route', async (target) => {
    const { host } = await passes(get(target))
    expect(host).toBe('test.example')
  })
  test('an absolute-form target with the address of something else goes to the service of the route', async () => {
    const secret = await answeringEndpoint()
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    await forwarded(mesh, endpoint, http([`GET http://${secret.address}/ HTTP/1.1`, 'Host: a.example']))
    expect(secret.wires).toEqual([])
  })
})

describe('rule 39: versions', () => {
  test.each(['HTTP/2.0', 'HTTP/3.0', 'HTTP/0.9', 'HTTP/1', 'HTTP/1.', 'HTTP/11', 'HTTP/1.10', 'HTTP/01.1', 'http/1.1', 'HTTP /1.1', 'HTP/1.1', 'HTTP/1.1.1', 'HTTP/-1.1', 'HTTP/ 1.1', 'HTTPS/1.1', 'ICE/1.0', 'HTTP/9.9'])(
    '%s is refused',
    (version) => refuses(http([`GET / ${version}`, 'Host: test.example']) + smuggled, 400, 505),
  )
  test('HTTP/1.2 is refused or served as HTTP/1.1', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(http(['GET / HTTP/1.2', 'Host: test.example', 'Connection: close']))
    expect([200, 400, 505]).toContain(response.status)
  })
  test('RTSP/1.0, which the parser takes for HTTP/1.0, is refused or ends the connection behind its answer', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(http(['GET /rtsp RTSP/1.0', 'Host: test.example']) + smuggled)
    await client.response()
    await client.closed
    expect((await seenBy(mesh, endpoint)).filter((request) => request.target === '/smuggled')).toEqual([])
  })
  test('a request line without a version is refused', () => refuses('GET /\r\n\r\n', 400, 505))
  test('a request line without a version, ended by a bare LF, with headers and a body, is refused', () =>
    refuses(`POST /x\nHost: test.example\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`, 400, 505))
  test('HTTP/1.0 is served, answered without chunks and the connection closed', async () => {
    const endpoint = await answeringEndpoint('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n')
    const mesh = await startMesh(endpoint)
    const { wire, response } = await mesh.ask(http(['GET / HTTP/1.0', 'Host: test.example']))
    expect([response.all('transfer-encoding'), response.body.toString()]).toEqual([[], 'ok'])
    expect(await wire.closed).toBe('end')
  })
})

describe('rule 40: methods', () => {
  test.each(['GET', 'PATCH', 'PROPFIND', 'REPORT', 'PURGE'])('%s is passed on as it is', async (method) => {
    expect((await passes(http([`${method} / HTTP/1.1`, 'Host: a.example']))).method).toBe(method)
  })
  test.each(['get', 'Get', 'gET', 'post', 'FOO', 'G-T'])('%s is passed on as it is or refused, never rewritten', async (method) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(http([`${method} / HTTP/1.1`, 'Host: a.example']))
    const seen = await seenBy(mesh, endpoint)
    if (response.status === 200) expect(seen.map((request) => request.method)).toEqual([method])
    else expect([response.status >= 400, seen]).toEqual([true, []])
  })
  test.each(['G T', 'G(T', 'G\x00T', 'G\x7fT', '', 'G{', 'G\xe4T'])('%j, no token, is refused', (method) => refuses(http([`${method} / HTTP/1.1`, 'Host: a.example']) + smuggled, 400, 501, 405, 505))
})

describe('rule 41: the preface of HTTP/2', () => {
  test('is refused', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00${smuggled}`)
    await client.closed
    expect(client.text).toMatch(/^(HTTP\/1\.1 (400|405|505) |$)/)
    expect(await seenBy(mesh, endpoint)).toEqual([])
  })
})

describe('rule 42: behind a framing error', () => {
  test.each([
    ['a bad field', http(['GET /first HTTP/1.1', 'Host: test.example', 'X A: b'])],
    ['a bad request line', 'GET\r\n\r\n'],
    ['two Host fields', http(['GET /first HTTP/1.1', 'Host: a', 'Host: b'])],
    ['a bad version', http(['GET /first HTTP/2.0', 'Host: a'])],
    ['binary rubbish', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
  ])('%s, nothing more is executed', async (_name, bad) => {
    await refuses(bad + smuggled + smuggled, 400, 505)
  })

  test('requests before the error are answered first, and in order', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(`${get('/one')}GET / HTTP/1.1\r\nX Y: z\r\n\r\n${smuggled}`)
    expect((await client.response()).status).toBe(200)
    await client.closed
    expect((await seenBy(mesh, endpoint)).map((request) => request.target)).toEqual(['/one'])
  })
})

describe('rule 43: the version of what is forwarded', () => {
  test('is our own, whatever the client spoke', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    await mesh.ask(http(['GET /old HTTP/1.0', 'Host: test.example']))
    expect((await seenBy(mesh, endpoint))[0]?.head).toMatch(/^GET \/old HTTP\/1\.1\r\n/)
  })
})
