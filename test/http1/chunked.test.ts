// Chunked coding from a client: parsed exactly, written anew (rules 12 to 16).
import { describe, expect, test } from 'vitest'
import { answeringEndpoint, expectRefused, forwarded, http, seenBy, smuggled, startMesh } from '../kit/index.ts'

const head = ['POST /chunked HTTP/1.1', 'Host: test.example', 'Transfer-Encoding: chunked'] as const

describe('rule 12: valid chunked bodies', () => {
  test.each([
    ['one chunk', '5\r\nhello\r\n0\r\n\r\n', 'hello'],
    ['several chunks', '1\r\nh\r\n2\r\nel\r\n2\r\nlo\r\n0\r\n\r\n', 'hello'],
    ['an upper-case size', 'A\r\n0123456789\r\n0\r\n\r\n', '0123456789'],
    ['a lower-case size', 'a\r\n0123456789\r\n0\r\n\r\n', '0123456789'],
    ['leading zeros', '00005\r\nhello\r\n0\r\n\r\n', 'hello'],
    ['several zeros as the last size', '5\r\nhello\r\n000\r\n\r\n', 'hello'],
    ['data that looks like chunk framing', '7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n', '0\r\n\r\n\r\n'],
    ['no data', '0\r\n\r\n', ''],
  ])('%s arrives whole', async (_name, body, expected) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const request = await forwarded(mesh, endpoint, http(head, body))
    expect(request.body.toString('latin1')).toBe(expected)
  })

  test('trailers arrive as trailers', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const request = await forwarded(mesh, endpoint, http([...head, 'Trailer: X-Sum'], '5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n'))
    expect(request.body.toString()).toBe('hello')
    expect(request.trailers.map(([name, value]) => [name.toLowerCase(), value])).toEqual([['x-sum', '42']])
    expect(request.all('x-sum')).toEqual([])
  })
})

describe('rule 13: chunk extensions', () => {
  test.each(['5;a', '5;a=b', '5;a="b"', '5; a=b', '5;a=b;c=d', '5;a="\\""'])('%j is accepted or refused, and never forwarded', async (size) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(http(head, `${size}\r\nhello\r\n0\r\n\r\n`))
    expect([200, 400]).toContain(response.status)
    for (const request of await seenBy(mesh, endpoint)) expect(request.body.toString()).toBe('hello')
    expect(endpoint.text).not.toContain('a=')
  })

  test('extensions without end are refused', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(http(head, `5;${'a'.repeat(100_000)}\r\nhello\r\n0\r\n\r\n`))
    expect([400, 413, 431]).toContain((await client.response()).status)
    await client.closed
    expect((await seenBy(mesh, endpoint)).length).toBe(0)
  })

  test.each(['5;a=b\n', '5;\n', '5\x00;a\r\n', '5;a\rb\r\n'])('%j, an extension with a bare line end or NUL, is refused', async (line) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    await expectBodyRefused(mesh, endpoint, `${line}hello\r\n0\r\n\r\n`)
  })
})

describe('rule 14: chunk sizes that are not hexadecimal digits', () => {
  test.each([
    '', ' ', '-5', '+5', '0x5', '5_0', '5 5', ' 5', '5h', 'g', '5,5', '.5', '5.', '"5"', '\x005', '\t5', '5\x0b',
    '10000000000000005', 'fffffffffffffffff', 'ffffffffffffffff5', '100000000000000000000000000000005',
  ])('%j is refused and nothing behind it is executed', async (size) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    await expectBodyRefused(mesh, endpoint, `${size}\r\nhello\r\n0\r\n\r\n`)
  })
})

describe('rule 15: line ends in chunk framing', () => {
  test.each([
    ['a bare LF behind a size', '5\nhello\r\n0\r\n\r\n'],
    ['a bare CR behind a size', '5\rhello\r\n0\r\n\r\n'],
    ['a bare LF behind data', '5\r\nhello\n0\r\n\r\n'],
    ['a bare CR behind data', '5\r\nhello\r0\r\n\r\n'],
    ['nothing behind data', '5\r\nhello0\r\n\r\n'],
    ['more data than declared', '5\r\nhello!\r\n0\r\n\r\n'],
    ['two other bytes behind data', '5\r\nhelloXX0\r\n\r\n'],
    ['a bare LF behind the last size', '5\r\nhello\r\n0\n\r\n'],
    ['a bare LF at the very end', '5\r\nhello\r\n0\r\n\n'],
  ])('%s is refused and nothing behind it is executed', async (_name, body) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    await expectBodyRefused(mesh, endpoint, body)
  })
})

/** Node's parser refuses the whole message when a trailer would frame it, which is just as safe as dropping it. */
const framing = /^(content-length|transfer-encoding)/i

describe('rule 16: trailers', () => {
  test.each([
    'Content-Length: 0', 'Transfer-Encoding: chunked', 'Host: other.example', 'Authorization: Basic eA==', 'Cookie: a=b',
    'X-Forwarded-For: 1.2.3.4', 'Connection: x-other', 'Content-Type: text/html', 'TE: gzip', 'Via: 1.1 fred', 'Expect: 100-continue',
  ])('%s may not come as a trailer and goes no further', async (trailer) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(http([...head, 'Trailer: X-Sum'], `5\r\nhello\r\n0\r\n${trailer}\r\nX-Sum: 42\r\n\r\n`))
    const seen = await seenBy(mesh, endpoint)
    if (framing.test(trailer)) return expect([response.status >= 400, seen]).toEqual([true, []])
    const [request] = seen
    expect(request?.trailers.map(([one]) => one.toLowerCase())).toEqual(['x-sum'])
    expect(request?.one('host')).toBe('test.example')
    expect(request?.head).not.toContain(trailer.split(': ')[1])
  })

  test('a trailer never replaces or joins a header of its name', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const request = await forwarded(mesh, endpoint, http([...head, 'X-User: alice'], '5\r\nhello\r\n0\r\nX-User: root\r\n\r\n'))
    expect(request.all('x-user')).toEqual(['alice'])
  })

  test.each(['X-Sum : 42', 'X Sum: 42', ': 42', 'X-Sum', 'X-Sum: 4\x002', 'X-Sum: 4\n2: x'])('%j, a malformed trailer, is refused or dropped', async (trailer) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(http(head, `5\r\nhello\r\n0\r\n${trailer}\r\n\r\n${smuggled}`))
    await client.response()
    await client.closed
    for (const request of await seenBy(mesh, endpoint)) expect([request.target, request.trailers]).toEqual(['/chunked', []])
  })

  test('trailers beyond the head limit are refused', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { listener: { limits: { headBytes: 8192 } } })
    const client = (await mesh.connect()).send(http(head, `5\r\nhello\r\n0\r\nX-Sum: ${'4'.repeat(20_000)}\r\n\r\n`))
    expect([400, 413, 431]).toContain((await client.response()).status)
    await client.closed
    expect((await seenBy(mesh, endpoint)).length).toBe(0)
  })

  test('very many trailers are refused or cut down, never forwarded whole', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { listener: { limits: { headerCount: 50 } } })
    const client = (await mesh.connect()).send(http(head, `5\r\nhello\r\n0\r\n${'X: y\r\n'.repeat(3000)}\r\n`))
    await client.response()
    for (const request of await seenBy(mesh, endpoint)) expect(request.trailers.length).toBeLessThanOrEqual(50)
  })
})

/**
 * A body that is bad in the middle: the endpoint may have seen a beginning, because bodies are streamed, but never a whole
 * message, nor anything behind the mistake.
 */
async function expectBodyRefused(mesh: Awaited<ReturnType<typeof startMesh>>, endpoint: Awaited<ReturnType<typeof answeringEndpoint>>, body: string): Promise<void> {
  const client = (await mesh.connect()).send(http(head, body + smuggled))
  expect((await client.response()).status).toBe(400)
  await client.closed
  expect(client.rest.length).toBe(0)
  expect((await seenBy(mesh, endpoint)).map((request) => request.head)).toEqual([])
}

test('rule 42: nothing is executed behind a bad chunk', async () => {
  const endpoint = await answeringEndpoint()
  const mesh = await startMesh(endpoint)
  await expectRefused(mesh, endpoint, http(head, `zz\r\n${smuggled}`), 400)
})
