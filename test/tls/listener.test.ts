// What a listener with an identity promises: names, versions, protocols, client certificates, and no patience with others.
import type { Exchange, Filter, ListenerSpec } from '@meshwright/core'
import { connect } from 'node:net'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { type TestMesh, answeringEndpoint, hasOpenssl, rawClient, startMesh, until } from '../kit/index.ts'
import { Played, as, identity, material, openssl, root, stranger, tlsWire } from './kit/tls.ts'

const ask = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'

/** Keeps the exchanges that pass. */
function seeing(): Filter & { readonly exchanges: Exchange[] } {
  const exchanges: Exchange[] = []
  return { name: 'seeing', exchanges, onRequestHeaders: (exchange) => void exchanges.push(exchange) }
}

async function secureMesh(listener: Partial<ListenerSpec> = {}, filters: readonly Filter[] = []): Promise<TestMesh> {
  return startMesh(await answeringEndpoint(), { listener: { identity: identity({ dns: ['localhost'] }), ...listener }, filters })
}

/** How often the listener has ended connections for this reason. */
function ended(mesh: TestMesh, code: string): number {
  const family = mesh.app.mesh.collect().find(({ name }) => name === 'mesh_connections_ended_total')
  const series = family?.series.find(({ labels }) => Object.values(labels).includes(code)) as { value: number } | undefined
  return series?.value ?? 0
}

/** Whether a client gets an answer; the reason if not. */
async function outcome(port: number, options: Parameters<typeof tlsWire>[1] = {}): Promise<string> {
  try {
    const wire = (await tlsWire(port, options)).send(ask)
    await wire.closed
    return wire.text.split('\r\n')[0] || 'closed'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? (error as Error).message
  }
}

describe.skipIf(!hasOpenssl)('a TLS listener (skipped without openssl)', () => {
  describe('with several certificates', () => {
    const names = (): Played => identity({ dns: ['first.example'] }, { dns: ['shop.example', '*.shop.example'] }, { dns: ['exact.shop.example'] }, { subject: '/CN=plain.example' })

    it.each([
      ['shop.example', 'shop.example'],
      ['SHOP.Example', 'shop.example'],
      ['a.shop.example', 'shop.example'],
      ['exact.shop.example', 'exact.shop.example'],
      ['plain.example', 'plain.example'],
      ['a.b.shop.example', 'first.example'],
      ['other.example', 'first.example'],
    ])('shows to whom asks for %s that of %s', async (servername, subject) => {
      const mesh = await secureMesh({ identity: names() })
      const wire = await tlsWire(mesh.port, { servername, checkServerIdentity: () => undefined })
      expect(wire.socket.getPeerCertificate().subject.CN).toBe(subject)
    })

    it('shows the first to whom names none', async () => {
      const mesh = await secureMesh({ identity: names() })
      expect(await openssl(mesh.port, ask, '-noservername')).toMatch(/subject=CN = first\.example[^]*Verify return code: 0 \(ok\)[^]*200 OK/)
    })

    it('answers what the openssl client asks for by name', async () => {
      const mesh = await secureMesh({ identity: names() })
      expect(await openssl(mesh.port, ask, '-servername', 'a.shop.example', '-verify_hostname', 'a.shop.example', '-verify_return_error')).toMatch(/subject=CN = shop\.example[^]*Verification: OK[^]*200 OK/)
    })

    it('refuses unknown names with an alert where it is told to, also after a rotation', async () => {
      const played = names()
      const mesh = await secureMesh({ identity: played, tls: { unknownServerName: 'refuse' } })
      for (const turn of ['first', 'rotated']) {
        expect(await outcome(mesh.port, { servername: 'other.example' }), turn).toMatch(/ALERT_HANDSHAKE_FAILURE/)
        expect(await openssl(mesh.port, ask, '-noservername'), turn).toMatch(/handshake failure/)
        expect(await outcome(mesh.port, { servername: 'shop.example' }), turn).toBe('HTTP/1.1 200 OK')
        played.publish(names().last)
      }
      expect(ended(mesh, 'MESH_TLS_HANDSHAKE_FAILED')).toBe(4)
    })
  })

  describe('and versions', () => {
    it('speaks TLS 1.2 and 1.3, and nothing older', async () => {
      const mesh = await secureMesh()
      expect(await openssl(mesh.port, ask, '-tls1_2')).toMatch(/TLSv1\.2[^]*200 OK/)
      expect(await openssl(mesh.port, ask, '-tls1_3')).toMatch(/TLSv1\.3[^]*200 OK/)
      const old = await openssl(mesh.port, ask, '-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0')
      expect(old).toMatch(/alert protocol version/)
      expect(old).not.toMatch(/200 OK/)
    })

    it.each([1.3, '1.3'] as const)('speaks only TLS 1.3 with minVersion %j', async (minVersion) => {
      const mesh = await secureMesh({ tls: { minVersion } })
      expect(await openssl(mesh.port, ask, '-tls1_2')).toMatch(/alert protocol version/)
      expect(await openssl(mesh.port, ask, '-tls1_3')).toMatch(/200 OK/)
    })

    it('offers http/1.1 by ALPN, and ends a handshake that wants nothing else than h2', async () => {
      const mesh = await secureMesh()
      expect(await openssl(mesh.port, ask, '-alpn', 'h2,http/1.1')).toMatch(/ALPN protocol: http\/1\.1[^]*200 OK/)
      expect(await openssl(mesh.port, ask, '-alpn', 'h2')).toMatch(/no application protocol/)
    })
  })

  it('says that the client spoke https, to filters and to endpoints', async () => {
    const seen = seeing()
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { listener: { identity: identity({ dns: ['localhost'] }) }, filters: [seen] })
    expect(await outcome(mesh.port)).toBe('HTTP/1.1 200 OK')
    expect(seen.exchanges[0]?.request).toMatchObject({ scheme: 'https', peerCertificate: undefined })
    expect(endpoint.text).toMatch(/\r\nx-forwarded-proto: https\r\n/)
  })

  it('answers a client that has closed its side after the request', async () => {
    const mesh = await secureMesh()
    const wire = (await tlsWire(mesh.port)).send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n').halfClose()
    await wire.closed
    expect(wire.text).toMatch(/^HTTP\/1\.1 200 OK/)
  })

  describe('asked for client certificates', () => {
    const uris = ['spiffe://example.org/ns/shop/sa/web', 'https://web.example']
    const client = root.issue({ subject: '/C=DE/O=Acme, Inc/CN=web', uris, dns: ['web.example', 'www.example'] })
    const bad = {
      'that has expired': root.issue({ dns: ['web.example'], days: -1 }),
      'of an authority nobody trusts': stranger.issue({ dns: ['web.example'] }),
      'with a zero byte or the like in a name': root.issue({ uris: ['spiffe://example.org/a"b'] }),
    }

    it('knows who the client is, on every request of the connection', async () => {
      const seen = seeing()
      const mesh = await secureMesh({ tls: { clientCertificates: 'required' } }, [seen])
      const wire = await tlsWire(mesh.port, as(client))
      for (const _ of [1, 2]) {
        wire.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
        expect((await wire.response()).status).toBe(200)
      }
      const [first, second] = seen.exchanges.map(({ request }) => request.peerCertificate)
      expect(first).toMatchObject({ uris, dnsNames: ['web.example', 'www.example'], subject: 'CN=web,O=Acme\\, Inc,C=DE', principal: uris[0], spiffeId: uris[0] })
      expect(first?.fingerprint).toMatch(/^[0-9a-f]{64}$/)
      expect(first?.serialNumber).toMatch(/^[0-9A-F]+$/)
      expect(first?.validTo.getTime()).toBeGreaterThan(Date.now())
      expect(second).toBe(first)
    })

    it('takes the openssl client with its certificate', async () => {
      const mesh = await secureMesh({ tls: { clientCertificates: 'required' } })
      expect(await openssl(mesh.port, ask, '-cert', client.certPath, '-key', client.keyPath)).toMatch(/Acceptable client certificate CA names[^]*CN = Test Root[^]*200 OK/)
    })

    it('knows the client of a resumed session too', async () => {
      const seen = seeing()
      const mesh = await secureMesh({ tls: { clientCertificates: 'required' } }, [seen])
      const first = await tlsWire(mesh.port, as(client))
      const session = await new Promise<Buffer>((resolve) => {
        first.socket.once('session', resolve)
        first.send(ask)
      })
      const again = await tlsWire(mesh.port, { ...as(client), session })
      again.send(ask)
      await again.closed
      expect(again.socket.isSessionReused()).toBe(true)
      expect(seen.exchanges.map(({ request }) => request.peerCertificate?.principal)).toEqual([uris[0], uris[0]])
    })

    it.each(['required', 'optional'] as const)('and set to %s, refuses a session that has outlived its certificate', async (clientCertificates) => {
      const mesh = await secureMesh({ tls: { clientCertificates } })
      const first = await tlsWire(mesh.port, as(client))
      const session = await new Promise<Buffer>((resolve) => {
        first.socket.once('session', resolve)
        first.send(ask)
      })
      // Only our own clock goes: OpenSSL looks at no certificate again when it resumes a session.
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 31 * 86_400_000 })
      onTestFinished(() => void vi.useRealTimers())
      expect(await outcome(mesh.port, { ...as(client), session })).not.toMatch(/200/)
    })

    it.each(['required', 'optional'] as const)('and set to %s, refuses bad ones, counts them and says no more', async (clientCertificates) => {
      const mesh = await secureMesh({ tls: { clientCertificates } })
      for (const [what, pair] of Object.entries(bad)) expect(await outcome(mesh.port, as(pair)), what).not.toMatch(/200/)
      await until(() => ended(mesh, 'MESH_TLS_HANDSHAKE_FAILED') === 3, 'three refusals')
      expect(mesh.ended).toEqual([])
    })

    it('refuses a client without one only where it is required', async () => {
      const required = await secureMesh({ tls: { clientCertificates: 'required' } })
      expect(await outcome(required.port)).not.toMatch(/200/)
      const optional = await secureMesh({ tls: { clientCertificates: 'optional' } })
      expect(await outcome(optional.port)).toBe('HTTP/1.1 200 OK')
    })

    it('is not opened without a ca to verify them with', async () => {
      const { certificates } = identity({ dns: ['localhost'] }).last
      const mesh = await startMesh([])
      const opened = mesh.app.mesh.listen({ address: '127.0.0.1:0', identity: { watch: (publish) => (publish({ certificates }), () => {}) }, tls: { clientCertificates: 'required' } })
      await expect(opened).rejects.toMatchObject({ code: 'MESH_IDENTITY_FAILED', message: expect.stringContaining('no ca') })
    })
  })

  describe('and strangers', () => {
    it('closes a connection that says nothing, after tlsHandshakeMs', async () => {
      const mesh = await secureMesh({ timeouts: { tlsHandshakeMs: 50 } })
      const wire = await rawClient(mesh.port)
      await wire.closed
      expect(wire.text).toBe('')
      expect(ended(mesh, 'MESH_TLS_HANDSHAKE_TIMEOUT')).toBe(1)
    })

    it('does not wait for them when the mesh closes', async () => {
      const mesh = await secureMesh({ timeouts: { tlsHandshakeMs: 0 } })
      const wire = await rawClient(mesh.port)
      await until(() => mesh.app.mesh.runtime.openConnections === 1, 'the connection')
      await mesh.app.close()
      await wire.closed
      await until(() => mesh.app.mesh.runtime.openConnections === 0, 'no connection')
      expect(wire.text).toBe('')
    })

    it.each([['plain HTTP', ask], ['noise', '\u0016\u0003\u0001\u0000\u0005hello'], ['nothing at all', '']])('closes a connection with %s, and lives', async (_what, bytes) => {
      const mesh = await secureMesh()
      const wire = (await rawClient(mesh.port)).send(bytes)
      if (bytes === '') wire.reset()
      await wire.closed
      await until(() => ended(mesh, 'MESH_TLS_HANDSHAKE_FAILED') === 1, 'the failure to be counted')
      expect(await outcome(mesh.port)).toBe('HTTP/1.1 200 OK')
    })

    it('counts connections from their first byte on, and cuts those that are too many', async () => {
      const mesh = await secureMesh({ limits: { connections: 2 } })
      const silent = [connect(mesh.port, '127.0.0.1'), connect(mesh.port, '127.0.0.1')]
      await until(() => mesh.app.mesh.runtime.openConnections === 2, 'two connections')
      const third = await rawClient(mesh.port)
      await third.closed
      expect(third.text).toBe('')
      expect(ended(mesh, 'MESH_TOO_MANY_CONNECTIONS')).toBe(1)
      for (const socket of silent) socket.destroy()
      await until(() => mesh.app.mesh.runtime.openConnections === 0, 'no connection')
      expect(await outcome(mesh.port)).toBe('HTTP/1.1 200 OK')
    })
  })

  it('with tls options and no identity is not opened', async () => {
    const mesh = await startMesh([])
    await expect(mesh.app.mesh.listen({ address: '127.0.0.1:0', tls: { minVersion: 1.3 } })).rejects.toMatchObject({ code: 'MESH_BAD_OPTIONS' })
  })

  it('serves the pairs of an identity that needs no authority', async () => {
    const pair = root.issue({ dns: ['localhost'] })
    const mesh = await secureMesh({ identity: new Played(material(pair)) })
    expect(await outcome(mesh.port)).toBe('HTTP/1.1 200 OK')
  })
})
