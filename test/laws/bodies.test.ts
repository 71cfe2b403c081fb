// Laws 1 and 3, and how bodies, trailers and interim responses cross the proxy.
import { describe, expect, test } from 'vitest'
import { Headers, type Filter, type RetryPolicy } from '@meshwright/core'
import { answer, answeringEndpoint, codeOf, echoEndpoint, get, http, ok, post, rawEndpoint, seenBy, startMesh, until } from '../kit/index.ts'

const upper = (chunk: Uint8Array): Uint8Array => Buffer.from(Buffer.from(chunk).toString('latin1').toUpperCase(), 'latin1')
const twice = (chunk: Uint8Array): Uint8Array => Buffer.concat([chunk, chunk])
const filter = (parts: Omit<Filter, 'name'>): Filter => ({ name: 'under-test', ...parts })
const chunkedPost = (body: string, ...fields: string[]): string => http(['POST / HTTP/1.1', 'Host: test.example', 'Transfer-Encoding: chunked', ...fields], `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`)

describe('law 1: a body is never buffered unless somebody asked for it', () => {
  test('the first bytes of a request body reach the endpoint before the last are sent', async () => {
    const endpoint = await rawEndpoint()
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send('POST / HTTP/1.1\r\nHost: test.example\r\nContent-Length: 10\r\n\r\nhello')
    const upstream = await endpoint.connection()
    await upstream.untilText('hello')
    client.send('world')
    expect((await upstream.request()).body.toString()).toBe('helloworld')
  })

  test('the first bytes of a response body reach the client before the last are sent', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.request()
      wire.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello')
    })
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(get('/'))
    await client.untilText('hello')
    ;(await endpoint.connection()).send('world')
    expect((await client.response()).body.toString()).toBe('helloworld')
  })

  test('a filter that asked for it gets the request body whole', async () => {
    const endpoint = await answeringEndpoint()
    const calls: [string, boolean][] = []
    const mesh = await startMesh(endpoint, { filters: [filter({ bufferRequestBytes: 100, onRequestBody: (_exchange, chunk, last) => void calls.push([Buffer.from(chunk).toString(), last]) })] })
    const client = (await mesh.connect()).send('POST / HTTP/1.1\r\nHost: test.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
    await new Promise((resolve) => setImmediate(resolve))
    client.send('5\r\nworld\r\n0\r\n\r\n')
    expect((await client.response()).status).toBe(200)
    expect(calls).toEqual([['helloworld', true]])
    expect((await seenBy(mesh, endpoint))[0]?.body.toString()).toBe('helloworld')
  })

  test('a request body beyond what a filter may hold back is a 413 MESH_REQUEST_BUFFER_FULL', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { filters: [filter({ bufferRequestBytes: 8, onRequestBody: () => undefined })] })
    const { response } = await mesh.ask(chunkedPost('more than eight bytes'))
    expect([response.status, codeOf(response)]).toEqual([413, 'MESH_REQUEST_BUFFER_FULL'])
    expect(await seenBy(mesh, endpoint)).toEqual([])
  })

  test('a response body beyond what a filter may hold back is MESH_RESPONSE_BUFFER_FULL', async () => {
    const endpoint = await answeringEndpoint(answer('200 OK', 'more than eight bytes'))
    const mesh = await startMesh(endpoint, { filters: [filter({ bufferResponseBytes: 8, onResponseBody: () => undefined })] })
    const client = (await mesh.connect()).send(get('/', 'Connection: close'))
    await client.closed
    expect((await mesh.exchange()).code).toBe('MESH_RESPONSE_BUFFER_FULL')
    expect(client.text, 'a 502, or a cut').toMatch(/^($|HTTP\/1\.1 502 |HTTP\/1\.1 200 OK\r\n(?![^]*0\r\n\r\n$))/)
  })
})

describe('law 3: an attempt is repeated only while the request can still be sent whole', () => {
  const always: RetryPolicy = { replayBytes: 16, next: (exchange) => (exchange.attempt < 3 ? 0 : undefined) }

  test('a body that was kept is sent again, whole', async () => {
    const bodies: string[] = []
    const endpoint = await rawEndpoint(async (wire, index) => {
      bodies.push((await wire.request()).body.toString())
      if (index === 0) wire.reset()
      else wire.send(ok)
    })
    const mesh = await startMesh(endpoint, { service: { retry: always } })
    const { response } = await mesh.ask(http(['PUT / HTTP/1.1', 'Host: test.example', 'Content-Length: 5'], 'hello'))
    expect([response.status, bodies]).toEqual([200, ['hello', 'hello']])
  })

  test('a body that is longer than what is kept is sent once', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.request()
      wire.reset()
    })
    const mesh = await startMesh(endpoint, { service: { retry: always } })
    const { response } = await mesh.ask(http(['PUT / HTTP/1.1', 'Host: test.example', 'Content-Length: 40'], 'x'.repeat(40)))
    expect([response.status, endpoint.wires.length]).toEqual([502, 1])
  })

  test('a response that a policy calls a failure is repeated before anything went to the client', async () => {
    const endpoint = await rawEndpoint(async (wire, index) => {
      await wire.request()
      wire.send(index === 0 ? answer('503 Busy', 'busy', 'Connection: close') : ok)
    })
    const mesh = await startMesh(endpoint, { service: { retry: { next: (exchange) => (exchange.response?.status === 503 ? 0 : undefined) } } })
    const { response } = await mesh.ask(get('/'))
    expect([response.status, response.body.toString(), (await mesh.exchange()).attempts]).toEqual([200, 'ok', 2])
  })
})

describe('body filters', () => {
  test('change a request body, and its Content-Length is corrected', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { filters: [filter({ onRequestBody: (_exchange, chunk) => twice(chunk) })] })
    await mesh.ask(post('/', 'hello'))
    const [request] = await seenBy(mesh, endpoint)
    expect([request?.body.toString(), request?.all('content-length').concat(request.all('transfer-encoding')).length]).toEqual(['hellohello', 1])
  })

  test('change a response body, and its Content-Length is corrected', async () => {
    const endpoint = await answeringEndpoint(answer('200 OK', 'hello'))
    const mesh = await startMesh(endpoint, { filters: [filter({ onResponseBody: (_exchange, chunk) => twice(chunk) })] })
    const client = (await mesh.connect()).send(get('/'))
    const response = await client.response()
    expect([response.status, response.body.toString()]).toEqual([200, 'hellohello'])
    client.send(get('/again'))
    expect((await client.response()).body.toString()).toBe('hellohello')
  })

  test('run in order on requests and in reverse order on responses', async () => {
    const endpoint = await answeringEndpoint((request) => answer('200 OK', request.body.toString()))
    const mark = (char: string): Filter => ({
      name: char,
      onRequestBody: (_exchange, chunk, last) => (last ? Buffer.concat([chunk, Buffer.from(char)]) : chunk),
      onResponseBody: (_exchange, chunk, last) => (last ? Buffer.concat([chunk, Buffer.from(char.toUpperCase())]) : chunk),
    })
    const mesh = await startMesh(endpoint, { filters: [mark('a'), mark('b')] })
    expect((await mesh.ask(post('/', '-'))).response.body.toString()).toBe('-abBA')
  })

  test('that answer later hold the body back and lose nothing', async () => {
    const endpoint = await answeringEndpoint((request) => answer('200 OK', request.body.toString('latin1')))
    const later = async (_exchange: unknown, chunk: Uint8Array): Promise<Uint8Array> => {
      await new Promise((resolve) => setImmediate(resolve))
      return upper(chunk)
    }
    const mesh = await startMesh(endpoint, { filters: [filter({ onRequestBody: later, onResponseBody: later })] })
    const body = 'abcdefghij'.repeat(50_000)
    const { response } = await mesh.ask(post('/', body))
    expect(response.body.toString('latin1') === body.toUpperCase()).toBe(true)
  })

  test('may drop every byte', async () => {
    const endpoint = await answeringEndpoint(answer('200 OK', 'hello'))
    const mesh = await startMesh(endpoint, { filters: [filter({ onResponseBody: () => new Uint8Array(0) })] })
    expect((await mesh.ask(get('/'))).response.body.length).toBe(0)
  })

  test('are told of the end exactly once', async () => {
    const lasts: boolean[] = []
    const endpoint = await answeringEndpoint(http(['HTTP/1.1 200 OK', 'Transfer-Encoding: chunked'], '1\r\na\r\n1\r\nb\r\n0\r\n\r\n'))
    const mesh = await startMesh(endpoint, { filters: [filter({ onResponseBody: (_exchange, _chunk, last) => void lasts.push(last) })] })
    await mesh.ask(get('/'))
    expect(lasts.filter(Boolean)).toEqual([true])
    expect(lasts.at(-1)).toBe(true)
  })

  test('are not asked about a HEAD, a 204 or a 304', async () => {
    let calls = 0
    const endpoint = await answeringEndpoint((request) => (request.target === '/204' ? 'HTTP/1.1 204 No Content\r\n\r\n' : request.target === '/304' ? 'HTTP/1.1 304 Not Modified\r\n\r\n' : 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'))
    const mesh = await startMesh(endpoint, { filters: [filter({ onResponseBody: () => void calls++ })] })
    const head = await mesh.ask(http(['HEAD / HTTP/1.1', 'Host: test.example']), 'HEAD')
    expect(head.response.one('content-length')).toBe('5')
    await mesh.ask(get('/204'))
    await mesh.ask(get('/304'))
    const { length } = [calls].filter((count) => count > 0)
    expect(length).toBe(0)
  })

  test('keep the trailers', async () => {
    const endpoint = await answeringEndpoint(http(['HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', 'Trailer: X-Sum'], '5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n'))
    const mesh = await startMesh(endpoint, { filters: [filter({ onResponseBody: (_exchange, chunk) => upper(chunk) })] })
    const { response } = await mesh.ask(get('/', 'TE: trailers', 'Connection: TE'))
    expect([response.body.toString(), response.trailers.map(([name, value]) => [name.toLowerCase(), value])]).toEqual(['HELLO', [['x-sum', '42']]])
  })
})

describe('trailers', () => {
  test('of a response reach the client', async () => {
    const endpoint = await answeringEndpoint(http(['HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', 'Trailer: X-Sum'], '5\r\nhello\r\n0\r\nX-Sum: 42\r\nX-Other: a\r\n\r\n'))
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(get('/', 'TE: trailers', 'Connection: TE'))
    expect(Object.fromEntries(response.trailers.map(([name, value]) => [name.toLowerCase(), value]))).toMatchObject({ 'x-sum': '42' })
  })

  test.each(['Content-Length: 0', 'Transfer-Encoding: chunked', 'Set-Cookie: a=b', 'Connection: x-a', 'Via: 1.1 fred'])('of a response that may not be one, %s, goes no further', async (trailer) => {
    const endpoint = await answeringEndpoint(http(['HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', 'Trailer: X-Sum'], `5\r\nhello\r\n0\r\n${trailer}\r\nX-Sum: 42\r\n\r\n`))
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(get('/', 'TE: trailers', 'Connection: TE, close'))
    await client.closed
    expect(client.text.slice(client.text.indexOf('hello'))).not.toContain(trailer.split(': ')[0])
  })

  test('of a request reach the endpoint, real servers included', async () => {
    const endpoint = await echoEndpoint()
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(http(['POST / HTTP/1.1', 'Host: test.example', 'Transfer-Encoding: chunked', 'Trailer: X-Sum'], '5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n'))
    const echo = JSON.parse(response.body.toString()) as { body: string; rawTrailers: string[] }
    expect([echo.body, echo.rawTrailers.map((text) => text.toLowerCase())]).toEqual(['hello', ['x-sum', '42']])
  })

  const bad = ['X-Sum', '42\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a', 'X Sum', '1', 'X-Nul', '\0', 'Content-Length', '7', 'X-Good', 'yes']

  test('of a filter bring nothing into a request that may not stand there', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { filters: [filter({ onRequestBody: ({ request }, _chunk, last) => void (last && (request.trailers = new Headers([...bad]))) })] })
    const { response } = await mesh.ask(chunkedPost('hello'))
    expect(response.status).toBe(200)
    const seen = await seenBy(mesh, endpoint)
    expect(seen.map(({ target, trailers }) => [target, trailers])).toEqual([['/', [['X-Good', 'yes']]]])
  })

  test('of a filter bring nothing into a response that may not stand there', async () => {
    const endpoint = await answeringEndpoint(http(['HTTP/1.1 200 OK', 'Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n'))
    const mesh = await startMesh(endpoint, { filters: [filter({ onResponseBody: ({ response }, _chunk, last) => void (last && response !== undefined && (response.trailers = new Headers([...bad]))) })] })
    const { response } = await mesh.ask(get('/', 'TE: trailers', 'Connection: TE'))
    expect([response.status, response.body.toString(), response.trailers]).toEqual([200, 'hello', [['X-Good', 'yes']]])
  })
})

describe('one side going away', () => {
  test('a client that leaves before the response ends its attempt', async () => {
    const endpoint = await rawEndpoint()
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(get('/'))
    const upstream = await endpoint.connection()
    await upstream.request()
    client.reset()
    await upstream.closed
    expect((await mesh.exchange()).code).toBe('MESH_CLIENT_CLOSED')
  })

  test('a client that leaves inside the response ends its attempt', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.request()
      wire.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello')
    })
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(get('/'))
    await client.untilText('hello')
    client.reset()
    await (await endpoint.connection()).closed
    expect((await mesh.exchange()).code).toBe('MESH_CLIENT_CLOSED')
  })

  test('an endpoint that leaves inside the request body is a 502', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.requestHead()
      wire.reset()
    })
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send('POST / HTTP/1.1\r\nHost: test.example\r\nContent-Length: 1000000\r\n\r\nhello')
    expect((await client.response()).status).toBe(502)
    await until(() => mesh.ended.length === 1, 'the exchange to end')
  })
})
