// What an endpoint has to answer to be fit, over real sockets.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer as createRawServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { Endpoint, Unfit, type HealthCheck } from '@meshwright/core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { http, type HttpHealthOptions } from './http.ts'

interface Asked {
  readonly endpoint: Endpoint
  /** Requests that have arrived. */
  readonly requests: IncomingMessage[]
  /** Connections that were opened. */
  readonly sockets: Set<Socket>
}

async function listening(server: Server): Promise<Endpoint> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return new Endpoint({ host: '127.0.0.1', port: (server.address() as AddressInfo).port })
}

async function serving(listener: RequestListener): Promise<Asked> {
  const requests: IncomingMessage[] = []
  const sockets = new Set<Socket>()
  const server = createServer((message, response) => {
    requests.push(message)
    listener(message, response)
  })
  // It is for the other side to end what is kept.
  server.keepAliveTimeout = 0
  server.on('connection', (socket) => sockets.add(socket))
  onTestFinished(() => server.closeAllConnections())
  return { endpoint: await listening(server), requests, sockets }
}

/** An endpoint that writes these bytes for every request. */
async function saying(bytes: string, then: (socket: Socket) => void = () => {}): Promise<Endpoint> {
  return listening(
    createRawServer((socket) => {
      onTestFinished(() => void socket.destroy())
      socket.on('error', () => {})
      socket.on('data', () => {
        socket.write(bytes)
        then(socket)
      })
    }),
  )
}

function checking(options: HttpHealthOptions = {}): (endpoint: Endpoint) => Promise<void> {
  const check = forgetting(http(options))
  return async (endpoint) => check.check(endpoint, new AbortController().signal)
}

/** Nothing may stay open after a test. */
function forgetting(check: HealthCheck): HealthCheck {
  const asked = new Set<Endpoint>()
  onTestFinished(() => asked.forEach((endpoint) => check.forget?.(endpoint)))
  return {
    ...check,
    check(endpoint, signal) {
      asked.add(endpoint)
      return check.check(endpoint, signal)
    },
  }
}

const answering = (status: number, headers = {}, body = ''): RequestListener => (_message, response) => void response.writeHead(status, headers).end(body)

describe('a request', () => {
  test('asks with GET for / of the endpoint, unless told otherwise', async () => {
    const { endpoint, requests } = await serving(answering(200))
    await checking()(endpoint)
    await checking({ path: '/healthz?deep=1', method: 'HEAD', host: 'shop.example', headers: { 'x-check': 'yes', 'User-Agent': 'own' } })(endpoint)
    expect(requests.map(({ method, url, headers }) => [method, url, headers.host, headers['x-check'], headers['user-agent']])).toEqual([
      ['GET', '/', endpoint.address, undefined, 'meshwright-health'],
      ['HEAD', '/healthz?deep=1', 'shop.example', 'yes', 'own'],
    ])
  })

  test('goes to another port if it is told one', async () => {
    const { endpoint, requests } = await serving(answering(200))
    await checking({ port: endpoint.port })(new Endpoint({ host: '127.0.0.1', port: 1 }))
    expect(requests.length).toBe(1)
  })

  test('uses the connection of the one before', async () => {
    const { endpoint, sockets, requests } = await serving(answering(200, {}, 'ok'))
    const check = checking()
    for (let i = 0; i < 3; i++) await check(endpoint)
    expect([requests.length, sockets.size]).toEqual([3, 1])
  })

  test('has a connection of its own if it is told so', async () => {
    const { endpoint, sockets } = await serving(answering(200, {}, 'ok'))
    const check = checking({ reuseConnection: false })
    for (let i = 0; i < 3; i++) await check(endpoint)
    expect(sockets.size).toBe(3)
  })

  test('is made again when the kept connection was closed meanwhile', async () => {
    let answers = 0
    const endpoint = await listening(
      createRawServer((socket) => {
        socket.on('error', () => {})
        socket.on('data', () => {
          // The second request on a connection is what it closes on.
          if (answers++ % 2 === 1) socket.resetAndDestroy()
          else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
        })
      }),
    )
    const check = checking()
    await check(endpoint)
    await check(endpoint)
    expect(answers).toBe(3)
  })

  test('leaves no connection open to an endpoint that is forgotten', async () => {
    const { endpoint, sockets } = await serving(answering(200))
    const check = http()
    await check.check(endpoint, new AbortController().signal)
    const [socket] = sockets
    const closed = once(socket as Socket, 'close')
    check.forget?.(endpoint)
    await closed
  })
})

describe('an endpoint is fit', () => {
  test.each<[HttpHealthOptions, number]>([
    [{}, 200],
    [{ statuses: [204] }, 204],
    [{ statuses: ['200-299', 404] }, 226],
    [{ statuses: ['200-299', 404] }, 404],
  ])('with %j when it answers %i', async (options, status) => {
    const { endpoint } = await serving(answering(status))
    await expect(checking(options)(endpoint)).resolves.toBeUndefined()
  })

  test('when its answer never ends, of which no more than a little is read', async () => {
    const cut = Promise.withResolvers<void>()
    const { endpoint } = await serving((_message, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(1024)));
      }
      response.on('drain', more).on('close', cut.resolve)
      more()
    })
    await checking()(endpoint)
    await cut.promise
  })
})

describe('an endpoint says itself that it is not fit', () => {
  test.each<[HttpHealthOptions, number, string]>([
    [{}, 503, 'status 503'],
    [{}, 204, 'status 204'],
    [{}, 302, 'status 302'],
    [{ statuses: [204] }, 200, 'status 200'],
    [{ retriableStatuses: [500] }, 503, 'status 503'],
  ])('with %j when it answers %i', async (options, status, reason) => {
    const { endpoint } = await serving(answering(status, { location: '/' }, 'a body'))
    await expect(checking(options)(endpoint)).rejects.toThrow(new Unfit(reason))
  })

  test('with a header, whatever the status', async () => {
    const { endpoint } = await serving(answering(200, { 'X-Envoy-Immediate-Health-Check-Fail': 'true' }))
    await expect(checking()(endpoint)).rejects.toThrow(new Unfit('it says so itself (x-envoy-immediate-health-check-fail)'))
  })
})

describe('what may be chance', () => {
  async function reasonOf(check: Promise<void>): Promise<Error> {
    const thrown: unknown = await check.then(() => undefined, (error: unknown) => error)
    expect(thrown).toBeInstanceOf(Error)
    expect(thrown).not.toBeInstanceOf(Unfit)
    return thrown as Error
  }

  test('is a connection that is refused', async () => {
    const server = createRawServer()
    const endpoint = await listening(server)
    server.close()
    await once(server, 'close')
    expect((await reasonOf(checking()(endpoint))).message).toContain('ECONNREFUSED')
  })

  test('is a status that is retriable', async () => {
    const { endpoint } = await serving(answering(503))
    expect((await reasonOf(checking({ retriableStatuses: ['500-599'] })(endpoint))).message).toBe('status 503')
  })

  test.each([
    ['no HTTP', 'SSH-2.0-OpenSSH\r\n'],
    ['an answer that ends too early', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'],
    ['half a head', 'HTTP/1.1 200 OK\r\n'],
    ['nothing', ''],
    ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'],
    ['a head without an end', `HTTP/1.1 200 OK\r\n${`X: ${'y'.repeat(1000)}\r\n`.repeat(100)}`],
  ])('is %s', async (_name, bytes) => {
    const endpoint = await saying(bytes, (socket) => void socket.end())
    await reasonOf(checking()(endpoint))
  })

  test('is an answer that does not come in time', async () => {
    const { endpoint, sockets } = await serving(() => {})
    const time = new AbortController()
    const check = http()
    const answer = check.check(endpoint, time.signal)
    answer.catch(() => {})
    while (sockets.size === 0) await new Promise((resolve) => setImmediate(resolve))
    time.abort()
    await reasonOf(answer)
    check.forget?.(endpoint)
  })
})

test.each<[HttpHealthOptions, RegExp]>([
  [{ path: 'healthz' }, /path starts with/],
  [{ path: '/a b' }, /path starts with/],
  [{ path: '/a\r\nX: y' }, /path starts with/],
  [{ host: 'a\r\nX: y' }, /Invalid character/],
  [{ headers: { 'x y': '' } }, /valid HTTP token/],
  [{ headers: { x: 'a\nb' } }, /Invalid character/],
  [{ headers: { 'Content-Length': '5' } }, /Content-Length cannot be set/],
  [{ headers: { Host: 'a' } }, /Host cannot be set/],
  [{ statuses: ['2xx'] }, /neither a status/],
])('%j is refused', (options, reason) => {
  expect(() => http(options)).toThrow(reason)
})
