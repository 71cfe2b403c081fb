// Expect and interim responses, both ways (rules 54 to 57).
import { describe, expect, test } from 'vitest'
import { answeringEndpoint, get, http, ok, post, rawEndpoint, seenBy, smuggled, startMesh } from '../kit/index.ts'

const expecting = (length: number, ...fields: string[]): string => http(['POST /upload HTTP/1.1', 'Host: test.example', 'Expect: 100-continue', `Content-Length: ${length}`, ...fields])

describe('rule 54: 100-continue', () => {
  test('a client that waits gets 100 and its body arrives', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(expecting(5))
    expect((await client.response()).status).toBe(100)
    client.send('hello')
    expect((await client.response()).status).toBe(200)
    expect((await seenBy(mesh, endpoint)).map((request) => request.body.toString())).toEqual(['hello'])
  })

  test('an endpoint that sends 100 by itself does not confuse anybody', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.requestHead()
      wire.send('HTTP/1.1 100 Continue\r\n\r\n')
      await wire.untilText('hello')
      wire.send(ok)
    })
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(expecting(5))
    expect((await client.response()).status).toBe(100)
    client.send('hello')
    expect((await client.finalResponse()).status).toBe(200)
  })

  test('a client that does not wait is not hung', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(`${expecting(5)}hello`)
    expect((await client.finalResponse()).status).toBe(200)
    expect((await seenBy(mesh, endpoint))[0]?.body.toString()).toBe('hello')
  })

  test('Expect without a body is not hung', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(get('/', 'Expect: 100-continue'))
    expect((await client.finalResponse()).status).toBe(200)
  })

  test('a filter that answers at once spares the client its body', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, {
      setup: (app) => app.mesh.add({ match: { path: '/upload' }, reply: { status: 401 } }),
    })
    const client = (await mesh.connect()).send(expecting(5))
    expect((await client.response()).status).toBe(401)
    expect(await seenBy(mesh, endpoint)).toEqual([])
  })
})

describe('rule 55: an expectation that is refused', () => {
  test.each(['200-ok', '100-continue, x', 'x', '100-continued', '  '])('%j is refused or ignored, and the body is no second request', async (value) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(post('/upload', smuggled, `Expect: ${value}`))
    const response = await client.finalResponse()
    expect([200, 400, 417]).toContain(response.status)
    const seen = await seenBy(mesh, endpoint)
    expect(seen.filter((request) => request.target === '/smuggled')).toEqual([])
    for (const request of seen) expect(request.body.toString()).toBe(smuggled)
  })

  test('behind an early answer to an expecting client, a body that comes nevertheless is no request', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.requestHead()
      wire.send('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n')
    })
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(expecting(smuggled.length))
    await client.finalResponse()
    client.send(smuggled + smuggled.replace('/smuggled', '/behind'))
    await client.closed.catch(() => undefined)
    expect(endpoint.text).not.toContain('GET /smuggled HTTP/1.1\r\nvia')
    expect(endpoint.wires.map((wire) => wire.text.split('\r\n')[0]).filter((line) => line?.includes('/smuggled'))).toEqual([])
  })

  test('a final answer of the endpoint in place of 100 goes to the client, and no body is asked for', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.requestHead()
      wire.send('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n').halfClose()
    })
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(expecting(1_000_000))
    expect((await client.finalResponse()).status).toBe(413)
  })
})

describe('rule 56: HTTP/1.0 clients', () => {
  test('get no interim responses', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.request()
      wire.send(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok}`)
    })
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(http(['GET / HTTP/1.0', 'Host: test.example']))
    expect(response.status).toBe(200)
  })
  test('get no 100, even when they ask for it', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(http(['POST / HTTP/1.0', 'Host: test.example', 'Expect: 100-continue', 'Content-Length: 5'], 'hello'))
    expect([200, 417]).toContain((await client.response()).status)
  })
})

describe('rule 57: interim responses', () => {
  test('103 is forwarded with its fields before the final response', async () => {
    const endpoint = await answeringEndpoint(`HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n${ok}`)
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(get('/'))
    const early = await client.response()
    expect([early.status, early.one('link')]).toEqual([103, '</style.css>; rel=preload'])
    expect((await client.response()).body.toString()).toBe('ok')
  })

  test.each([100, 102, 103, 110, 199])('%i is never taken for the final response and never shifts the queue', async (status) => {
    const endpoint = await answeringEndpoint((request) => `HTTP/1.1 ${status} Interim\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: ${request.target.length}\r\n\r\n${request.target}`)
    const mesh = await startMesh(endpoint)
    const client = await mesh.connect()
    for (const target of ['/one', '/two', '/three']) {
      client.send(get(target))
      const response = await client.finalResponse()
      expect([response.status, response.body.toString()]).toEqual([200, target])
    }
  })

  test('many interim responses end in one final response', async () => {
    const endpoint = await answeringEndpoint(`${'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(50)}${ok}`)
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(get('/'))
    expect((await client.finalResponse()).body.toString()).toBe('ok')
    client.send(get('/again'))
    expect((await client.finalResponse()).status).toBe(200)
  })

  test('a connection that ends behind an interim response is a 502', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.request()
      wire.send('HTTP/1.1 103 Early Hints\r\n\r\n').halfClose()
    })
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(get('/'))
    expect((await client.finalResponse()).status).toBe(502)
  })

  test('fields of an interim response that are no HTTP go no further', async () => {
    const endpoint = await answeringEndpoint(`HTTP/1.1 103 Early Hints\r\nConnection: X-A\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\nLink: </a>\r\n\r\n${ok}`)
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(get('/'))
    const first = await client.response()
    if (first.status === 103) expect([first.all('transfer-encoding'), first.all('connection'), first.all('x-a')]).toEqual([[], [], []])
    else expect([200, 502]).toContain(first.status)
  })
})
