// How long a request body is: one answer, the same for us and for the endpoint (rules 1 to 11).
import { describe, expect, test } from 'vitest'
import { answer, answeringEndpoint, codeOf, expectRefused, forwarded, get, http, post, rawEndpoint, seenBy, smuggled, startMesh } from '../kit/index.ts'

const start = ['POST /first HTTP/1.1', 'Host: test.example'] as const
const chunkedEnd = '0\r\n\r\n'

/** Spellings of Transfer-Encoding that some parser somewhere takes for `chunked`. Each is a head fragment. */
const obfuscated: readonly string[] = [
  'Transfer-Encoding: chunked',
  'Transfer-Encoding:chunked',
  'Transfer-Encoding:\tchunked',
  'Transfer-Encoding: Chunked',
  'Transfer-Encoding: CHUNKED',
  'Transfer-Encoding: chunked ',
  'Transfer-Encoding: chunked\t',
  'TRANSFER-ENCODING: chunked',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding\t: chunked',
  ' Transfer-Encoding: chunked',
  '\tTransfer-Encoding: chunked',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: chunkedx',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: identity, chunked',
  'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding: ,chunked',
  'Transfer-Encoding: chunked,',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: x',
  'Transfer-Encoding: x\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: "chunked"',
  "Transfer-Encoding: 'chunked'",
  'Transfer-Encoding: chunked;q=1',
  'Transfer-Encoding: identity',
  'Transfer-Encoding: cow',
  'Transfer-Encoding: ',
  'Transfer-Encoding:',
  'Transfer-Encoding:\r\n chunked',
  'Transfer-Encoding: chunk\r\n ed',
  'Transfer-Encoding\r\n : chunked',
  'Transfer-Encoding: \x0bchunked',
  'Transfer-Encoding: chunked\x0b',
  'Transfer-Encoding: \x0cchunked',
  'Transfer-Encoding: \x00chunked',
  'Transfer-Encoding: chunked\x00',
  'Transfer-Encoding:\xa0chunked',
  'Transfer-Encoding: chunked\xa0',
  'Transfer\xadEncoding: chunked',
  'Transfer-Encoding\x00: chunked',
  'Transfer Encoding: chunked',
  'X: x\nTransfer-Encoding: chunked',
  'X: x\rTransfer-Encoding: chunked',
  'X: x\r\n\rTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\nX: x',
]

describe('rule 1: Content-Length together with Transfer-Encoding', () => {
  test.each([
    ['Content-Length first', ['Content-Length: 5', 'Transfer-Encoding: chunked']],
    ['Transfer-Encoding first', ['Transfer-Encoding: chunked', 'Content-Length: 5']],
    ['a Content-Length of 0', ['Content-Length: 0', 'Transfer-Encoding: chunked']],
  ])('%s is refused and nothing reaches the endpoint', async (_name, fields) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    await expectRefused(mesh, endpoint, http([...start, ...fields], chunkedEnd + smuggled), 400)
  })
})

describe('rule 2: a Transfer-Encoding whose last coding is not chunked', () => {
  test.each(['chunked, gzip', 'gzip', 'identity', 'chunked, identity', ''])('"%s" is refused and the connection closed', async (coding) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    await expectRefused(mesh, endpoint, http([...start, `Transfer-Encoding: ${coding}`], chunkedEnd + smuggled), 400, 501)
  })
})

describe('rule 3: an unknown transfer coding', () => {
  test.each(['gzip, chunked', 'cow, chunked', 'deflate,chunked'])('"%s" is refused with 501 or 400', async (coding) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    await expectRefused(mesh, endpoint, http([...start, `Transfer-Encoding: ${coding}`], chunkedEnd + smuggled), 501, 400)
  })

  test('the refusal carries MESH_UNKNOWN_CODING', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(http([...start, 'Transfer-Encoding: gzip, chunked'], chunkedEnd))
    expect(codeOf(response)).toBe('MESH_UNKNOWN_CODING')
  })
})

describe('rule 4: Transfer-Encoding in an HTTP/1.0 message', () => {
  test.each(['keep-alive', 'close'])('is refused and the connection closed, with Connection: %s', async (connection) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const head = ['POST /first HTTP/1.0', 'Host: test.example', `Connection: ${connection}`, 'Transfer-Encoding: chunked']
    await expectRefused(mesh, endpoint, http(head, chunkedEnd + smuggled), 400)
  })
})

describe('rule 5: obfuscated spellings of Transfer-Encoding', () => {
  test.each(obfuscated.map((spelling) => [JSON.stringify(spelling), spelling] as const))('%s beside a Content-Length cannot end the body early', async (_name, spelling) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const body = chunkedEnd + smuggled
    await expectRefused(mesh, endpoint, http([...start, `Content-Length: ${body.length}`, spelling], body), 400, 501)
  })

  test.each(['Transfer_Encoding', 'X-Transfer-Encoding', 'Content-Encoding', 'Transfer-Encodin', 'Transfer-Encoding-'])(
    'a field that only looks like it, %s, frames nothing and is passed on',
    async (name) => {
      const endpoint = await answeringEndpoint()
      const mesh = await startMesh(endpoint)
      const body = chunkedEnd + smuggled
      const request = await forwarded(mesh, endpoint, post('/first', body, `${name}: chunked`))
      expect(request.body.toString()).toBe(body)
      expect(request.framing).toBe('length')
      expect(request.one(name)).toBe('chunked')
    },
  )
})

describe('rule 6: an invalid Content-Length', () => {
  test.each(['abc', '+5', '-5', '0x5', '5 5', '5,', ',5', '5.0', '1e1', '5;5', '"5"', '５', '5\x0b', '\x005', '99999999999999999999', '18446744073709551621', '5 , 5', '5\r\n 5'])(
    '%j is refused and the connection closed',
    async (value) => {
      const endpoint = await answeringEndpoint()
      const mesh = await startMesh(endpoint)
      const latin = Buffer.from(value).toString('latin1')
      await expectRefused(mesh, endpoint, http([...start, `Content-Length: ${latin}`], `hello${smuggled}`), 400, 413)
    },
  )
})

describe('rule 7: several Content-Length values', () => {
  test.each([
    ['two fields', ['Content-Length: 5', 'Content-Length: 6']],
    ['two fields in other cases', ['Content-Length: 5', 'content-length: 0']],
    ['one field', ['Content-Length: 5, 6']],
    ['the same number written differently', ['Content-Length: 5', 'Content-Length: 05']],
  ])('differing values in %s are refused and nothing reaches the endpoint', async (_name, fields) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    await expectRefused(mesh, endpoint, http([...start, ...fields], `hello${smuggled}`), 400)
  })

  test.each([
    ['two fields', ['Content-Length: 5', 'Content-Length: 5']],
    ['one field', ['Content-Length: 5, 5']],
  ])('identical values in %s are refused', async (_name, fields) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    await expectRefused(mesh, endpoint, http([...start, ...fields], `hello${smuggled}`), 400)
  })
})

describe('rule 8: an empty Content-Length', () => {
  test.each([[['Content-Length: ', 'Content-Length: 5']], [['Content-Length: 5', 'Content-Length:']], [['Content-Length:']]])('%j is refused', async (fields) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    await expectRefused(mesh, endpoint, http([...start, ...fields], `hello${smuggled}`), 400)
  })
})

describe('rule 9: a body on any method', () => {
  test.each(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH', 'PUT', 'POST', 'PROPFIND'])('a %s with a Content-Length keeps its body and the next request is its own', async (method) => {
    const endpoint = await answeringEndpoint((request) => (request.method === 'HEAD' ? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n' : answer('200 OK', 'ok')))
    const mesh = await startMesh(endpoint)
    const body = smuggled
    const wire = (await mesh.connect()).send(http([`${method} /first HTTP/1.1`, 'Host: test.example', `Content-Length: ${body.length}`], body) + get('/second'))
    await wire.response(method)
    await wire.response()
    const seen = await seenBy(mesh, endpoint)
    expect(seen.map((request) => [request.method, request.target, request.body.toString()])).toEqual([[method, '/first', body], ['GET', '/second', '']])
  })

  test.each(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH', 'POST'])('a %s with a chunked body keeps it and the next request is its own', async (method) => {
    const endpoint = await answeringEndpoint((request) => (request.method === 'HEAD' ? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n' : answer('200 OK', 'ok')))
    const mesh = await startMesh(endpoint)
    const head = [`${method} /first HTTP/1.1`, 'Host: test.example', 'Transfer-Encoding: chunked']
    const wire = (await mesh.connect()).send(http(head, `${smuggled.length.toString(16)}\r\n${smuggled}\r\n${chunkedEnd}`) + get('/second'))
    await wire.response(method)
    await wire.response()
    const seen = await seenBy(mesh, endpoint)
    expect(seen.map((request) => [request.method, request.target, request.body.toString()])).toEqual([[method, '/first', smuggled], ['GET', '/second', '']])
  })

  test('a chunked body without a byte on a GET is still framed', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const request = await forwarded(mesh, endpoint, http(['GET / HTTP/1.1', 'Host: test.example', 'Transfer-Encoding: chunked'], chunkedEnd))
    expect(request.body.length).toBe(0)
  })
})

describe('rule 10: a request body that breaks off', () => {
  const cut = {
    'a Content-Length body ended by FIN': { head: [...start, 'Content-Length: 10'], body: 'hello', how: 'halfClose' },
    'a Content-Length body ended by RST': { head: [...start, 'Content-Length: 10'], body: 'hello', how: 'reset' },
    'a chunked body ended by FIN': { head: [...start, 'Transfer-Encoding: chunked'], body: '5\r\nhello\r\n', how: 'halfClose' },
    'a chunked body ended by RST': { head: [...start, 'Transfer-Encoding: chunked'], body: '5\r\nhello\r\n', how: 'reset' },
    'a chunked body ended inside a chunk': { head: [...start, 'Transfer-Encoding: chunked'], body: 'a\r\nhello', how: 'halfClose' },
    'a chunked body ended before its last line': { head: [...start, 'Transfer-Encoding: chunked'], body: '5\r\nhello\r\n0\r\n', how: 'halfClose' },
  } as const

  test.each(Object.entries(cut))('%s reaches the endpoint as an abort, never as a whole message', async (_name, { head, body, how }) => {
    const endpoint = await rawEndpoint()
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(http(head, body))
    const upstream = await endpoint.connection()
    await upstream.untilText('hello')
    client[how]()
    await upstream.closed
    expect(upstream.text.endsWith('0\r\n\r\n'), upstream.text).toBe(false)
    expect(['MESH_CLIENT_CLOSED', 'MESH_BAD_REQUEST']).toContain((await mesh.exchange()).code)
  })
})

describe('rule 11: the framing of what is forwarded', () => {
  test('a Content-Length body has exactly one Content-Length', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const request = await forwarded(mesh, endpoint, http([...start, 'CONTENT-LENGTH: 00005'], 'hello'))
    expect([request.all('content-length'), request.all('transfer-encoding'), request.body.toString()]).toEqual([['5'], [], 'hello'])
  })

  test('a chunked body has exactly one Transfer-Encoding', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const request = await forwarded(mesh, endpoint, http([...start, 'tRANSFER-eNCODING: CHUNKED'], '5\r\nhello\r\n0\r\n\r\n'))
    expect([request.all('content-length'), request.all('transfer-encoding'), request.body.toString()]).toEqual([[], ['chunked'], 'hello'])
  })

  test('a request without a body has no framing field, unless its method expects one', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const request = await forwarded(mesh, endpoint, get('/'))
    expect([request.all('content-length'), request.all('transfer-encoding')]).toEqual([[], []])
    const empty = await forwarded(mesh, endpoint, http([...start, 'Content-Length: 0']))
    expect([empty.one('content-length') ?? '0', empty.all('transfer-encoding'), empty.body.length]).toEqual(['0', [], 0])
  })
})
