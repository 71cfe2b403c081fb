// What comes over TLS and is no plain exchange: WebSockets, the slow lane of Fastify's own routes, and answers that are cut.
import { once } from 'node:events'
import { connect } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { answeringEndpoint, hasOpenssl, rawEndpoint, startMesh, until } from '../kit/index.ts'
import { as, identity, root, tlsWire } from './kit/tls.ts'

describe.skipIf(!hasOpenssl)('over TLS (skipped without openssl)', () => {
  it('WebSockets are carried both ways and closed in order', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    onTestFinished(() => server.close())
    server.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })))
    await once(server, 'listening')
    const mesh = await startMesh({ address: `127.0.0.1:${(server.address() as { port: number }).port}` }, { listener: { identity: identity({ ips: ['127.0.0.1'] }) } })
    const client = new WebSocket(`wss://127.0.0.1:${mesh.port}/`, [], { ca: root.cert })
    onTestFinished(() => client.terminate())
    await once(client, 'open')
    const large = Buffer.alloc(1 << 20, 'abc')
    client.send(large)
    expect(large.equals((await once(client, 'message'))[0] as Buffer)).toBe(true)
    client.close(1000)
    expect((await once(client, 'close'))[0]).toBe(1000)
    expect(await mesh.exchange()).toMatchObject({ status: 101, code: undefined })
  })

  it('reply.proxy tells the endpoint of https and of the client, not of what the client says', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, {
      listener: { unrouted: 'host', identity: identity({ dns: ['localhost'] }), tls: { clientCertificates: 'required' }, forwardClientCertificate: { mode: 'sanitize-set', keys: ['URI'] } },
      route: { match: { path: '/elsewhere' }, to: 'test' },
      setup: (app) => void app.get('/own', async (_request, reply) => reply.proxy('test')),
    })
    const wire = await tlsWire(mesh.port, as(root.issue({ uris: ['spiffe://example.org/web'] })))
    wire.send('GET /own HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Forwarded-Client-Cert: URI=evil\r\nX-Forwarded-Proto: http\r\n\r\n')
    expect((await wire.response()).status).toBe(200)
    expect(endpoint.text).toMatch(/\r\nx-forwarded-proto: https\r\n/)
    expect(endpoint.text).toMatch(/\r\nx-forwarded-client-cert: URI=spiffe:\/\/example\.org\/web\r\n/)
    expect(endpoint.text).not.toContain('evil')
  })

  it('a body without a length that breaks off is seen to be cut', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.request()
      wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
      await until(() => received.includes('hello'), 'the client to have the first part')
      wire.reset()
    })
    const mesh = await startMesh(endpoint, { listener: { identity: identity({ dns: ['localhost'] }) } })
    let received = ''
    let failure: string | undefined
    const socket = connect({ host: '127.0.0.1', port: mesh.port, ca: root.cert, servername: 'localhost' })
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()))
    socket.on('error', (error: NodeJS.ErrnoException) => (failure = error.code))
    socket.on('end', () => (failure = 'an end as if it were whole'))
    socket.write('GET / HTTP/1.0\r\nHost: localhost\r\n\r\n')
    await new Promise((resolve) => socket.on('close', resolve))
    expect(received).toMatch(/^HTTP\/1\.1 200 OK[^]*hello$/)
    expect(await mesh.exchange()).toMatchObject({ code: 'MESH_UPSTREAM_CLOSED' })
    expect(failure).toBe('ECONNRESET')
  })
})
