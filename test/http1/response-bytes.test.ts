// The byte level of responses: everything a sender may do is understood in any pieces, everything else is a 502 or a cut.
import { describe, expect, test } from 'vitest'
import { type RawEndpoint, type RawResponse, get, http, ok, rawEndpoint, startMesh } from '../kit/index.ts'

/** Sends the bytes in pieces of so many, each in a turn of its own; then keeps the connection open. */
function dripping(bytes: string, size: number): Promise<RawEndpoint> {
  return rawEndpoint(async (wire) => {
    await wire.request()
    for (let at = 0; at < bytes.length; at += size) {
      wire.send(bytes.slice(at, at + size))
      await new Promise((resolve) => setImmediate(resolve))
    }
  })
}

async function through(bytes: string, size = bytes.length): Promise<RawResponse> {
  const mesh = await startMesh(await dripping(bytes, size))
  const client = (await mesh.connect()).send(get('/'))
  return client.finalResponse()
}

const chunkedHead = ['HTTP/1.1 200 OK', 'Transfer-Encoding: chunked'] as const

const whole: Record<string, [bytes: string, body: string]> = {
  'a body with a length': [http(['HTTP/1.1 200 OK', 'Content-Length: 5', 'X-A: a'], 'hello'), 'hello'],
  'a body of no length': [http(['HTTP/1.1 200 OK', 'Content-Length: 0']), ''],
  'a length with leading zeros': [http(['HTTP/1.1 200 OK', 'Content-Length: 005'], 'hello'), 'hello'],
  'one chunk': [http(chunkedHead, '5\r\nhello\r\n0\r\n\r\n'), 'hello'],
  'many chunks': [http(chunkedHead, `${'1\r\nx\r\n'.repeat(200)}0\r\n\r\n`), 'x'.repeat(200)],
  'an upper-case size': [http(chunkedHead, 'A\r\n0123456789\r\n0\r\n\r\n'), '0123456789'],
  'leading zeros in a size': [http(chunkedHead, '0000005\r\nhello\r\n000\r\n\r\n'), 'hello'],
  'chunk extensions': [http(chunkedHead, '5;a=b\r\nhello\r\n0;c\r\n\r\n'), 'hello'],
  'data that looks like framing': [http(chunkedHead, '7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n'), '0\r\n\r\n\r\n'],
  'trailers': [http([...chunkedHead, 'Trailer: X-Sum'], '5\r\nhello\r\n0\r\nX-Sum: 42\r\nX-B: b\r\n\r\n'), 'hello'],
  'interim responses before it': [`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok}`, 'ok'],
  'Transfer-Encoding in another case': [http(['HTTP/1.1 200 OK', 'tRANSFER-eNCODING: CHUNKED'], '5\r\nhello\r\n0\r\n\r\n'), 'hello'],
  'white space around values': [http(['HTTP/1.1 200 OK', 'Content-Length: \t 5 \t', 'X-A:a'], 'hello'), 'hello'],
}

describe('a response arrives whole in any pieces', () => {
  const cases = Object.entries(whole).flatMap(([name, [bytes, body]]) => [1, 2, 3, 7, bytes.length].map((size) => [name, size, bytes, body] as const))
  test.each(cases)('%s, %i bytes at a time', async (_name, size, bytes, body) => {
    expect((await through(bytes, size)).body.toString('latin1')).toBe(body)
  })

  test('and the connection is used again behind each of them', async () => {
    const answers = Object.values(whole)
    const endpoint = await rawEndpoint(async (wire) => {
      for (const [bytes] of answers) {
        await wire.request()
        wire.send(bytes)
      }
    })
    const mesh = await startMesh(endpoint)
    const client = await mesh.connect()
    for (const [, body] of answers) {
      client.send(get('/'))
      expect((await client.finalResponse()).body.toString('latin1')).toBe(body)
    }
    expect(endpoint.wires.length).toBe(1)
  })
})

describe('rules 14 and 15 for responses: chunk framing that is not exact', () => {
  test.each([
    '\r\n', ' 5\r\nhello\r\n', '5 \r\nhello\r\n', '-5\r\nhello\r\n', '+5\r\nhello\r\n', '0x5\r\nhello\r\n', '5_0\r\nhello\r\n', 'g\r\nhello\r\n', '"5"\r\nhello\r\n', '\x005\r\nhello\r\n',
    '5\nhello\r\n', '5\rhello\r\n', '5\r\nhello\n', '5\r\nhello\r', '5\r\nhello', '5\r\nhelloXX', '5\r\nhello!\r\n', '5;a\nhello\r\n', '5;a\x00\r\nhello\r\n',
    '10000000000000005\r\nhello\r\n', 'ffffffffffffffff\r\nhello\r\n', '100000000000000000000000000000005\r\nhello\r\n', '20000000000001\r\nhello\r\n',
  ])('%j is seen as cut or refused, and no end is forged', async (bytes) => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.request()
      wire.send(http(chunkedHead, `3\r\none\r\n${bytes}0\r\n\r\n`)).halfClose()
    })
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(get('/', 'Connection: close'))
    await client.closed
    if (client.text.startsWith('HTTP/1.1 502 ')) return
    if (client.text !== '') await client.cutResponse()
    expect((await mesh.exchange()).code).toMatch(/^MESH_UPSTREAM_/)
  })

  test.each(['0\n\r\n', '0\r\n\n', '0\r\n\rX', '0\r\nX-Sum 42\r\n\r\n', '0\r\nX-Sum : 42\r\n\r\n', '0\r\nX-Sum: 4\x002\r\n\r\n', '0\r\n: 42\r\n\r\n', '0\r\nX-Sum: 4\r\n 2\r\n\r\n', '0\r\nX(: 42\r\n\r\n', '0\r\nX-Sum: 4\n2: x\r\n\r\n'])(
    'an end of %j is cut, or the trailer dropped',
    async (end) => {
      const endpoint = await rawEndpoint(async (wire) => {
        await wire.request()
        wire.send(http(chunkedHead, `3\r\none\r\n${end}`)).halfClose()
      })
      const mesh = await startMesh(endpoint)
      const client = (await mesh.connect()).send(get('/', 'TE: trailers', 'Connection: TE, close'))
      await client.closed
      expect(client.text.slice(client.text.indexOf('one'))).not.toMatch(/42|\x00|4\n2/)
    },
  )
})

describe('rules 13, 16 and 69 for responses: what could grow without end', () => {
  test.each([
    ['chunk extensions', http(chunkedHead, `5;${'a'.repeat(200_000)}`)],
    ['a chunk size', http(chunkedHead, '0'.repeat(200_000))],
    ['trailers', http(chunkedHead, `0\r\n${'X-Sum: 42\r\n'.repeat(30_000)}`)],
    ['one trailer', http(chunkedHead, `0\r\nX-Sum: ${'4'.repeat(200_000)}`)],
    ['a reason phrase', `HTTP/1.1 200 ${'O'.repeat(200_000)}`],
    ['a field name', `HTTP/1.1 200 OK\r\n${'X'.repeat(200_000)}`],
    ['fields', `HTTP/1.1 200 OK\r\n${'X-A: a\r\n'.repeat(30_000)}`],
    ['fields of interim responses', `HTTP/1.1 103 Early Hints\r\n${'X-A: a\r\n'.repeat(30_000)}`],
    ['a status line that is none', 'x'.repeat(200_000)],
    ['empty lines before a status line', '\r\n'.repeat(100_000)],
  ])('%s are cut off', async (_name, bytes) => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.request()
      wire.send(bytes)
    })
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(get('/', 'Connection: close'))
    await (await endpoint.connection()).closed
    await client.closed
    expect(client.text === '' || /^HTTP\/1\.1 (502|200) /.test(client.text)).toBe(true)
    expect((await mesh.exchange()).code).toMatch(/^MESH_UPSTREAM_/)
  })

  test('interim responses without end are cut off or time out, and memory stays', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.request()
      while (wire.ending === undefined && !wire.socket.destroyed) {
        wire.send('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(100))
        await new Promise((resolve) => setImmediate(resolve))
      }
    })
    const mesh = await startMesh(endpoint, { service: { timeout: { responseHeadersMs: 300 } } })
    const client = (await mesh.connect()).pause().send(get('/'))
    expect((await mesh.exchange()).code).toMatch(/^MESH_(RESPONSE_HEADERS_TIMEOUT|UPSTREAM_PROTOCOL)$/)
    client.reset()
  })
})
