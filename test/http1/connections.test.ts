// Order, closing, retries and half-close on connections (rules 73 to 77).
import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { RetryPolicy } from '@meshwright/core'
import { answeringEndpoint, codeOf, get, http, ok, post, rawEndpoint, seenBy, smuggled, startMesh, until } from '../kit/index.ts'

/** Wants another attempt whatever happened: only the core's law stands between it and a second execution. */
const always: RetryPolicy = { next: (exchange) => (exchange.attempt < 3 ? 0 : undefined) }

async function closedPort(): Promise<string> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return `127.0.0.1:${port}`
}

describe('rule 73: pipelined requests', () => {
  test('are answered in order with their bodies kept apart', async () => {
    const endpoint = await answeringEndpoint((request) => `HTTP/1.1 200 OK\r\nContent-Length: ${request.target.length + request.body.length}\r\n\r\n${request.target}${request.body.toString()}`)
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(get('/1') + post('/2', 'two') + http(['PUT /3 HTTP/1.1', 'Host: test.example', 'Transfer-Encoding: chunked'], '5\r\nthree\r\n0\r\n\r\n') + get('/4'))
    const bodies: string[] = []
    for (let index = 0; index < 4; index++) bodies.push((await client.response()).body.toString())
    expect(bodies).toEqual(['/1', '/2two', '/3three', '/4'])
  })

  test('keep their order when the first takes longest', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      const request = await wire.request()
      if (request.target === '/slow') await wire.until(() => (endpoint.wires.length > 1 ? true : undefined), 'nothing').catch(() => undefined)
      wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${request.target.length}\r\nConnection: close\r\n\r\n${request.target}`).halfClose()
    })
    const mesh = await startMesh(endpoint)
    const client = await mesh.connect()
    client.send(get('/first') + get('/second') + get('/third'))
    expect([(await client.response()).body.toString(), (await client.response()).body.toString(), (await client.response()).body.toString()]).toEqual(['/first', '/second', '/third'])
  })

  test('a parse error in the second does not overwrite the answer to the first', async () => {
    const endpoint = await rawEndpoint()
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(`${get('/first')}GET / HTTP/1.1\r\nbad header\r\n\r\n`)
    const upstream = await endpoint.connection()
    await upstream.request()
    upstream.send(ok)
    const first = await client.response()
    expect([first.status, first.body.toString()]).toEqual([200, 'ok'])
    await client.closed
    expect(client.rest.toString('latin1')).toMatch(/^($|HTTP\/1\.1 400 )/)
  })

  test('are sent on one after the other', async () => {
    const targets: string[] = []
    const endpoint = await rawEndpoint(async (wire) => {
      const request = await wire.request()
      targets.push(request.target)
      if (request.target === '/first') await until(() => release, 'the second to have had its chance')
      wire.send(ok).halfClose()
    })
    let release = false
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(get('/first') + get('/second'))
    await until(() => targets.length > 0, 'the first request')
    expect(targets).toEqual(['/first'])
    release = true
    await client.response()
    await client.response()
    expect(targets).toEqual(['/first', '/second'])
  })

  test('end with one that breaks off', async () => {
    const targets: string[] = []
    const endpoint = await rawEndpoint(async (wire) => {
      const request = await wire.request()
      targets.push(request.target)
      if (request.target === '/broken') wire.send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbut').halfClose()
      else wire.send(ok).halfClose()
    })
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(get('/first') + get('/broken') + get('/third'))
    expect((await client.response()).body.toString()).toBe('ok')
    await client.closed
    expect(targets).toEqual(['/first', '/broken'])
  })

  test('bytes sent in pieces of one are read the same', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const client = await mesh.connect()
    for (const byte of post('/pieces', 'hello') + get('/next')) {
      client.send(byte)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await client.response()
    await client.response()
    expect((await seenBy(mesh, endpoint)).map((request) => [request.target, request.body.toString()])).toEqual([['/pieces', 'hello'], ['/next', '']])
  })

  test('empty lines before a request line are skipped or refused', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(`\r\n\r\n${get('/')}`)
    expect([200, 400]).toContain(response.status)
  })
})

describe('rule 74: close', () => {
  test.each(['close', 'Close', 'CLOSE', 'keep-alive, close', 'close, x-a'])('Connection: %s of a request ends the connection, and nothing behind it is executed', async (value) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(get('/one', `Connection: ${value}`) + smuggled)
    const response = await client.response()
    expect(response.all('connection').join().toLowerCase()).toContain('close')
    await client.closed
    expect((await seenBy(mesh, endpoint)).map((request) => request.target)).toEqual(['/one'])
  })

  test('HTTP/1.0 without keep-alive ends the connection', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(http(['GET /one HTTP/1.0', 'Host: test.example']) + smuggled)
    await client.response()
    expect(await client.closed).toBe('end')
    expect((await seenBy(mesh, endpoint)).map((request) => request.target)).toEqual(['/one'])
  })

  test('Connection: close of an endpoint ends its connection, not the client’s', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.request()
      wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok')
    })
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(get('/one'))
    expect((await client.response()).all('connection').join().toLowerCase()).not.toContain('close')
    client.send(get('/two'))
    expect((await client.response()).status).toBe(200)
    expect(endpoint.wires.length).toBe(2)
  })

  test('the connection of an HTTP/1.0 endpoint is not used again', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.request()
      wire.send('HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
    const mesh = await startMesh(endpoint)
    expect((await mesh.ask(get('/one'))).response.status).toBe(200)
    expect((await mesh.ask(get('/two'))).response.status).toBe(200)
    expect(endpoint.wires.length).toBe(2)
  })
})

describe('rule 75: requests that may have been executed', () => {
  test.each(['POST', 'PATCH', 'LOCK'])('a %s is sent once, even if the policy wants more', async (method) => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.request()
      wire.reset()
    })
    const mesh = await startMesh(endpoint, { service: { retry: always } })
    const { response } = await mesh.ask(http([`${method} /order HTTP/1.1`, 'Host: test.example', 'Content-Length: 5'], 'hello'))
    expect([response.status, codeOf(response)]).toEqual([502, 'MESH_UPSTREAM_CLOSED'])
    expect([endpoint.wires.length, (await mesh.exchange()).attempts]).toEqual([1, 1])
  })

  test('a POST on a reused connection that the endpoint has just closed is not sent twice', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.request()
      wire.send(ok)
      const again = await wire.request().catch(() => undefined)
      if (again !== undefined) wire.reset()
    })
    const mesh = await startMesh(endpoint, { service: { retry: always } })
    await mesh.ask(get('/warm'))
    const { response } = await mesh.ask(post('/order', 'hello'))
    const orders = endpoint.text.match(/^POST \/order /gm) ?? []
    expect(orders.length).toBe(1)
    expect([200, 502]).toContain(response.status)
  })

  test('without a retry policy nothing is sent twice', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.request()
      wire.reset()
    })
    const mesh = await startMesh(endpoint)
    expect((await mesh.ask(get('/'))).response.status).toBe(502)
    expect(endpoint.wires.length).toBe(1)
  })

  test('an idempotent request is repeated when the policy wants it', async () => {
    const endpoint = await rawEndpoint(async (wire, index) => {
      await wire.request()
      if (index === 0) wire.reset()
      else wire.send(ok)
    })
    const mesh = await startMesh(endpoint, { service: { retry: always } })
    expect((await mesh.ask(get('/'))).response.status).toBe(200)
    expect((await mesh.exchange()).attempts).toBe(2)
  })

  test('nothing is repeated once a byte of the response went to the client', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.request()
      wire.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello')
    })
    const mesh = await startMesh(endpoint, { service: { retry: always } })
    const client = (await mesh.connect()).send(get('/'))
    await client.untilText('hello')
    ;(await endpoint.connection()).reset()
    await client.cutResponse()
    expect(endpoint.wires.length).toBe(1)
  })
})

describe('rule 76: connections that never came about', () => {
  test.each(['GET', 'POST', 'PATCH'])('a %s goes to the next endpoint', async (method) => {
    const dead = await closedPort()
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh([{ address: dead }, endpoint], { service: { retry: always } })
    for (let index = 0; index < 2; index++) {
      const { response } = await mesh.ask(http([`${method} /order HTTP/1.1`, 'Host: test.example', 'Content-Length: 5'], 'hello'))
      expect(response.status).toBe(200)
    }
    const seen = (await seenBy(mesh, endpoint)).filter((request) => request.target === '/order')
    expect(seen.map((request) => request.body.toString())).toEqual(['hello', 'hello'])
  })

  test('without another endpoint the client sees MESH_CONNECT_FAILED', async () => {
    const mesh = await startMesh({ address: await closedPort() })
    const { response } = await mesh.ask(post('/order', 'hello'))
    expect([response.status, codeOf(response)]).toEqual([502, 'MESH_CONNECT_FAILED'])
  })
})

describe('rule 77: half-close', () => {
  test('a client that half-closes behind its request still gets the answer', async () => {
    const endpoint = await rawEndpoint()
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(get('/')).halfClose()
    const upstream = await endpoint.connection()
    await upstream.request()
    upstream.send(ok)
    const response = await client.response()
    expect([response.status, response.body.toString()]).toEqual([200, 'ok'])
  })

  test('a client that half-closes behind a body still gets the answer', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(post('/', 'hello')).halfClose()
    expect((await client.response()).status).toBe(200)
    await client.closed
  })

  test('several pipelined requests before a half-close are all answered', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(get('/1') + get('/2') + get('/3')).halfClose()
    for (let index = 0; index < 3; index++) expect((await client.response()).status).toBe(200)
    expect((await seenBy(mesh, endpoint)).map((request) => request.target)).toEqual(['/1', '/2', '/3'])
  })
})
