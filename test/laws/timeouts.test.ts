// Every wait has a timeout, and every timeout an error code. Short real timeouts; nothing here measures how long they took.
import type { Filter } from '@meshwright/core'
import { describe, expect, test } from 'vitest'
import { answeringEndpoint, codeOf, deafEndpoint, get, http, ok, post, rawEndpoint, startMesh } from '../kit/index.ts'

const short = 80

describe('waiting for the client', () => {
  test('requestHeadersMs: a head that does not end is a 408 MESH_REQUEST_HEADERS_TIMEOUT', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { listener: { timeouts: { requestHeadersMs: short } } })
    const client = (await mesh.connect()).send('GET / HTTP/1.1\r\nHost: test.example\r\nX-A: ')
    const response = await client.response()
    expect([response.status, codeOf(response)]).toEqual([408, 'MESH_REQUEST_HEADERS_TIMEOUT'])
    await client.closed
  })

  test('requestHeadersMs: a head that drips in byte by byte is late all the same', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { listener: { timeouts: { requestHeadersMs: short } } })
    const client = (await mesh.connect()).send('GET / HTTP/1.1\r\nHost: test.example\r\nX-A: ')
    const drip = setInterval(() => client.send('a'), 10)
    await client.closed
    clearInterval(drip)
    expect(client.text).toMatch(/^(HTTP\/1\.1 408 |$)/)
  })

  test('requestHeadersMs: a connection on which nothing is ever sent is closed', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { listener: { timeouts: { requestHeadersMs: short } } })
    await (await mesh.connect()).closed
  })

  test('requestBodyIdleMs: a body that stops is a 408 MESH_REQUEST_BODY_TIMEOUT, and the endpoint sees an abort', async () => {
    const endpoint = await rawEndpoint()
    const mesh = await startMesh(endpoint, { listener: { timeouts: { requestBodyIdleMs: short } } })
    const client = (await mesh.connect()).send('POST / HTTP/1.1\r\nHost: test.example\r\nContent-Length: 10\r\n\r\nhello')
    const response = await client.response()
    expect([response.status, codeOf(response)]).toEqual([408, 'MESH_REQUEST_BODY_TIMEOUT'])
    await client.closed
    await (await endpoint.connection()).closed
  })

  test('responseStallMs: a client that stops reading is cut with MESH_RESPONSE_STALLED', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.request()
      wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${64 << 20}\r\n\r\n`)
      wire.send(Buffer.alloc(64 << 20))
    })
    const mesh = await startMesh(endpoint, { listener: { timeouts: { responseStallMs: short } } })
    const client = (await mesh.connect()).pause().send(get('/'))
    expect((await mesh.exchange()).code).toBe('MESH_RESPONSE_STALLED')
    await (await endpoint.connection()).closed
    client.resume()
    await client.closed
  })

  test('keepAliveMs: an idle connection is closed without an answer, and counted as MESH_KEEP_ALIVE_TIMEOUT', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { listener: { timeouts: { keepAliveMs: short } } })
    const client = (await mesh.connect()).send(get('/'))
    await client.response()
    await client.closed
    expect(client.rest.toString()).toBe('')
    const ended = mesh.app.mesh.metrics.collect().find(({ name }) => name === 'mesh_connections_ended_total')
    expect(ended?.series).toMatchObject([{ labels: expect.arrayContaining(['MESH_KEEP_ALIVE_TIMEOUT']), value: 1 }])
  })

  test('tunnelIdleMs: a silent upgraded connection is closed with MESH_TUNNEL_IDLE_TIMEOUT', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.requestHead()
      wire.send('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n')
    })
    const mesh = await startMesh(endpoint, { listener: { timeouts: { tunnelIdleMs: short } } })
    const client = (await mesh.connect()).send(get('/', 'Connection: upgrade', 'Upgrade: chat'))
    expect((await client.response()).status).toBe(101)
    await client.closed
    await (await endpoint.connection()).closed
    expect((await mesh.exchange()).code).toBe('MESH_TUNNEL_IDLE_TIMEOUT')
  })
})

describe('waiting for the endpoint', () => {
  test('connectMs: an endpoint that never accepts is a 504 MESH_CONNECT_TIMEOUT', async () => {
    const mesh = await startMesh(await deafEndpoint(), { service: { timeout: { connectMs: short } } })
    const { response } = await mesh.ask(get('/'))
    expect([response.status, codeOf(response)]).toEqual([504, 'MESH_CONNECT_TIMEOUT'])
  })

  test('responseHeadersMs: silence is a 504 MESH_RESPONSE_HEADERS_TIMEOUT, and the endpoint sees an abort', async () => {
    const endpoint = await rawEndpoint()
    const mesh = await startMesh(endpoint, { service: { timeout: { responseHeadersMs: short } } })
    const { response } = await mesh.ask(post('/', 'hello'))
    expect([response.status, codeOf(response)]).toEqual([504, 'MESH_RESPONSE_HEADERS_TIMEOUT'])
    await (await endpoint.connection()).closed
  })

  test('responseHeadersMs: a head that drips in byte by byte is late all the same', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.request()
      wire.send('HTTP/1.1 200 OK\r\nX-A: ')
      const drip = setInterval(() => wire.send('a'), 10)
      await wire.closed
      clearInterval(drip)
    })
    const mesh = await startMesh(endpoint, { service: { timeout: { responseHeadersMs: short } } })
    expect((await mesh.ask(get('/'))).response.status).toBe(504)
  })

  test('responseHeadersMs: interim responses do not put it off for ever', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.request()
      const drip = setInterval(() => wire.send('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'), 10)
      await wire.closed
      clearInterval(drip)
    })
    const mesh = await startMesh(endpoint, { service: { timeout: { responseHeadersMs: short } } })
    const client = (await mesh.connect()).send(get('/'))
    expect((await client.finalResponse()).status).toBe(504)
  })

  test('responseIdleMs: a response that stops is cut with MESH_RESPONSE_IDLE_TIMEOUT', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.request()
      wire.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello')
    })
    const mesh = await startMesh(endpoint, { service: { timeout: { responseIdleMs: short } } })
    const client = (await mesh.connect()).send(get('/'))
    await client.closed
    expect((await mesh.exchange()).code).toBe('MESH_RESPONSE_IDLE_TIMEOUT')
    await (await endpoint.connection()).closed
  })

  test('requestMs: attempts are made as long as there is time, and the client hears why the last one failed', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.request()
      wire.reset()
    })
    const mesh = await startMesh(endpoint, { service: { timeout: { requestMs: 10_000 }, retry: { next: ({ attempt }) => (attempt < 3 ? 0 : 10_000) } } })
    const { response } = await mesh.ask(get('/'))
    expect([response.status, codeOf(response)]).toEqual([502, 'MESH_UPSTREAM_CLOSED'])
  })

  test('requestMs: a response that is still coming is cut', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.request()
      wire.send('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n')
      const drip = setInterval(() => wire.send('x'), 10)
      await wire.closed
      clearInterval(drip)
    })
    const mesh = await startMesh(endpoint, { service: { timeout: { requestMs: short } } })
    // Where the time is over before the head has come, there is a reply, and the connection would stay.
    const client = (await mesh.connect()).send(get('/', 'Connection: close'))
    await client.closed
    expect((await mesh.exchange()).code).toBe('MESH_REQUEST_TIMEOUT')
  })

  test('a route overrides the timeouts of its service', async () => {
    const endpoint = await rawEndpoint()
    const mesh = await startMesh(endpoint, { route: { timeout: { responseHeadersMs: short } } })
    expect((await mesh.ask(get('/'))).response.status).toBe(504)
  })

  test('keepAliveMs: an idle connection to an endpoint is closed', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { service: { timeout: { keepAliveMs: short } } })
    await mesh.ask(get('/'))
    await (await endpoint.connection()).closed
    expect((await mesh.ask(get('/'))).response.status).toBe(200)
  })
})

test('a slow upload is not cut while it moves', async () => {
  const endpoint = await answeringEndpoint()
  const mesh = await startMesh(endpoint, { listener: { timeouts: { requestBodyIdleMs: 1_000, requestHeadersMs: 1_000 } }, service: { timeout: { responseHeadersMs: 1_000 } } })
  const client = (await mesh.connect()).send(http(['POST / HTTP/1.1', 'Host: test.example', 'Content-Length: 60']))
  await new Promise<void>((resolve) => {
    let sent = 0
    const drip = setInterval(() => {
      client.send('x')
      if (++sent < 60) return
      clearInterval(drip)
      resolve()
    }, 20)
  })
  expect((await client.response()).body.toString()).toBe('ok')
})

test('a timeout on one exchange leaves the next on the same connection alone', async () => {
  const endpoint = await rawEndpoint(async (wire, index) => {
    await wire.request()
    if (index > 0) wire.send(ok)
  })
  const mesh = await startMesh(endpoint, { service: { timeout: { responseHeadersMs: 500 } } })
  const client = (await mesh.connect()).send(get('/1'))
  expect((await client.response()).status).toBe(504)
  client.send(get('/2'))
  expect((await client.response()).body.toString()).toBe('ok')
})

describe('waiting for a filter', () => {
  const never = (): Promise<never> => new Promise(() => {})
  const hanging: [string, Filter][] = [
    ['request headers', { name: 'hangs', onRequestHeaders: never }],
    ['a request body', { name: 'hangs', onRequestBody: never }],
    ['an attempt', { name: 'hangs', onAttempt: never }],
    ['response headers', { name: 'hangs', onResponseHeaders: never }],
  ]
  test.each(hanging)('filterMs: a promise for %s that never settles is a 504 MESH_FILTER_TIMEOUT', async (_phase, filter) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { filters: [filter], service: { retry: { next: () => 0 } }, listener: { timeouts: { filterMs: short } } })
    const { response } = await mesh.ask(post('/', 'hello'))
    expect([response.status, codeOf(response)]).toEqual([504, 'MESH_FILTER_TIMEOUT'])
    expect(await mesh.exchange()).toMatchObject({ code: 'MESH_FILTER_TIMEOUT' })
  })

  test('filterMs: a promise for a response body that never settles cuts the response', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { filters: [{ name: 'hangs', onResponseBody: never }], listener: { timeouts: { filterMs: short } } })
    const client = (await mesh.connect()).send(get('/'))
    await client.cutResponse()
    expect((await mesh.exchange()).code).toBe('MESH_FILTER_TIMEOUT')
  })

  test('filterMs: a filter that takes its time within it is waited for', async () => {
    const endpoint = await answeringEndpoint()
    const later = async (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, short / 4))
    const patient: Filter = { name: 'patient', onRequestHeaders: later, onRequestBody: async () => later(), onResponseHeaders: later, onResponseBody: async () => later() }
    const mesh = await startMesh(endpoint, { filters: [patient], listener: { timeouts: { filterMs: short * 50, requestBodyIdleMs: short * 50 } } })
    expect((await mesh.ask(post('/', 'hello'))).response.status).toBe(200)
  })
})
