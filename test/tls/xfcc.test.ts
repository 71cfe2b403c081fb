// X-Forwarded-Client-Cert in raw bytes: what an endpoint sees of a client's certificate, and that no client can lie about it.
import type { ListenerSpec } from '@meshwright/core'
import { describe, expect, it } from 'vitest'
import { Authority, type RawEndpoint, answeringEndpoint, hasOpenssl, startMesh } from '../kit/index.ts'
import { as, identity, root, tlsWire } from './kit/tls.ts'

type Mode = Extract<NonNullable<ListenerSpec['forwardClientCertificate']>, string>

const client = root.issue({ subject: '/O=Acme, Inc/CN=web', uris: ['spiffe://example.org/web'], dns: ['web.example'] })
const own = /^Hash=[0-9a-f]{64};Subject="CN=web,O=Acme\\, Inc";URI=spiffe:\/\/example\.org\/web;DNS=web\.example$/

/** What the endpoint gets, as raw lines, of a client that sends these. */
async function fieldsSeen(mode: Mode | undefined, fields: readonly string[], withCertificate = true, listener: Partial<ListenerSpec> = {}): Promise<string[]> {
  const endpoint = await answeringEndpoint()
  const forwarding = mode === undefined ? {} : { forwardClientCertificate: mode }
  const mesh = await startMesh(endpoint, { listener: { identity: identity({ dns: ['localhost'], uris: ['spiffe://example.org/mesh'] }), tls: { clientCertificates: 'optional' }, ...forwarding, ...listener } })
  const wire = await tlsWire(mesh.port, withCertificate ? as(client) : {})
  wire.send(['GET / HTTP/1.1', 'Host: localhost', 'Connection: close', ...fields, '', ''].join('\r\n'))
  expect((await wire.response()).status).toBe(200)
  return clientCertLines(endpoint)
}

/** Everything that an endpoint might take for the field. */
function clientCertLines(endpoint: RawEndpoint): string[] {
  return endpoint.text.split('\r\n').filter((line) => /^x[-_. ]*forwarded[-_. ]*client[-_. ]*cert/i.test(line))
}

const smuggling: readonly (readonly string[])[] = [
  ['X-Forwarded-Client-Cert: Hash=evil'],
  ['x-forwarded-client-cert: Hash=evil', 'X-FORWARDED-CLIENT-CERT: Hash=worse'],
  ['X_Forwarded_Client_Cert: Hash=evil'],
  ['X-Forwarded_Client-Cert: Hash=evil'],
  ['Connection: x-forwarded-client-cert', 'X-Forwarded-Client-Cert: Hash=evil'],
  ['X-Forwarded-Client-Cert:Hash=evil', 'X-Forwarded-Client-Cert:\t'],
]

describe.skipIf(!hasOpenssl)('X-Forwarded-Client-Cert (skipped without openssl)', () => {
  it.each(smuggling)('is taken out by default: %j', async (...fields) => {
    expect(await fieldsSeen(undefined, fields)).toEqual([])
    expect(await fieldsSeen(undefined, fields, false)).toEqual([])
  })

  it.each(smuggling)('is set to what the client really is: %j', async (...fields) => {
    const lines = await fieldsSeen('sanitize-set', fields)
    expect(lines).toHaveLength(1)
    expect(lines[0]?.replace('x-forwarded-client-cert: ', '')).toMatch(own)
  })

  it.each(['sanitize-set', 'forward-only', 'append-forward'] as const)('is taken out by %s where the client has no certificate', async (mode) => {
    for (const fields of smuggling) expect(await fieldsSeen(mode, fields, false)).toEqual([])
  })

  it('is appended to', async () => {
    const [line = '', ...more] = await fieldsSeen('append-forward', ['X-Forwarded-Client-Cert: Hash=1', 'x-forwarded-client-cert: Hash=2'])
    expect(more).toEqual([])
    expect(line).toMatch(/^x-forwarded-client-cert: Hash=1,Hash=2,Hash=[0-9a-f]{64};Subject=/)
  })

  it('is passed as it came', async () => {
    expect(await fieldsSeen('forward-only', ['X-Forwarded-Client-Cert: Hash=1;Subject="a,b"'])).toEqual(['x-forwarded-client-cert: Hash=1;Subject="a,b"'])
    expect(await fieldsSeen('always-forward-only', ['X-Forwarded-Client-Cert: Hash=1'], false)).toEqual(['x-forwarded-client-cert: Hash=1'])
  })

  it('says with By who the listener is', async () => {
    expect(await fieldsSeen(undefined, [], true, { forwardClientCertificate: { mode: 'sanitize-set', keys: ['By', 'URI'] } })).toEqual(['x-forwarded-client-cert: By=spiffe://example.org/mesh;URI=spiffe://example.org/web'])
  })

  it('has the certificate that was shown, and with Chain those behind it', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, {
      listener: { identity: identity({ dns: ['localhost'] }), tls: { clientCertificates: 'required' }, forwardClientCertificate: { mode: 'sanitize-set', keys: ['Cert', 'Chain'] } },
    })
    const intermediate = new Authority('Intermediate', root)
    const leaf = intermediate.issue({ uris: ['spiffe://example.org/behind'] })
    const wire = await tlsWire(mesh.port, { key: leaf.key, cert: leaf.cert + intermediate.cert })
    wire.send('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    expect((await wire.response()).status).toBe(200)
    const [, cert = '', chain = ''] = /Cert="([^"]*)";Chain="([^"]*)"$/.exec(clientCertLines(endpoint)[0] ?? '') ?? []
    expect(decodeURIComponent(cert)).toBe(leaf.cert)
    // Node 24 does not tell a server what came behind the certificate; others do.
    expect([leaf.cert, leaf.cert + intermediate.cert]).toContain(decodeURIComponent(chain))
  })

  it('does not come in trailers', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { listener: { identity: identity({ dns: ['localhost'] }) } })
    const wire = await tlsWire(mesh.port)
    wire.send('POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Forwarded-Client-Cert: Hash=evil\r\nX-Other: 1\r\n\r\n')
    expect((await wire.response()).status).toBe(200)
    expect(endpoint.text).toMatch(/x-other: 1/i)
    expect(clientCertLines(endpoint)).toEqual([])
  })

  it('is on a plain listener what it is without a certificate', async () => {
    for (const fields of smuggling) {
      const endpoint = await answeringEndpoint()
      const mesh = await startMesh(endpoint)
      await mesh.ask(['GET / HTTP/1.1', 'Host: localhost', 'Connection: close', ...fields, '', ''].join('\r\n'))
      expect(clientCertLines(endpoint)).toEqual([])
    }
  })

  it("is the same for the app's own routes", async () => {
    const seen: unknown[] = []
    const mesh = await startMesh([], {
      listener: { unrouted: 'host', identity: identity({ dns: ['localhost'] }), tls: { clientCertificates: 'optional' }, forwardClientCertificate: { mode: 'sanitize-set', keys: ['URI'] } },
      route: { match: { path: '/elsewhere' }, to: 'test' },
      setup: (app) => void app.get('/own', (request) => seen.push(request.headers['x-forwarded-client-cert'])),
    })
    for (const options of [{}, as(client)]) {
      const wire = await tlsWire(mesh.port, options)
      wire.send('GET /own HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Forwarded-Client-Cert: Hash=evil\r\n\r\n')
      expect((await wire.response()).status).toBe(200)
    }
    expect(seen).toEqual([undefined, 'URI=spiffe://example.org/web'])
  })

  it('that a filter has set is sent as it was set', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { filters: [{ name: 'sets', onRequestHeaders: ({ request }) => void request.headers.set('x-forwarded-client-cert', 'Hash=ours') }] })
    expect((await mesh.ask('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')).response.status).toBe(200)
    expect(clientCertLines(endpoint)).toEqual(['x-forwarded-client-cert: Hash=ours'])
  })
})
