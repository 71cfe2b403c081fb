// Further attempts over real sockets: what is tried again, where, how often, and what never is.
import { backoff, type BackoffOptions } from '@meshwright/retry'
import { describe, expect, test } from 'vitest'
import { answer, answeringEndpoint, codeOf, get, httpEndpoint, post, rawEndpoint, seenBy, startMesh, until, type RawEndpoint, type TestMesh } from '../kit/index.ts'

const everything: BackoffOptions = { on: ['5xx', 'reset', 'gateway-error', 'connect-failure', 'retriable-4xx'], attempts: 5, baseMs: 0 }

/** An endpoint that nobody listens for. */
async function absentEndpoint(): Promise<{ address: string }> {
  const endpoint = await rawEndpoint()
  const { address } = endpoint
  await new Promise<void>((resolve) => endpoint.server.close(() => resolve()))
  return { address }
}

/** An endpoint that reads a whole head and then cuts the connection. */
function cuttingEndpoint(): Promise<RawEndpoint> {
  return rawEndpoint(async (wire) => {
    await wire.untilText('\r\n\r\n')
    wire.reset()
  })
}

/** Endpoints take turns from the second on; with two of them, a request that is tried again leaves the turn to the second one. */
function mesh(endpoints: readonly { address: string }[], options: BackoffOptions = {}, more: Parameters<typeof startMesh>[1] = {}): Promise<TestMesh> {
  return startMesh(endpoints, { ...more, service: { retry: backoff(options), ...more.service } })
}

const unavailable = answer('503 Service Unavailable', 'no')

describe('what no endpoint has worked on', () => {
  test.each(['GET', 'POST', 'PATCH'])('%s goes to another endpoint when one cannot be reached', async (method) => {
    const [good, absent] = [await answeringEndpoint(), await absentEndpoint()]
    const one = await mesh([good, absent])
    for (let i = 1; i <= 2; i++) {
      const { response } = await one.ask(method === 'GET' ? get('/') : post('/', 'once').replace('POST', method))
      expect(response.status).toBe(200)
    }
    expect([(await one.exchange(1)).attempts, (await one.exchange(2)).attempts]).toEqual([2, 2])
    expect(good.requests.map((request) => request.body.toString())).toEqual(method === 'GET' ? ['', ''] : ['once', 'once'])
  })

  test('is tried once more only, if nobody says otherwise', async () => {
    const one = await mesh([await absentEndpoint(), await absentEndpoint(), await absentEndpoint()])
    const { response } = await one.ask(get('/'))
    expect([response.status, codeOf(response), (await one.exchange()).attempts]).toEqual([502, 'MESH_CONNECT_FAILED', 2])
  })
})

describe('a request that is not idempotent', () => {
  test.each(['POST', 'PATCH', 'LOCK'])('%s is never repeated once a byte of it was sent, whatever the policy says', async (method) => {
    const endpoints = [await cuttingEndpoint(), await cuttingEndpoint()]
    const one = await mesh(endpoints, everything)
    const { response } = await one.ask(post('/', 'pay').replace('POST', method))
    expect([response.status, codeOf(response), (await one.exchange()).attempts]).toEqual([502, 'MESH_UPSTREAM_CLOSED', 1])
    expect(endpoints.flatMap(({ wires }) => wires)).toHaveLength(1)
  })

  test('is not repeated after a response that says it failed', async () => {
    const endpoints = [await answeringEndpoint(unavailable), await answeringEndpoint(unavailable)]
    const one = await mesh(endpoints, everything)
    const { response } = await one.ask(post('/', 'pay'))
    expect([response.status, response.body.toString(), endpoints.flatMap(({ requests }) => requests).length]).toEqual([503, 'no', 1])
  })

  test('that could not be sent to one endpoint is sent whole to another, and then never again', async () => {
    const [cutting, absent] = [await cuttingEndpoint(), await absentEndpoint()]
    const one = await mesh([cutting, absent], everything)
    for (let i = 0; i < 2; i++) expect((await one.ask(post('/', 'pay'))).response.status).toBe(502)
    expect(cutting.wires).toHaveLength(2)
  })
})

describe('a request that is idempotent', () => {
  test('goes to another endpoint after a 503, and the client sees the 200', async () => {
    const [good, bad] = [await answeringEndpoint(), await answeringEndpoint(unavailable)]
    const one = await mesh([good, bad], { on: ['gateway-error'], baseMs: 0 })
    for (let i = 0; i < 4; i++) expect((await one.ask(get('/'))).response.status).toBe(200)
    expect([good.requests.length, bad.requests.length, (await one.exchange(4)).attempts]).toEqual([4, 4, 2])
  })

  test('goes to another endpoint when one cuts the connection', async () => {
    const [good, cutting] = [await answeringEndpoint(), await cuttingEndpoint()]
    const one = await mesh([good, cutting], everything)
    for (let i = 0; i < 2; i++) expect((await one.ask(get('/'))).response.status).toBe(200)
    expect(cutting.wires).toHaveLength(2)
  })

  test('goes round all endpoints before one is tried twice', async () => {
    const endpoints = [await answeringEndpoint(unavailable), await answeringEndpoint(unavailable), await answeringEndpoint(unavailable)]
    const one = await mesh(endpoints, { ...everything, attempts: 3 })
    await one.ask(get('/'))
    expect(endpoints.map(({ requests }) => requests.length)).toEqual([1, 1, 1])
  })

  test('with a body is sent whole again; one that is longer than replayBytes is sent once', async () => {
    const [good, bad] = [await answeringEndpoint(), await answeringEndpoint(unavailable)]
    const one = await mesh([good, bad], { ...everything, replayBytes: 10 })
    const put = (body: string): string => post('/', body).replace('POST', 'PUT')
    for (let i = 0; i < 2; i++) expect((await one.ask(put('0123456789'))).response.status).toBe(200)
    expect(good.requests.map(({ body }) => body.toString())).toEqual(['0123456789', '0123456789'])
    expect((await one.ask(put('0123456789a'))).response.status).toBe(503)
    expect((await one.ask(put('0123456789a'))).response.status).toBe(200)
  })

  test('shows the client the last failure when no attempt went well', async () => {
    let count = 0
    const bad = await answeringEndpoint(() => answer('503 Service Unavailable', `failure ${++count}`))
    const one = await mesh([bad], { ...everything, attempts: 3 })
    const { response } = await one.ask(get('/'))
    expect([response.status, response.body.toString(), (await one.exchange()).attempts]).toEqual([503, 'failure 3', 3])
  })

  test('is not tried again once a part of the response has gone to the client', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.untilText('\r\n\r\n')
      wire.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')
      await client.untilText('half')
      wire.reset()
    })
    const one = await mesh([endpoint], everything)
    const client = (await one.connect()).send(get('/'))
    await client.closed
    expect([(await one.exchange()).attempts, endpoint.wires.length]).toEqual([1, 1])
  })
})

describe('one attempt', () => {
  test('that takes longer than attemptTimeoutMs is given up for another', async () => {
    const [good, silent] = [await answeringEndpoint(), await rawEndpoint()]
    const one = await mesh([good, silent], { on: ['reset'], attemptTimeoutMs: 50, attempts: 20, budget: false })
    for (let i = 0; i < 2; i++) expect((await one.ask(get('/'))).response.status).toBe(200)
    expect(await (await silent.connection()).closed).toBeDefined()
  })

  test('tells the endpoint its number, if it is asked to', async () => {
    const endpoint = await answeringEndpoint(({ headers }) => answer('503 Service Unavailable', JSON.stringify(headers.filter(([name]) => name.toLowerCase() === 'x-envoy-attempt-count'))))
    const one = await mesh([endpoint], { ...everything, attempts: 2, attemptHeader: 'x-envoy-attempt-count' })
    await one.ask(get('/', 'X-Envoy-Attempt-Count: 77'))
    expect(endpoint.requests.map((request) => request.all('x-envoy-attempt-count'))).toEqual([['1'], ['2']])
  })
})

describe('the deadline', () => {
  test('stands: an attempt that could not begin before it is not waited for', async () => {
    const endpoint = await answeringEndpoint(answer('429 Too Many Requests', 'slowly', 'Retry-After: 60'))
    const one = await mesh([endpoint], { statusCodes: [429], rateLimited: {} }, { service: { timeout: { requestMs: 30_000 } } })
    const { response } = await one.ask(get('/'))
    expect([response.status, response.body.toString(), endpoint.requests.length]).toEqual([429, 'slowly', 1])
  })

  test('ends everything, attempts and waits, with MESH_REQUEST_TIMEOUT', async () => {
    const silent = await rawEndpoint()
    const one = await mesh([silent], { ...everything, attempts: 100, attemptTimeoutMs: 20, budget: false }, { service: { timeout: { requestMs: 600 } } })
    const { response } = await one.ask(get('/'))
    const { attempts } = await one.exchange()
    expect([response.status, ['MESH_REQUEST_TIMEOUT', 'MESH_ATTEMPT_TIMEOUT'].includes(codeOf(response)), attempts > 1 && attempts <= 600 / 20]).toEqual([504, true, true])
  })
})

describe('the budget', () => {
  /** How many of a hundred requests that all fail at once are tried again. */
  async function retriesOfHundred(options: BackoffOptions): Promise<number> {
    const firsts: (() => void)[] = []
    const seconds: (() => void)[] = []
    const endpoint = await httpEndpoint((request, response) => {
      const list = request.headers['x-attempt'] === '1' ? firsts : seconds
      list.push(() => void response.writeHead(503).end())
    })
    const one = await mesh([endpoint], { on: ['gateway-error'], attemptHeader: 'x-attempt', ...options })
    const answers = Array.from({ length: 100 }, () => one.ask(get('/')))
    await until(() => firsts.length === 100, 'all first attempts')
    firsts.forEach((fail) => fail())
    await until(() => one.ended.length + seconds.length === 100, 'each to have ended or be tried again')
    const { length } = seconds
    seconds.forEach((fail) => fail())
    for (const { response } of await Promise.all(answers)) expect(response.status).toBe(503)
    return length
  }

  test('keeps further attempts to a fifth when everything fails', async () => {
    const retries = await retriesOfHundred({})
    expect(retries).toBeGreaterThanOrEqual(3)
    expect(retries).toBeLessThanOrEqual(20)
  })

  test('is the only thing that does', async () => {
    expect(await retriesOfHundred({ budget: false })).toBe(100)
  })

  test('gives room again when further attempts have ended', async () => {
    const bad = await answeringEndpoint(unavailable)
    const one = await mesh([bad], { on: ['gateway-error'], attempts: 2, baseMs: 0, budget: { min: 1, percent: 0 } })
    for (let i = 0; i < 20; i++) await one.ask(get('/'))
    expect((await seenBy(one, bad)).length).toBe(40)
  })
})
