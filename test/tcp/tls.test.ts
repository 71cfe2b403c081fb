// TLS of TCP listeners: keys and client certificates as for HTTP, and TLS to the endpoints.
import { createServer, type TLSSocket } from 'node:tls'
import type { TcpConnection } from '@meshwright/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { hasOpenssl, type Wire } from '../kit/index.ts'
import { as, identity, root, tlsWire } from '../tls/kit/tls.ts'
import { tcpEndpoint, tcpMesh, valueOf } from './kit.ts'

const arrived = (wire: Wire, text: string): Promise<true> => wire.until(() => wire.text === text || undefined, JSON.stringify(text))

describe.skipIf(!hasOpenssl)('a TCP listener with an identity (skipped without openssl)', () => {
  it('ends TLS, and carries what is in it with the end of each way', async () => {
    const endpoint = await tcpEndpoint()
    const mesh = await tcpMesh([endpoint.address], { listener: { identity: identity({ dns: ['localhost'] }) } })
    const client = (await tlsWire(mesh.port)).send('hello')
    const behind = await endpoint.wire()
    await arrived(behind, 'hello')
    client.halfClose()
    expect(await behind.closed).toBe('end')
    behind.send('answer').halfClose()
    expect(await client.closed).toBe('end')
    expect(client.text).toBe('answer')
    expect((await mesh.end()).error).toBeUndefined()
  })

  it('takes clients that offer protocols of their own, and knows their certificates', async () => {
    const seen: TcpConnection[] = []
    const endpoint = await tcpEndpoint((socket) => void socket.pipe(socket))
    const listener = { identity: identity({ dns: ['localhost'] }), tls: { clientCertificates: 'required' } } as const
    const mesh = await tcpMesh([endpoint.address], { listener, filters: [{ name: 'seeing', onNewConnection: (connection) => void seen.push(connection) }] })
    const client = (await tlsWire(mesh.port, { ...as(root.issue({ uris: ['spiffe://test/me'] })), ALPNProtocols: ['postgresql'] })).send('x')
    await arrived(client, 'x')
    expect(client.socket.alpnProtocol).toBe(false)
    expect(seen[0]?.exchange.request.peerCertificate?.spiffeId).toBe('spiffe://test/me')
  })

  it('refuses who does not speak TLS, and counts it', async () => {
    const endpoint = await tcpEndpoint()
    const mesh = await tcpMesh([endpoint.address], { listener: { identity: identity({ dns: ['localhost'] }) } })
    await mesh.connect().send('this is no handshake').closed
    expect(valueOf(mesh, 'mesh_connections_ended_total', 'MESH_TLS_HANDSHAKE_FAILED')).toBe(1)
    expect(endpoint.wires).toHaveLength(0)
  })

  it('breaks the connection below TLS when the endpoint breaks its own', async () => {
    const endpoint = await tcpEndpoint()
    const mesh = await tcpMesh([endpoint.address], { listener: { identity: identity({ dns: ['localhost'] }) } })
    const client = (await tlsWire(mesh.port)).send('x')
    const behind = await endpoint.wire()
    await arrived(behind, 'x')
    behind.reset()
    expect(await client.closed).toBe('reset')
  })
})

describe.skipIf(!hasOpenssl)('a service with TLS behind a TCP listener (skipped without openssl)', () => {
  async function secureEndpoint(dns: string): Promise<string> {
    const { key, cert } = root.issue({ dns: [dns] })
    const sockets = new Set<TLSSocket>()
    const server = createServer({ key, cert, allowHalfOpen: true }, (socket) => {
      sockets.add(socket)
      socket.on('error', () => {}).pipe(socket)
    })
    server.on('tlsClientError', () => {})
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    return `127.0.0.1:${(server.address() as { port: number }).port}`
  }

  it('is spoken to in TLS', async () => {
    const mesh = await tcpMesh([await secureEndpoint('db.example')], { service: { tls: { serverName: 'db.example', ca: root.cert } } })
    const client = mesh.connect().send('hello')
    await arrived(client, 'hello')
    client.halfClose()
    expect(await client.closed).toBe('end')
  })

  it('fails with MESH_UPSTREAM_TLS when it is somebody else', async () => {
    const mesh = await tcpMesh([await secureEndpoint('other.example')], { service: { tls: { serverName: 'db.example', ca: root.cert } } })
    expect(await mesh.connect().closed).toBe('reset')
    expect((await mesh.end()).error?.code).toBe('MESH_UPSTREAM_TLS')
  })
})
