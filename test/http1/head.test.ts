// The header section of a request: what is refused, what is passed on as it is, and its limits (rules 17 to 26).
import { describe, expect, test } from 'vitest'
import { answeringEndpoint, codeOf, expectRefused, forwarded, get, http, seenBy, smuggled, startMesh } from '../kit/index.ts'

const start = ['GET / HTTP/1.1', 'Host: test.example'] as const

async function refuses(bytes: string, ...statuses: number[]): Promise<void> {
  const endpoint = await answeringEndpoint()
  const mesh = await startMesh(endpoint)
  await expectRefused(mesh, endpoint, bytes, ...statuses)
}

describe('rule 17: a bare CR', () => {
  test.each([
    ['in a field value', http([...start, 'X-A: a\rb'])],
    ['as the end of a field', http([...start, 'X-A: a\rX-B: b'])],
    ['in a field name', http([...start, 'X-\rA: a'])],
    ['before the end of the head', http([...start, 'X-A: a\r\n\rX-B: b'])],
    ['as the end of the request line', `GET / HTTP/1.1\rHost: test.example\r\n\r\n`],
    ['in the empty line', `GET / HTTP/1.1\r\nHost: test.example\r\n\rGET /smuggled HTTP/1.1\r\nHost: test.example\r\n\r\n`],
  ])('%s is refused', (_name, bytes) => refuses(bytes + smuggled, 400))
})

describe('rule 18: a bare LF', () => {
  test.each([
    ['behind the request line', 'GET / HTTP/1.1\nHost: test.example\r\n\r\n'],
    ['behind a field', 'GET / HTTP/1.1\r\nHost: test.example\nX-A: a\r\n\r\n'],
    ['everywhere', 'GET / HTTP/1.1\nHost: test.example\n\n'],
    ['in the empty line', 'GET / HTTP/1.1\r\nHost: test.example\r\n\n'],
  ])('%s is refused or read as CRLF, and never forwarded', async (_name, bytes) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(bytes)
    expect([200, 400, 505]).toContain(response.status)
    await seenBy(mesh, endpoint)
    expect(endpoint.text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
  })
})

describe('rule 19: NUL and other control characters', () => {
  test.each(['\x00', '\x01', '\x08', '\x0b', '\x0c', '\x1b', '\x7f'])('%j in a field value is refused', (char) => refuses(http([...start, `X-A: a${char}b`]), 400))
  test.each(['\x00', '\x0b', '\x7f'])('%j in a field name is refused', (char) => refuses(http([...start, `X-${char}A: a`]), 400))
})

describe('rule 20: white space before a colon', () => {
  test.each(['X-A : a', 'X-A\t: a', 'Content-Length : 5', 'Host : other.example'])('%j is refused', (line) => refuses(http([...start, line], smuggled), 400))
})

describe('rule 21: a folded field', () => {
  test.each([' b', '\tb', '  b'])('%j on a line of its own is refused', (fold) => refuses(http([...start, 'X-A: a', fold]), 400))

  test('a folded field whose continuation looks like a field is refused', () => refuses(http([...start, 'X-A: a', ' Content-Length: 100']), 400))
})

describe('rule 22: field names that are no tokens', () => {
  test.each(['', ' ', '(', ')', 'X(A', 'X[A]', 'X{A}', 'X"A', 'X/A', 'X@A', 'X,A', 'X;A', 'X<A', 'X=A', 'X?A', 'X\\A', 'X A', 'X\xe4', '\xff'])(
    '%j is refused',
    (name) => refuses(http([...start, `${name}: a`], smuggled), 400),
  )

  test('a line without a colon is refused', () => refuses(http([...start, 'X-A']), 400))
  test('every character of a token is passed on', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const request = await forwarded(mesh, endpoint, get('/', "!#$%&'*+-.^_`|~09azAZ: yes"))
    expect(request.one("!#$%&'*+-.^_`|~09azAZ")).toBe('yes')
  })
})

describe('rule 23: white space before the first field', () => {
  test.each([' Host: test.example', '\tHost: test.example', ' ', '\t'])('%j is refused', (line) => refuses(http(['GET / HTTP/1.1', line, 'Host: test.example']), 400))
})

describe('rule 24: fields of the same name', () => {
  test('keep their order and stay apart', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const request = await forwarded(mesh, endpoint, get('/', 'X-A: 1', 'X-B: other', 'x-a: 2', 'X-A: 3'))
    expect(request.all('x-a')).toEqual(['1', '2', '3'])
  })

  test('Set-Cookie of a response is never combined', async () => {
    const endpoint = await answeringEndpoint('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a=1; Expires=Wed, 09 Jun 2027 10:18:14 GMT\r\nX-A: x\r\nset-cookie: b=2\r\nSet-Cookie: c=3\r\n\r\n')
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(get('/'))
    expect(response.all('set-cookie')).toEqual(['a=1; Expires=Wed, 09 Jun 2027 10:18:14 GMT', 'b=2', 'c=3'])
  })

  test('Cookie fields of a request keep their order', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const request = await forwarded(mesh, endpoint, get('/', 'Cookie: a=1', 'Cookie: b=2'))
    expect(request.all('cookie').join('; ')).toBe('a=1; b=2')
  })
})

describe('rule 25: bytes above ASCII in values', () => {
  test('pass unchanged both ways', async () => {
    const bytes = Array.from({ length: 128 }, (_, index) => String.fromCharCode(index + 128)).join('')
    const endpoint = await answeringEndpoint(`HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Back: ${bytes}\r\n\r\n`)
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(get('/', `X-There: ${bytes}`))
    const [request] = await seenBy(mesh, endpoint)
    expect(request?.one('x-there')).toBe(bytes)
    expect(response.one('x-back')).toBe(bytes)
  })

  test('a tab inside a value passes unchanged', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    expect((await forwarded(mesh, endpoint, get('/', 'X-A: a\tb'))).one('x-a')).toBe('a\tb')
  })

  test('an empty value passes', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    expect((await forwarded(mesh, endpoint, get('/', 'X-A:'))).one('x-a')).toBe('')
  })
})

describe('rule 26: limits of the head', () => {
  test('a head beyond headBytes is answered 431 MESH_HEAD_TOO_LARGE', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { listener: { limits: { headBytes: 4096 } } })
    const response = await expectRefused(mesh, endpoint, get('/', `X-A: ${'a'.repeat(5000)}`), 431)
    expect(codeOf(response)).toBe('MESH_HEAD_TOO_LARGE')
  })

  test('a head without end is answered 431 while it is still arriving', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(`GET / HTTP/1.1\r\nHost: test.example\r\nX-A: ${'a'.repeat(70_000)}`)
    expect((await client.response()).status).toBe(431)
    await client.closed
  })

  test('a head just below headBytes passes', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { listener: { limits: { headBytes: 8192 } } })
    const value = 'a'.repeat(7900)
    expect((await forwarded(mesh, endpoint, get('/', `X-A: ${value}`))).one('x-a')).toBe(value)
  })

  test('more fields than headerCount are answered 431 MESH_TOO_MANY_HEADERS', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { listener: { limits: { headerCount: 20 } } })
    const response = await expectRefused(mesh, endpoint, get('/', ...Array.from({ length: 25 }, (_, index) => `X-${index}: a`)), 431)
    expect(codeOf(response)).toBe('MESH_TOO_MANY_HEADERS')
  })

  test('the default of 200 fields is kept without losing one', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const fields = Array.from({ length: 190 }, (_, index) => `X-${index}: ${index}`)
    const request = await forwarded(mesh, endpoint, get('/', ...fields))
    expect(request.headers.filter(([name]) => /^x-\d+$/i.test(name)).map(([name, value]) => `${name}: ${value}`)).toEqual(fields)
    await expectRefused(mesh, endpoint, get('/', ...Array.from({ length: 201 }, (_, index) => `X-${index}: ${index}`)), 431)
  })

  test('more than a thousand fields are refused, never silently shortened', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { listener: { limits: { headerCount: 5000 } } })
    const fields = Array.from({ length: 3000 }, (_, index) => `X-${index}: ${index}`)
    const { response } = await mesh.ask(get('/', ...fields, 'Authorization: last'))
    const seen = await seenBy(mesh, endpoint)
    if (response.status === 200) expect(seen[0]?.one('authorization')).toBe('last')
    else expect([response.status, seen.length]).toEqual([431, 0])
  })

  test('a Content-Length behind a thousand fields is not lost', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const fields = Array.from({ length: 1200 }, () => 'A: b')
    await expectRefused(mesh, endpoint, http([...start, ...fields, `Content-Length: ${smuggled.length}`], smuggled), 431)
  })

  test('a target beyond urlLength is answered 414 MESH_URL_TOO_LONG', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const response = await expectRefused(mesh, endpoint, get(`/${'a'.repeat(9000)}`), 414)
    expect(codeOf(response)).toBe('MESH_URL_TOO_LONG')
  })

  test('a method without end is refused', () => refuses(http([`${'A'.repeat(1000)} / HTTP/1.1`, 'Host: test.example']), 400, 405, 501))
})

describe('names that are traps', () => {
  test('a header named __proto__ passes as any other', async () => {
    const endpoint = await answeringEndpoint('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n__proto__: back\r\nconstructor: c\r\n\r\n')
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(get('/', '__proto__: there', 'constructor: x', 'toString: y', 'hasOwnProperty: z'))
    const [request] = await seenBy(mesh, endpoint)
    expect([request?.one('__proto__'), request?.one('constructor'), request?.one('tostring'), request?.one('hasownproperty')]).toEqual(['there', 'x', 'y', 'z'])
    expect([response.one('__proto__'), response.one('constructor')]).toEqual(['back', 'c'])
  })

  test('a trailer named __proto__ harms nothing', async () => {
    const endpoint = await answeringEndpoint('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n__proto__: back\r\n\r\n')
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(http(['POST / HTTP/1.1', 'Host: test.example', 'Transfer-Encoding: chunked'], '2\r\nhi\r\n0\r\n__proto__: there\r\n\r\n'))
    expect([response.status, response.body.toString()]).toEqual([200, 'ok'])
    expect((await seenBy(mesh, endpoint))[0]?.body.toString()).toBe('hi')
  })

  test.each([
    ['allow', 200, ['1']],
    ['drop', 200, []],
    ['reject', 400, undefined],
  ] as const)('underscores: %s answers %i', async (underscores, status, values) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { listener: { underscores } })
    const { response } = await mesh.ask(get('/', 'X_User: 1'))
    expect(response.status).toBe(status)
    expect((await seenBy(mesh, endpoint))[0]?.all('x_user')).toEqual(values)
    if (status === 400) expect(codeOf(response)).toBe('MESH_BAD_HEADER')
  })
})
