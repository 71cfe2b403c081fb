// What a hostile or broken endpoint may do to a client: nothing (rules 62 to 72).
import { describe, expect, test } from 'vitest'
import { type RawEndpoint, type RawResponse, type TestMesh, answer, answeringEndpoint, codeOf, get, http, ok, rawEndpoint, seenBy, startMesh } from '../kit/index.ts'

/** An endpoint that answers the first request of each connection with these bytes and closes. */
function saying(bytes: string): Promise<RawEndpoint> {
  return rawEndpoint(async (wire) => {
    await wire.request()
    wire.send(bytes).halfClose()
  })
}

async function answered(bytes: string, request = get('/'), method = 'GET'): Promise<RawResponse> {
  const endpoint = await saying(bytes)
  const mesh = await startMesh(endpoint)
  const { response } = await mesh.ask(request, method)
  return response
}

async function expectBadGateway(bytes: string): Promise<RawResponse> {
  const response = await answered(bytes)
  expect([response.status, codeOf(response)]).toEqual([502, expect.stringMatching(/^MESH_UPSTREAM_(PROTOCOL|CLOSED)$/)])
  expect(response.body.toString()).not.toContain('secret')
  return response
}

/** Asks twice on one client connection, so that anything left over from the first response would show. */
async function twice(mesh: TestMesh): Promise<RawResponse[]> {
  const client = (await mesh.connect()).send(get('/one'))
  const first = await client.response()
  const second = await mesh.ask(get('/two'))
  return [first, second.response]
}

describe('rule 62: status lines', () => {
  test.each([
    'HTTP/2.0 200 OK', 'HTTP/0.9 200 OK', 'HTTP/1.1 2000 OK', 'HTTP/1.1 20 OK', 'HTTP/1.1 abc OK', 'HTTP/1.1', 'HTTP/1.1 ', 'HTTP 200 OK', '200 OK', 'http/1.1 200 OK', 'ICY 200 OK',
    'HTTP/1.1 099 Low', 'HTTP/1.1 000 Zero', 'HTTP/1.1 -200 OK', 'HTTP/1.1  200 OK', 'HTTP/1.1 200OK', 'HTTP/1.1\t200 OK', 'HTTP/1.1 0200 OK', 'GET / HTTP/1.1', '\x16\x03\x01', '<html>secret</html>',
  ])('%j is a 502', async (line) => {
    await expectBadGateway(http([line, 'Content-Length: 6'], 'secret'))
  })
  test('no bytes at all are a 502', async () => {
    expect(codeOf(await expectBadGateway(''))).toBe('MESH_UPSTREAM_CLOSED')
  })
  test('a head that never ends because the connection does is a 502', async () => {
    await expectBadGateway('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: secr')
  })
  test('a status of 600 or more is a 502 or passes, and harms nobody', async () => {
    expect([502, 600, 999]).toContain((await answered(answer('999 What', 'ok'))).status)
  })
})

describe('rule 63: ambiguous framing of a response', () => {
  test.each([
    ['two Content-Length values', ['Content-Length: 2', 'Content-Length: 6']],
    ['two in one field', ['Content-Length: 2, 6']],
    ['a negative one', ['Content-Length: -2']],
    ['one with a sign', ['Content-Length: +6']],
    ['one that is no number', ['Content-Length: abc']],
    ['a hexadecimal one', ['Content-Length: 0x6']],
    ['an overflowing one', ['Content-Length: 18446744073709551622']],
    ['an empty one', ['Content-Length: ']],
    ['an empty one beside a real one', ['Content-Length:', 'Content-Length: 6']],
  ])('%s is a 502', async (_name, fields) => {
    await expectBadGateway(http(['HTTP/1.1 200 OK', ...fields], 'secret'))
  })

  test.each([['Content-Length: 3', 'Transfer-Encoding: chunked'], ['Transfer-Encoding: chunked', 'Content-Length: 3']])('%s with %s is a 502, or chunked alone', async (...fields) => {
    const response = await answered(http(['HTTP/1.1 200 OK', ...fields], '2\r\nok\r\n0\r\n\r\n'))
    if (response.status === 200) expect([response.body.toString(), response.all('content-length')]).toEqual(['ok', []])
    else expect(response.status).toBe(502)
  })

  test('identical Content-Length values are a 502 or collapse to one', async () => {
    const response = await answered(http(['HTTP/1.1 200 OK', 'Content-Length: 2', 'Content-Length: 2'], 'ok'))
    if (response.status === 200) expect([response.body.toString(), response.all('content-length')]).toEqual(['ok', ['2']])
    else expect(response.status).toBe(502)
  })

  test.each(['gzip, chunked', 'gzip', 'identity', 'chunked, chunked', 'xchunked', 'chunked, gzip', '\x0bchunked', ''])('Transfer-Encoding: %j is a 502, or is never passed on', async (coding) => {
    const endpoint = await saying(http(['HTTP/1.1 200 OK', `Transfer-Encoding: ${coding}`], '2\r\nok\r\n0\r\n\r\n'))
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(get('/'))
    expect([200, 502]).toContain(response.status)
    expect(response.all('transfer-encoding').join()).toMatch(/^(chunked)?$/)
  })
})

describe('rule 64: responses that break off', () => {
  const cut: Record<string, string> = {
    'a Content-Length body': 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello',
    'a chunked body between chunks': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
    'a chunked body inside a chunk': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhello',
    'a chunked body before its last line': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n',
    'a chunked body that announced the close': 'HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
    'a Content-Length body that announced the close': 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 10\r\n\r\nhello',
    'a body of HTTP/1.0': 'HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\nhello',
    'a chunked body inside its trailers': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 4',
  }
  const ends = Object.entries(cut).flatMap(([name, bytes]) => (['FIN', 'RST'] as const).map((how) => [name, how, bytes] as const))

  test.each(ends)('%s ended by %s is seen by the client as cut', async (_name, how, bytes) => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.request()
      wire.send(bytes)
      if (how === 'FIN') wire.halfClose()
    })
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(get('/'))
    await client.untilText('hello')
    if (how === 'RST') (await endpoint.connection()).reset()
    const response = await client.cutResponse()
    expect([response.status, response.body.toString()]).toEqual([200, 'hello'])
    expect(client.text.endsWith('0\r\n\r\n')).toBe(false)
    expect((await mesh.exchange()).code).toBe('MESH_UPSTREAM_CLOSED')
  })

  test('to a client that speaks HTTP/1.0, a cut body looks cut too: the connection is reset', async () => {
    const endpoint = await saying(cut['a chunked body between chunks'] as string)
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(http(['GET / HTTP/1.0', 'Host: test.example']))
    expect(await client.closed).toBe('reset')
  })

  test.each(['zz\r\n', '5\nhello\r\n0\r\n\r\n', '-5\r\nhello', '5\r\nhelloXX0\r\n\r\n', 'fffffffffffffffff\r\n', '5\r\nhello\n0\r\n\r\n', '\r\n'])('a bad chunk, %j, is seen as cut and never repaired', async (body) => {
    const endpoint = await saying(http(['HTTP/1.1 200 OK', 'Transfer-Encoding: chunked'], `3\r\none\r\n${body}`))
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(get('/'))
    await client.closed
    if (client.text.startsWith('HTTP/1.1 502 ')) return
    expect((await client.cutResponse()).status).toBe(200)
  })
})

describe('rule 65: responses without a body', () => {
  test('to HEAD keep their Content-Length and are not waited for', async () => {
    const endpoint = await answeringEndpoint('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n')
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(http(['HEAD / HTTP/1.1', 'Host: test.example']))
    const response = await client.response('HEAD')
    expect([response.status, response.one('content-length')]).toEqual([200, '100'])
    client.send(http(['HEAD / HTTP/1.1', 'Host: test.example']))
    expect((await client.response('HEAD')).status).toBe(200)
    expect(endpoint.wires.length).toBe(1)
  })

  test('to HEAD with chunked framing are not waited for', async () => {
    const endpoint = await answeringEndpoint('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(http(['HEAD / HTTP/1.1', 'Host: test.example']))
    expect((await client.response('HEAD')).status).toBe(200)
    client.send(get('/'))
    await endpoint.connection()
  })

  test.each([
    ['204 No Content', ''],
    ['304 Not Modified', ''],
    ['304 Not Modified', 'Content-Length: 100\r\n'],
    ['304 Not Modified', 'ETag: "a"\r\n'],
  ])('%s with "%s" ends with its head', async (status, field) => {
    const endpoint = await answeringEndpoint(`HTTP/1.1 ${status}\r\n${field}\r\n`)
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(get('/one'))
    const response = await client.response()
    expect([response.status, response.all('transfer-encoding')]).toEqual([Number(status.slice(0, 3)), []])
    client.send(get('/two'))
    expect((await client.response()).status).toBe(response.status)
  })

  test('a body behind a 204 or a 304 is no answer to anybody', async () => {
    for (const status of ['204 No Content', '304 Not Modified']) {
      const endpoint = await answeringEndpoint((request) => (request.target === '/one' ? `HTTP/1.1 ${status}\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret` : ok))
      const mesh = await startMesh(endpoint)
      const [first, second] = await twice(mesh)
      expect(first?.status).toBe(Number(status.slice(0, 3)))
      expect(second?.body.toString()).toBe('ok')
    }
  })

  test('a body in answer to HEAD is no answer to anybody', async () => {
    const endpoint = await answeringEndpoint((request) => (request.method === 'HEAD' ? 'HTTP/1.1 200 OK\r\nContent-Length: 47\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret..' : ok))
    const mesh = await startMesh(endpoint)
    const first = await mesh.ask(http(['HEAD / HTTP/1.1', 'Host: test.example']), 'HEAD')
    expect([200, 502]).toContain(first.response.status)
    expect((await mesh.ask(get('/two'))).response.body.toString()).toBe('ok')
  })
})

describe('rule 66: Transfer-Encoding on 204 and 1xx', () => {
  test('is not passed on', async () => {
    const response = await answered('HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')
    if (response.status === 204) expect(response.all('transfer-encoding')).toEqual([])
    else expect(response.status).toBe(502)
  })
  test('Content-Length on 204 is not passed on', async () => {
    const response = await answered('HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n')
    expect([response.status, response.all('content-length')]).toEqual([204, []])
  })
})

describe('rule 67: responses delimited by the close', () => {
  test('are framed anew and the client keeps its connection', async () => {
    const endpoint = await saying('HTTP/1.1 200 OK\r\n\r\nuntil the end')
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(get('/one'))
    const response = await client.response()
    expect([response.body.toString(), response.framing]).toEqual(['until the end', 'chunked'])
    client.send(get('/two'))
    expect((await client.response()).body.toString()).toBe('until the end')
  })

  test('that are reset instead are cut', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.request()
      wire.send('HTTP/1.1 200 OK\r\n\r\nuntil the')
    })
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(get('/'))
    await client.untilText('until the')
    ;(await endpoint.connection()).reset()
    await client.cutResponse()
  })

  test('of HTTP/1.0 endpoints are framed anew', async () => {
    const response = await answered('HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold')
    expect([response.status, response.version, response.body.toString(), response.framing]).toEqual([200, '1.1', 'old', 'chunked'])
  })

  test('of HTTP/1.0 endpoints with a length keep it', async () => {
    const response = await answered('HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold')
    expect([response.body.toString(), response.one('content-length')]).toEqual(['old', '3'])
  })

  test('go to HTTP/1.0 clients without Transfer-Encoding and end with the connection', async () => {
    const endpoint = await saying('HTTP/1.1 200 OK\r\n\r\nuntil the end')
    const mesh = await startMesh(endpoint)
    const { wire, response } = await mesh.ask(http(['GET / HTTP/1.0', 'Host: test.example', 'Connection: keep-alive']))
    expect([response.body.toString(), response.all('transfer-encoding')]).toEqual(['until the end', []])
    expect(await wire.closed).toBe('end')
  })
})

describe('rule 68: bytes that nobody asked for', () => {
  const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-Poison: yes\r\n\r\nsecret'

  test('behind a response, they are never the answer to the next request', async () => {
    const endpoint = await answeringEndpoint((request) => (request.target === '/one' ? ok + poison : ok))
    const mesh = await startMesh(endpoint)
    const [first, second] = await twice(mesh)
    expect(first?.body.toString()).toBe('ok')
    expect([second?.body.toString(), second?.all('x-poison')]).toEqual(['ok', []])
    expect(endpoint.wires.length, 'the connection is not used again').toBe(2)
  })

  test('sent on an idle connection, they are never the answer to the next request', async () => {
    const endpoint = await answeringEndpoint(ok)
    const mesh = await startMesh(endpoint)
    await mesh.ask(get('/one'))
    const idle = await endpoint.connection()
    idle.send(poison)
    await idle.closed
    const { response } = await mesh.ask(get('/two'))
    expect([response.status, response.body.toString(), response.all('x-poison')]).toEqual([200, 'ok', []])
    expect(endpoint.wires.length).toBe(2)
  })

  test('sent at the very moment of the next request, they may fail it but never answer it with what was not for it', async () => {
    const endpoint = await rawEndpoint(async (wire, index) => {
      if (index === 0) {
        await wire.request()
        wire.send(ok)
        await wire.request()
        wire.send(ok + poison)
        return
      }
      await wire.request()
      wire.send(ok)
    })
    const mesh = await startMesh(endpoint)
    await mesh.ask(get('/one'))
    await mesh.ask(get('/two'))
    expect((await mesh.ask(get('/three'))).response.body.toString()).toBe('ok')
  })

  test('an answer before the request is whole does not become the answer to another client', async () => {
    const endpoint = await rawEndpoint(async (wire, index) => {
      if (index === 0) wire.send(poison)
      while (wire.ending === undefined) {
        await wire.request()
        wire.send(ok)
      }
    })
    const mesh = await startMesh(endpoint)
    const first = await mesh.ask(get('/one'))
    expect([200, 502]).toContain(first.response.status)
    const second = await mesh.ask(get('/two'))
    expect(second.response.all('x-poison')).toEqual([])
  })

  test('a Content-Length that is shorter than the body does not shift the answers', async () => {
    const endpoint = await answeringEndpoint((request) => (request.target === '/one' ? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more' : ok))
    const mesh = await startMesh(endpoint)
    const [first, second] = await twice(mesh)
    expect([first?.body.toString(), second?.status, second?.body.toString()]).toEqual(['ok', 200, 'ok'])
  })
})

describe('rule 69: limits of a response head', () => {
  test('a head beyond headBytes is a 502 MESH_UPSTREAM_HEAD_TOO_LARGE', async () => {
    const endpoint = await saying(answer('200 OK', 'ok', `X-A: ${'a'.repeat(10_000)}`))
    const mesh = await startMesh(endpoint, { service: { limits: { headBytes: 4096 } } })
    const { response } = await mesh.ask(get('/'))
    expect([response.status, codeOf(response)]).toEqual([502, 'MESH_UPSTREAM_HEAD_TOO_LARGE'])
  })
  test('a head without end is a 502', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.request()
      wire.send(`HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(100_000)}`)
    })
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(get('/'))
    expect([response.status, codeOf(response)]).toEqual([502, 'MESH_UPSTREAM_HEAD_TOO_LARGE'])
  })
  test('more than a thousand fields arrive whole or are a 502, never shortened', async () => {
    const fields = Array.from({ length: 2500 }, (_, index) => `X-${index}: a`)
    const response = await answered(http(['HTTP/1.1 200 OK', ...fields, 'Set-Cookie: last=1', 'Content-Length: 2'], 'ok'))
    if (response.status === 200) expect([response.one('set-cookie'), response.body.toString()]).toEqual(['last=1', 'ok'])
    else expect(response.status).toBe(502)
  })
})

describe('rule 70: bad bytes in a response head', () => {
  test.each([
    ['a bare CR in a value', 'X-A: a\rX-B: b'],
    ['a bare CR before a name', '\rX-B: b'],
    ['NUL in a value', 'X-A: a\x00b'],
    ['a control character in a value', 'X-A: a\x0bb'],
    ['DEL in a value', 'X-A: a\x7fb'],
    ['NUL in a name', 'X\x00A: a'],
    ['white space in a name', 'X A: a'],
    ['white space before the colon', 'X-A : a'],
    ['an empty name', ': a'],
    ['a line without a colon', 'X-A'],
    ['a folded line', 'X-A: a\r\n b'],
    ['a name that is no token', 'X(A): a'],
    ['a name above ASCII', 'X\xe4: a'],
    ['a bare LF', 'X-A: a\nX-B: b'],
    ['a folded Transfer-Encoding', 'Transfer-Encoding:\r\n chunked'],
  ])('%s is a 502 or cleaned, and never passed on', async (_name, line) => {
    const endpoint = await saying(http(['HTTP/1.1 200 OK', line, 'Content-Length: 2'], 'ok'))
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(get('/')) // the strict parser refuses what must not be there
    expect([200, 502]).toContain(response.status)
    expect(response.head.replaceAll('\r\n', '')).not.toMatch(/[\x00-\x08\x0a-\x1f\x7f]/)
  })

  test.each(['OK\rX-Evil: yes', 'OK\x00', 'a\x0bb', 'a\x7fb', 'O\x1bK'])('a reason phrase of %j is cleaned or a 502', async (reason) => {
    const { wire } = await (await startMesh(await saying(http([`HTTP/1.1 200 ${reason}`, 'Content-Length: 2'], 'ok')))).ask(get('/'))
    expect(wire.text.split('\r\n')[0]).toMatch(/^HTTP\/1\.1 (200|502) [\t\x20-\x7e]*$/)
    expect(wire.text).not.toMatch(/^x-evil/im)
  })
})

describe('rule 71: statuses and reasons', () => {
  test.each([200, 201, 206, 218, 226, 299, 300, 399, 418, 451, 499, 500, 503, 599])('%i passes', async (status) => {
    expect((await answered(answer(`${status} Whatever`, 'ok'))).status).toBe(status)
  })
  test('a reason phrase passes', async () => {
    expect((await answered(answer('404 Nicht da', ''))).reason).toBe('Nicht da')
  })
  test('an empty reason phrase passes', async () => {
    expect((await answered('HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok')).status).toBe(200)
  })
  test('a status line without a reason and its space passes', async () => {
    expect((await answered('HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok')).body.toString()).toBe('ok')
  })
})

describe('rule 72: a final response before the request is whole', () => {
  test('goes to the client at once', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.requestHead()
      wire.send(answer('413 Too Large', 'no'))
    })
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(http(['POST / HTTP/1.1', 'Host: test.example', 'Content-Length: 1000000'], 'only a beginning'))
    const response = await client.response()
    expect([response.status, response.body.toString()]).toEqual([413, 'no'])
  })

  test('the rest of the body is never taken for a request', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.requestHead()
      wire.send(answer('413 Too Large', 'no'))
    })
    const mesh = await startMesh(endpoint)
    const rest = get('/smuggled')
    const client = (await mesh.connect()).send(http(['POST / HTTP/1.1', 'Host: test.example', `Content-Length: ${rest.length * 2}`], rest))
    await client.response()
    client.send(rest)
    client.send(get('/next'))
    const next = client.response().then((response) => response.status, () => 'closed')
    expect([413, 'closed']).toContain(await next)
    const targets = endpoint.wires.flatMap((wire) => [...wire.text.matchAll(/^(\S+ \S+) HTTP\/1\.1\r\nhost: [^\r]*\r\n(?=[^]*x-forwarded-for)/gim)].map((match) => match[1]))
    expect(targets).not.toContain('GET /smuggled')
  })

  test('a connection that was answered early is not used for another client before its request ended', async () => {
    const endpoint = await rawEndpoint(async (wire, index) => {
      await wire.requestHead()
      wire.send(index === 0 ? answer('403 Forbidden', 'no') : ok)
    })
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(http(['POST / HTTP/1.1', 'Host: test.example', 'Content-Length: 1000'], 'x'))
    expect((await client.response()).status).toBe(403)
    expect((await mesh.ask(get('/two'))).response.body.toString()).toBe('ok')
    expect(endpoint.wires.length).toBe(2)
  })
})

test('a hostile endpoint never ends the process: one request after each kind of rubbish', async () => {
  const rubbish = ['\x00', '\r\n\r\n', 'HTTP/1.1 099 Low\r\n\r\n', 'HTTP/1.1 101 Switching Protocols\r\n\r\n', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', '\xff'.repeat(100_000)]
  const endpoint = await rawEndpoint(async (wire, index) => {
    await wire.request()
    wire.send(index < rubbish.length ? (rubbish[index] as string) : ok).halfClose()
  })
  const mesh = await startMesh(endpoint)
  for (const _ of rubbish) {
    const client = (await mesh.connect()).send(get('/', 'Connection: close'))
    await client.closed
  }
  const { response } = await mesh.ask(get('/'))
  expect(response.body.toString()).toBe('ok')
  expect(await seenBy(mesh, endpoint)).toEqual([])
})
