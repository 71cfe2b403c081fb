// Requests that are left to the host app: they share connections with those of the mesh, in order, and nothing of theirs is taken for another.
import type { IncomingMessage } from 'node:http'
import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ListenerSpec, MeshApp } from '@meshwright/core'
import { describe, expect, test } from 'vitest'
import { answeringEndpoint, get, http, post, rawClient, startMesh, until, type RawEndpoint, type TestMesh, type Wire } from '../kit/index.ts'

/** A mesh whose routes begin with /mesh; the rest is answered by the host app. */
async function start(setup: (app: MeshApp) => void, listener: Partial<ListenerSpec> = {}, logsErrors = false): Promise<TestMesh & { endpoint: RawEndpoint }> {
  const endpoint = await answeringEndpoint(({ target, body }) => `HTTP/1.1 200 OK\r\nContent-Length: ${target.length + body.length}\r\n\r\n${target}${body.toString()}`)
  const mesh = await startMesh(endpoint, {
    listener: { unrouted: 'host', ...listener },
    logsErrors,
    route: { match: { path: '/mesh/*' }, to: 'test' },
    setup(app) {
      app.removeAllContentTypeParsers()
      app.addContentTypeParser('*', (_request, payload, done) => {
        let body = ''
        payload.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')))
        payload.on('end', () => done(null, body))
        payload.on('error', done)
      })
      app.route({ method: ['GET', 'POST', 'PUT', 'HEAD'], url: '/echo*', exposeHeadRoute: false, handler: (request, reply) => reply.send(`${request.url}|${(request.body as string | undefined) ?? ''}|${request.raw.rawTrailers.join()}`) })
      setup(app)
    },
  })
  return Object.assign(mesh, { endpoint })
}

describe('a client that does not read', () => {
  const large = Buffer.alloc(64 << 20, 'x')

  test('is cut with MESH_RESPONSE_STALLED, whatever it sends meanwhile', async () => {
    const mesh = await start((app) => app.post('/large', (_request, reply) => reply.send(large)), { timeouts: { responseStallMs: 500 } })
    const client = (await mesh.connect()).pause().send('POST /large HTTP/1.1\r\nHost: a\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET ')
    const more = setInterval(() => client.send('x'), 50)
    const counted = (): unknown => mesh.app.mesh.metrics.collect().find(({ name }) => name === 'mesh_connections_ended_total')?.series.find(({ labels }) => labels.includes('MESH_RESPONSE_STALLED'))
    await until(() => counted() !== undefined, 'it is cut')
    clearInterval(more)
    client.resume()
    await client.closed
  })

  test('now and then, and takes longer than that for all of it, gets everything', async () => {
    const mesh = await start((app) => app.get('/large', (_request, reply) => reply.send(large)), { timeouts: { responseStallMs: 1_000 } })
    const client = connect({ port: mesh.port, host: '127.0.0.1' }).end(get('/large', 'Connection: close'), 'latin1')
    let [all, sincePause] = [0, 0]
    client.on('data', (chunk: Buffer) => {
      all += chunk.length
      sincePause += chunk.length
      if (sincePause < large.length / 16) return
      sincePause = 0
      client.pause()
      setTimeout(() => client.resume(), 100)
    })
    await once(client, 'close')
    expect(all).toBeGreaterThan(large.length)
  })
})

describe('on one connection', () => {
  test('requests of the mesh and of the host app are answered in order, with their bodies kept apart', async () => {
    const mesh = await start(() => {})
    const chunked = (path: string): string => http([`POST ${path} HTTP/1.1`, 'Host: a', 'Transfer-Encoding: chunked', 'Content-Type: a/b'], '3\r\none\r\n3;x=y\r\ntwo\r\n0\r\nX-Sum: 6\r\n\r\n')
    const sized = (path: string): string => post(path, 'GET /smuggled HTTP/1.1\r\n\r\n', 'Content-Type: a/b')
    const client = (await mesh.connect()).send(get('/echo/1') + get('/mesh/2') + chunked('/echo/3') + sized('/mesh/4') + sized('/echo/5') + chunked('/mesh/6') + get('/echo/7') + get('/echo/8') + get('/mesh/9', 'Connection: close'))
    const bodies: string[] = []
    for (let index = 0; index < 9; index++) bodies.push((await client.response()).body.toString())
    expect(bodies).toEqual([
      '/echo/1||', '/mesh/2', '/echo/3|onetwo|X-Sum,6', '/mesh/4GET /smuggled HTTP/1.1\r\n\r\n', '/echo/5|GET /smuggled HTTP/1.1\r\n\r\n|', '/mesh/6onetwo', '/echo/7||', '/echo/8||', '/mesh/9',
    ])
    expect(await client.closed).toBe('end')
  })

  test('the same when every byte comes alone', async () => {
    const mesh = await start(() => {})
    const client = await mesh.connect()
    for (const byte of (post('/echo/1', 'abc', 'Content-Type: a/b') + get('/mesh/2') + get('/echo/3')).split('')) {
      client.send(byte)
      await new Promise((resolve) => setImmediate(resolve))
    }
    const bodies: string[] = []
    for (let index = 0; index < 3; index++) bodies.push((await client.response()).body.toString())
    expect(bodies).toEqual(['/echo/1|abc|', '/mesh/2', '/echo/3||'])
  })

  test('HEAD has no body, and the next answer follows it', async () => {
    const mesh = await start(() => {})
    const client = (await mesh.connect()).send(http(['HEAD /echo/1 HTTP/1.1', 'Host: a']) + get('/mesh/2'))
    expect((await client.response('HEAD')).one('content-length')).toBe('9')
    expect((await client.response()).body.toString()).toBe('/mesh/2')
  })

  test('a body that the host app does not read is read to its end, and not taken for a request', async () => {
    const mesh = await start((app) => app.addHook('onRequest', (request, reply, done) => void (request.url === '/echo/refused' ? reply.code(413).send('no') : done())))
    const client = (await mesh.connect()).send(`POST /echo/refused HTTP/1.1\r\nHost: a\r\nContent-Type: a/b\r\nContent-Length: 300000\r\n\r\n`)
    expect((await client.response()).status).toBe(413)
    client.send(get('/smuggled').padEnd(300_000, 'x')).send(get('/mesh/next'))
    expect((await client.response()).body.toString()).toBe('/mesh/next')
  })

  test('requestsPerConnection counts requests of the host app too', async () => {
    const mesh = await start(() => {}, { limits: { requestsPerConnection: 2 } })
    const client = (await mesh.connect()).send(get('/echo/1') + get('/echo/2') + get('/echo/3'))
    expect([(await client.response()).one('connection'), (await client.response()).one('connection')]).toEqual(['keep-alive', 'close'])
    expect([await client.closed, client.rest.length]).toEqual(['end', 0])
  })

  test('a client that has sent everything gets every answer', async () => {
    const mesh = await start(() => {})
    const client = (await mesh.connect()).send(post('/echo/1', 'abc', 'Content-Type: a/b') + get('/mesh/2') + get('/echo/3')).halfClose()
    for (const body of ['/echo/1|abc|', '/mesh/2', '/echo/3||']) expect((await client.response()).body.toString()).toBe(body)
    expect(await client.closed).toBe('end')
  })
})

describe('the host app', () => {
  test('is asked for a body with 100, and a client of HTTP/1.0 is not', async () => {
    const mesh = await start(() => {})
    const client = (await mesh.connect()).send(http(['POST /echo HTTP/1.1', 'Host: a', 'Content-Type: a/b', 'Content-Length: 3', 'Expect: 100-continue']))
    expect((await client.response()).status).toBe(100)
    expect((await client.send('abc').response()).body.toString()).toBe('/echo|abc|')
    const old = (await mesh.connect()).send(http(['POST /echo HTTP/1.0', 'Host: a', 'Content-Type: a/b', 'Content-Length: 3', 'Expect: 100-continue'], 'abc'))
    expect((await old.response()).status).toBe(200)
    expect(await old.closed).toBe('end')
  })

  test('is held up by a client that does not read, and everything arrives', async () => {
    const body = Buffer.alloc(8_000_000, 'abcdefgh')
    let socket: Socket | undefined
    const mesh = await start((app) => app.get('/large', (request, reply) => {
      socket = request.raw.socket
      return reply.send(body)
    }))
    const client = (await mesh.connect()).pause().send(get('/large') + get('/mesh/next'))
    await until(() => (socket?.writableLength ?? 0) > 1_000_000, 'the answer to wait')
    client.resume()
    expect((await client.response()).body.equals(body)).toBe(true)
    expect((await client.response()).body.toString()).toBe('/mesh/next')
  })

  test('sees a client go away', async () => {
    let aborted = false
    let asked = false
    const mesh = await start((app) => app.get('/wait', (request, reply) => {
      asked = true
      request.raw.on('close', () => (aborted = request.raw.destroyed))
      reply.raw.on('close', () => (aborted &&= !reply.raw.writableFinished))
    }))
    const client = (await mesh.connect()).send(get('/wait'))
    await until(() => asked, 'the request')
    client.reset()
    await until(() => aborted, 'the host app to be told')
  })

  test('may end the connection', async () => {
    const mesh = await start((app) => app.get('/last', (_request, reply) => reply.header('connection', 'close').send('bye')))
    const client = (await mesh.connect()).send(get('/last') + get('/mesh/never'))
    expect((await client.response()).body.toString()).toBe('bye')
    expect([await client.closed, client.rest.length, mesh.endpoint.requests.length]).toEqual(['end', 0, 0])
  })

  test('finds on the socket what a socket has', async () => {
    let seen: unknown
    const mesh = await start((app) => app.get('/socket', (request, reply) => {
      const { socket } = request.raw
      seen = [socket.remoteAddress, socket.remotePort, socket.remoteFamily, socket.localAddress, socket.localPort, (socket.address() as { port: number }).port, 'encrypted' in socket && socket.encrypted]
      socket.setKeepAlive(true).setNoDelay(true).unref().ref()
      return reply.send('ok')
    }))
    const client = (await mesh.connect()).send(get('/socket'))
    await client.response()
    expect(seen).toEqual(['127.0.0.1', client.socket.localPort, 'IPv4', '127.0.0.1', mesh.port, mesh.port, false])
  })

  test('may set timeouts for its answer, which end with it', async () => {
    let fired = 0
    const mesh = await start((app) => {
      app.get('/slow', (_request, reply) => {
        reply.raw.setTimeout(1, () => {
          fired++
          void reply.send('late')
        })
      })
      app.get('/mesh-timeout', (request, reply) => reply.send(String(request.raw.socket.timeout)))
    })
    const client = (await mesh.connect()).send(get('/slow') + get('/mesh-timeout'))
    expect((await client.response()).body.toString()).toBe('late')
    expect([(await client.response()).body.toString(), fired]).toEqual(['0', 1])
  })

  test('is not waited with for a body that stops coming', async () => {
    const mesh = await start(() => {}, { timeouts: { requestBodyIdleMs: 50 } }, true)
    for (const framing of ['Content-Length: 10', 'Transfer-Encoding: chunked']) {
      const client = (await mesh.connect()).send(`POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: a/b\r\n${framing}\r\n\r\n2`)
      await client.closed
    }
  })
})

test.each([
  ['a method that node:http does not know', http(['BREW /echo HTTP/1.1', 'Host: a'])],
  ['such a method with a body', http(['BREW /echo HTTP/1.1', 'Host: a', 'Content-Length: 3'], 'abc')],
  ['a target that it does not take', get('/echo b')],
])('%s is refused once, and nothing behind it is answered', async (_name, bytes) => {
  const mesh = await start(() => {})
  const client = (await mesh.connect()).send(get('/echo/1') + bytes + get('/mesh/next'))
  expect((await client.response()).body.toString()).toBe('/echo/1||')
  expect((await client.response()).status).toBe(400)
  await client.closed
  expect([client.rest.length, mesh.endpoint.requests.length]).toEqual([0, 0])
})

describe('an upgrade that the host app listens to', () => {
  /** Fastify's own server is the one that host apps listen to; this one says what it is sent. */
  async function upgrading(setup: (app: MeshApp) => void = () => {}): Promise<{ connect: () => Promise<Wire>; upgraded: string[] }> {
    const upgraded: string[] = []
    const { app } = await start(setup)
    app.server.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
      upgraded.push(message.url ?? '')
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n')
      socket.write(`[${head.toString()}]`)
      socket.on('data', (bytes: Buffer) => socket.write(bytes))
      socket.on('end', () => socket.end('bye'))
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    return { connect: () => rawClient(port), upgraded }
  }
  const upgrade = (...more: string[]): string => get('/echo/up', 'Connection: upgrade', 'Upgrade: echo', ...more)

  test('has every byte behind its head, also those that came with it, and both ends', async () => {
    const { connect } = await upgrading()
    const client = (await connect()).send(`${upgrade()}GET /smuggled HTTP/1.1\r\n\r\n`)
    await client.untilText('[]GET /smuggled HTTP/1.1\r\n\r\n')
    client.send('more').halfClose()
    await client.untilText('\r\n\r\nmorebye')
    expect(await client.closed).toBe('end')
  })

  test('has them behind requests that came with it too', async () => {
    const { connect } = await upgrading()
    const client = (await connect()).send(`${get('/mesh/1')}${get('/echo/2')}${upgrade()}early`)
    expect([(await client.response()).body.toString(), (await client.response()).body.toString()]).toEqual(['/mesh/1', '/echo/2||'])
    await client.untilText('[]early')
  })

  test.each([
    ['with a body', post('/echo/up', 'GET /smuggled', 'Content-Type: a/b', 'Connection: upgrade', 'Upgrade: echo'), '/echo/up|GET /smuggled|'],
    ['with chunks', http(['POST /echo/up HTTP/1.1', 'Host: a', 'Content-Type: a/b', 'Transfer-Encoding: chunked', 'Connection: upgrade', 'Upgrade: echo'], '2\r\nab\r\n0\r\n\r\n'), '/echo/up|ab|'],
    ['to HTTP/2', get('/echo/up', 'Connection: upgrade', 'Upgrade: h2c'), '/echo/up||'],
    ['to two protocols', upgrade('Upgrade: other'), '/echo/up||'],
    ['in HTTP/1.0', http(['GET /echo/up HTTP/1.0', 'Connection: upgrade, keep-alive', 'Upgrade: echo']), '/echo/up||'],
    ['that only we take for one', get('/echo/up', 'Connection: upgrade\xa0', 'Upgrade: echo'), '/echo/up||'],
  ])('is an ordinary request %s, and the next one follows it', async (_name, bytes, body) => {
    const { connect, upgraded } = await upgrading()
    const client = (await connect()).send(bytes + get('/mesh/next'))
    expect((await client.response()).body.toString()).toBe(body)
    expect((await client.response()).body.toString()).toBe('/mesh/next')
    expect(upgraded).toEqual([])
  })
})
