// TLS on both sides of a whole mesh, in one thread and in several: identities reach every thread, and a reload changes what it says.
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ListenerSpec } from '@meshwright/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Wire, hasOpenssl, until } from '../kit/index.ts'
import { type TestRun, eventually, startRun } from '../workers/kit/start-run.ts'
import { PairFolder, tlsPluginUrl } from './kit/files.ts'
import { as, root, tlsWire } from './kit/tls.ts'

interface Seen {
  readonly client: string | undefined
  readonly clientCert: string | undefined
  readonly proto: string | undefined
}

const client = root.issue({ uris: ['spiffe://example.org/client'] })
const ours = (uri: string): ReturnType<typeof root.issue> => root.issue({ dns: ['localhost'], uris: [uri] })

/** An endpoint that only those may reach who have a certificate of the root. */
async function secureEndpoint(): Promise<{ address: string; seen: Seen[]; connections: () => number }> {
  const seen: Seen[] = []
  let connections = 0
  const { key, cert } = root.issue({ ips: ['127.0.0.1'] })
  const server = createServer({ key, cert, ca: root.cert, requestCert: true, rejectUnauthorized: true }, (request, response) => {
    const { 'x-forwarded-client-cert': clientCert, 'x-forwarded-proto': proto } = request.headers
    seen.push({ client: (request.socket as TLSSocket).getPeerX509Certificate()?.subjectAltName, clientCert: [clientCert].flat()[0], proto: [proto].flat()[0] })
    response.end('hello')
  })
  server.on('secureConnection', () => connections++)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen, connections: () => connections }
}

async function request(wire: Wire): Promise<number> {
  wire.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  return (await wire.response()).status
}

/** The status that a new connection gets, 0 for none. */
async function fresh(port: number, options: Parameters<typeof tlsWire>[1] = {}): Promise<number> {
  try {
    const wire = await tlsWire(port, options)
    const status = await request(wire)
    wire.socket.destroy()
    return status
  } catch {
    return 0
  }
}

describe.skipIf(!hasOpenssl).each([0, 2])('a mesh with TLS on both sides and %i workers (skipped without openssl)', (workers) => {
  const start = async (address: string, folder: PairFolder, listener: Partial<ListenerSpec> = {}): Promise<TestRun> =>
    startRun({
      logsErrors: true,
      spec: {
        workers,
        plugins: [tlsPluginUrl],
        listeners: [{ name: 'public', address: '127.0.0.1:0', identity: folder.identity, ...listener }],
        services: { test: { endpoints: [address], tls: { identity: folder.identity } } },
        routes: [{ to: 'test' }],
      },
    })

  it('shows its certificate to endpoints, tells them who the client is, and renews both', async () => {
    const endpoint = await secureEndpoint()
    const folder = new PairFolder(ours('spiffe://example.org/old'))
    const run = await start(endpoint.address, folder, { tls: { clientCertificates: 'required' }, forwardClientCertificate: { mode: 'sanitize-set', keys: ['By', 'URI'] } })
    expect(await fresh(run.port, as(client))).toBe(200)
    expect(endpoint.seen).toEqual([{ client: 'DNS:localhost, URI:spiffe://example.org/old', clientCert: 'By=spiffe://example.org/old;URI=spiffe://example.org/client', proto: 'https' }])
    expect(await fresh(run.port)).toBe(0)
    folder.renew(ours('spiffe://example.org/new'))
    await eventually(async () => (await fresh(run.port, as(client))) === 200 && endpoint.seen.at(-1)?.clientCert?.startsWith('By=spiffe://example.org/new'), 'the new certificate towards clients')
    const all = run.logged.filter(({ level }) => level === 'error').filter(({ text }) => !text.includes('not good'))
    expect(all).toEqual([])
  }, 120_000)

  it('asks for client certificates from one configuration to the next, on the same socket and without closing a connection', async () => {
    const endpoint = await secureEndpoint()
    const folder = new PairFolder(ours('spiffe://example.org/mesh'))
    const run = await start(endpoint.address, folder)
    const open = await tlsWire(run.port)
    expect(await request(open)).toBe(200)
    const [listener] = run.spec.listeners ?? []
    await run.mesh.apply({ ...run.spec, listeners: [{ ...(listener as ListenerSpec), tls: { clientCertificates: 'required' } }] })
    expect(run.mesh.listeners[0]?.port).toBe(run.port)
    expect(await request(open)).toBe(200)
    expect(await fresh(run.port)).toBe(0)
    expect(await fresh(run.port, as(client))).toBe(200)
    await run.mesh.apply({ ...run.spec, listeners: [{ ...(listener as ListenerSpec), tls: { minVersion: 1.3 } }] })
    expect(await fresh(run.port, { maxVersion: 'TLSv1.2' })).toBe(0)
    expect(await fresh(run.port)).toBe(200)
  }, 120_000)

  it('refuses a configuration whose client certificates nobody could verify, and keeps the old one', async () => {
    const endpoint = await secureEndpoint()
    const folder = new PairFolder(ours('spiffe://example.org/mesh'))
    const identity = { tls: { cert: folder.cert, key: folder.key } }
    const run = await start(endpoint.address, folder, { identity })
    const [listener] = run.spec.listeners ?? []
    const refused = run.mesh.apply({ ...run.spec, listeners: [{ ...(listener as ListenerSpec), tls: { clientCertificates: 'required' } }] })
    await expect(refused).rejects.toMatchObject({ code: 'MESH_BAD_OPTIONS', message: expect.stringMatching(/listener "public".*no ca/) })
    expect(await fresh(run.port)).toBe(200)
    await until(() => run.mesh.status().workers.every(({ state }) => state === 'running'), 'all threads to run')
  }, 120_000)

  it('connects with the new certificate when that of a service is renewed', async () => {
    const endpoint = await secureEndpoint()
    const listener = new PairFolder(ours('spiffe://example.org/listener'))
    const service = new PairFolder(ours('spiffe://example.org/old'))
    const run = await start(endpoint.address, listener)
    await run.mesh.apply({ ...run.spec, services: { test: { endpoints: [endpoint.address], timeout: { keepAliveMs: 1 }, tls: { identity: service.identity } } } })
    await eventually(async () => (await fresh(run.port)) === 200 && endpoint.seen.at(-1)?.client?.endsWith('/old'), 'the service to show its own certificate')
    service.renew(ours('spiffe://example.org/new'))
    await eventually(async () => (await fresh(run.port)) === 200 && endpoint.seen.at(-1)?.client?.endsWith('/new'), 'the service to show the new certificate')
  }, 120_000)
})
