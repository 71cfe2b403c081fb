// Law 2: every exchange is completed exactly once, on every way out, and everything that was counted is uncounted.
import { describe, expect, test } from 'vitest'
import { type Filter, type RetryPolicy, reply } from '@meshwright/core'
import { type MeshSetup, type TestMesh, type Wire, answeringEndpoint, get, ok, post, rawEndpoint, startMesh, until } from '../kit/index.ts'
import type { Script } from '../kit/raw-endpoint.ts'

interface Case {
  readonly setup?: MeshSetup
  readonly endpoint: Script
  /** Does what makes the exchange end. */
  readonly act: (client: Wire, mesh: TestMesh) => Promise<void>
  readonly request?: string
  readonly code?: string
}

const answering: Script = async (wire) => {
  await wire.request()
  wire.send(ok)
}
const silent: Script = () => {}
const cutting: Script = async (wire) => {
  await wire.request()
  wire.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello').halfClose()
}
const upgrading: Script = async (wire) => {
  await wire.requestHead()
  wire.send('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n')
}
const resetting: Script = async (wire) => {
  await wire.request()
  wire.reset()
}
const talking: Script = async (wire) => {
  await wire.request()
  wire.send('rubbish\r\n\r\n')
}
const answered = async (client: Wire): Promise<void> => void (await client.response())
const ended = async (client: Wire): Promise<void> => void (await client.closed)
const twice: RetryPolicy = { next: (exchange) => (exchange.attempt < 2 ? 0 : undefined) }
const filter = (parts: Omit<Filter, 'name'>): Filter => ({ name: 'under-test', ...parts })
const boom = (): never => {
  throw new Error('secret of the filter')
}

const cases: Record<string, Case> = {
  'an ordinary answer': { endpoint: answering, act: answered },
  'an answer to a request with a body': { endpoint: answering, act: answered, request: post('/', 'hello') },
  'a reply of a filter': { endpoint: answering, act: answered, setup: { filters: [filter({ onRequestHeaders: () => reply(403) })] } },
  'a reply of a filter, later': { endpoint: answering, act: answered, setup: { filters: [filter({ onRequestHeaders: async () => reply(403) })] } },
  'a reply before an attempt': { endpoint: answering, act: answered, setup: { filters: [filter({ onAttempt: () => reply(403) })] } },
  'a reply in place of a response': { endpoint: answering, act: answered, setup: { filters: [filter({ onResponseHeaders: () => reply(403) })] } },
  'a throwing request filter': { endpoint: answering, act: answered, code: 'MESH_FILTER_FAILED', setup: { logsErrors: true, filters: [filter({ onRequestHeaders: boom })] } },
  'a rejecting request filter': { endpoint: answering, act: answered, code: 'MESH_FILTER_FAILED', setup: { logsErrors: true, filters: [filter({ onRequestHeaders: async () => boom() })] } },
  'a throwing response filter': { endpoint: answering, act: answered, code: 'MESH_FILTER_FAILED', setup: { logsErrors: true, filters: [filter({ onResponseHeaders: boom })] } },
  'a throwing body filter': { endpoint: answering, act: ended, code: 'MESH_FILTER_FAILED', setup: { logsErrors: true, filters: [filter({ onResponseBody: boom })] } },
  'a throwing request body filter': { endpoint: silent, act: answered, request: post('/', 'hello'), code: 'MESH_FILTER_FAILED', setup: { logsErrors: true, filters: [filter({ onRequestBody: boom })] } },
  'an endpoint that resets': { endpoint: resetting, act: answered, code: 'MESH_UPSTREAM_CLOSED' },
  'an endpoint that resets every attempt': { endpoint: resetting, act: answered, code: 'MESH_UPSTREAM_CLOSED', setup: { service: { retry: twice } } },
  'an endpoint that cuts its body': { endpoint: cutting, act: ended, code: 'MESH_UPSTREAM_CLOSED' },
  'rubbish from an endpoint': { endpoint: talking, act: answered, code: 'MESH_UPSTREAM_PROTOCOL' },
  'a slow endpoint': { endpoint: silent, act: answered, code: 'MESH_RESPONSE_HEADERS_TIMEOUT', setup: { service: { timeout: { responseHeadersMs: 60 } } } },
  'a client that resets while the endpoint thinks': {
    endpoint: silent,
    code: 'MESH_CLIENT_CLOSED',
    async act(client, mesh) {
      await until(() => inFlight(mesh) === 1, 'the attempt')
      client.reset()
    },
  },
  'a client that resets inside its body': {
    endpoint: silent,
    request: 'POST / HTTP/1.1\r\nHost: test.example\r\nContent-Length: 10\r\n\r\nhello',
    code: 'MESH_CLIENT_CLOSED',
    async act(client, mesh) {
      await until(() => inFlight(mesh) === 1, 'the attempt')
      client.reset()
    },
  },
  'a client that resets inside the response': {
    endpoint: async (wire) => {
      await wire.request()
      wire.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello')
    },
    code: 'MESH_CLIENT_CLOSED',
    async act(client) {
      await client.untilText('hello')
      client.reset()
    },
  },
  'a client that resets while a filter thinks': {
    endpoint: answering,
    code: 'MESH_CLIENT_CLOSED',
    setup: { filters: [filter({ onRequestHeaders: () => new Promise(() => {}) })] },
    async act(client) {
      await new Promise((resolve) => setImmediate(resolve))
      client.reset()
    },
  },
  'an upgraded connection that the client closes': {
    endpoint: upgrading,
    request: get('/', 'Connection: upgrade', 'Upgrade: chat'),
    async act(client) {
      await client.response()
      client.reset()
    },
  },
}

function inFlight(mesh: TestMesh): number {
  const endpoints = mesh.app.mesh.snapshot.services.get('test')?.endpoints.all ?? []
  return endpoints.reduce((sum, endpoint) => sum + endpoint.inFlight, 0)
}

describe('law 2: complete runs exactly once', () => {
  test.each(Object.entries(cases))('after %s, and nothing stays counted', async (_name, one) => {
    let ends = 0
    const counting: Filter = { name: 'counting', onEnd: () => void ends++ }
    const endpoint = await rawEndpoint(one.endpoint)
    const mesh = await startMesh(endpoint, { ...one.setup, filters: [counting, ...(one.setup?.filters ?? [])] })
    const client = (await mesh.connect()).send(one.request ?? get('/'))
    await one.act(client, mesh)
    const exchange = await mesh.exchange()
    if (one.code !== undefined) expect(exchange.code).toBe(one.code)
    expect(client.text).not.toContain('secret')
    expect(inFlight(mesh)).toBe(0)
    client.reset()
    await mesh.app.close()
    expect([ends, mesh.ended.length]).toEqual([1, 1])
  })
})

describe('law 4: nothing thrown by a plugin leaves its phase', () => {
  test('a balancer that throws is MESH_PLUGIN_FAILED', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { logsErrors: true, service: { balancer: { pick: boom } } })
    const { response } = await mesh.ask(get('/'))
    expect([response.status, mesh.ended[0]?.code]).toEqual([500, 'MESH_PLUGIN_FAILED'])
    expect(response.body.toString()).not.toContain('secret')
  })

  test('an admission that throws is MESH_PLUGIN_FAILED', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { logsErrors: true, service: { admission: [{ admit: boom, ended() {} }] } })
    expect((await mesh.ask(get('/'))).response.status).toBe(500)
  })

  test('a filter that throws in onEnd harms nobody', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { logsErrors: true, filters: [filter({ onEnd: boom })] })
    expect((await mesh.ask(get('/'))).response.status).toBe(200)
    expect((await mesh.ask(get('/'))).response.status).toBe(200)
  })

  test.each([
    ['undefined', undefined],
    ['a number', 7],
    ['null', null],
    ['an object that throws when it is looked at', { get message(): never { return boom() } }],
  ])('a filter that rejects with %s is MESH_FILTER_FAILED', async (_name, thrown) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, {
      logsErrors: true,
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- what is no Error is what is tested
      filters: [filter({ onRequestHeaders: () => Promise.reject(thrown) })],
    })
    const { response } = await mesh.ask(get('/'))
    expect([response.status, mesh.ended[0]?.code]).toEqual([500, 'MESH_FILTER_FAILED'])
  })

  test('a retry policy or an outlier detector that throws harms nobody', async () => {
    const endpoint = await rawEndpoint((wire) => wire.reset())
    const mesh = await startMesh(endpoint, { logsErrors: true, service: { retry: { next: boom }, outlier: { ended: boom } } })
    expect((await mesh.ask(get('/'))).response.status).toBe(502)
  })

  test('a filter that writes rubbish into the response head is an error, not a crash', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { logsErrors: true, filters: [filter({ onResponseHeaders: (exchange) => exchange.response?.headers.append('x-bad', 'a\r\nx-evil: b') })] })
    const { wire, response } = await mesh.ask(get('/'))
    expect(response.status).toBeGreaterThanOrEqual(500)
    expect(wire.text).not.toMatch(/^x-evil/m)
  })

  test('a filter that writes rubbish into the request head is an error, and no request', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, {
      logsErrors: true,
      filters: [filter({ onRequestHeaders: (exchange) => { if (exchange.request.path === '/bad') exchange.request.headers.append('x-bad', 'a\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a') } })],
    })
    const { response } = await mesh.ask(get('/bad'))
    expect(response.status).toBeGreaterThanOrEqual(400)
    expect(endpoint.text).not.toContain('/smuggled')
  })
})
