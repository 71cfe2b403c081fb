// TLS towards endpoints: who is believed, what is shown, and what a client hears when it fails.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server, type ServerOptions } from 'node:https'
import { setImmediate } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { Worker } from 'node:worker_threads'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Filter, Identity, MeshError, ServiceSpec, TlsMaterial } from '@meshwright/core'
import { type Pair, type TestMesh, authority, codeOf, get, hasOpenssl, rawEndpoint, startMesh, until } from '../kit/index.ts'

/** What an endpoint saw of one connection. */
interface Seen {
  readonly serverName: string | false | undefined
  readonly protocol: string | false | null
  readonly resumed: boolean
  /** Subject of the client's certificate. */
  readonly client: string | undefined
}

interface TlsEndpoint {
  readonly address: string
  readonly port: number
  readonly server: Server
  readonly seen: Seen[]
}

async function tlsEndpoint(pair: Pair, options: ServerOptions = {}): Promise<TlsEndpoint> {
  const seen: Seen[] = []
  const server = createServer({ key: pair.key, cert: pair.cert, ...options }, (_req, res) => void res.end('hello'))
  server.on('secureConnection', (socket: TLSSocket & { servername?: string | false }) => {
    seen.push({ serverName: socket.servername, protocol: socket.alpnProtocol, resumed: socket.isSessionReused(), client: socket.getPeerX509Certificate()?.subject })
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return { address: `127.0.0.1:${port}`, port, server, seen }
}

/** One in a thread of its own, which answers while this one is busy, with how many connections it has had. */
async function farEndpoint({ key, cert }: Pair): Promise<{ readonly address: string }> {
  const source = `
    const { parentPort, workerData } = require('node:worker_threads')
    let connections = 0
    const server = require('node:https').createServer(workerData, (request, response) => response.end(String(connections)))
    server.on('secureConnection', () => connections++)
    server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))`
  const worker = new Worker(source, { eval: true, workerData: { key, cert } })
  onTestFinished(async () => void (await worker.terminate()))
  const [port] = (await once(worker, 'message')) as [number]
  return { address: `127.0.0.1:${port}` }
}

/** An identity that a test rotates. */
class Turning implements Identity {
  #publish: (material: TlsMaterial) => void = () => {}
  readonly #first: TlsMaterial

  constructor(first: TlsMaterial) {
    this.#first = first
  }

  watch(publish: (material: TlsMaterial) => void): () => void {
    this.#publish = publish
    publish(this.#first)
    return () => {}
  }

  turn(material: TlsMaterial): void {
    this.#publish(material)
  }
}

/** Nothing of what it has to write has gone out for many turns of the event loop. */
async function standstill(socket: TLSSocket): Promise<void> {
  let before = -1
  for (let still = 0; still < 200; still++) {
    if (socket.writableLength !== before) still = 0
    before = socket.writableLength
    await setImmediate()
  }
}

interface Asked {
  readonly status: number
  readonly text: string
  readonly code: string | undefined
  readonly error: MeshError | undefined
}

/** A mesh in front of an endpoint, and a way to ask it that also tells the error as operators see it. */
async function inFront(endpoint: { address: string }, service: ServiceSpec): Promise<{ mesh: TestMesh; ask: () => Promise<Asked> }> {
  const errors: (MeshError | undefined)[] = []
  const keeper: Filter = { name: 'keeps-errors', onEnd: ({ error }) => void errors.push(error) }
  const mesh = await startMesh(endpoint, { service, filters: [keeper] })
  const ask = async (): Promise<Asked> => {
    const before = errors.length
    const { response } = await mesh.ask(get('/'))
    await until(() => errors.length > before, 'the exchange is over')
    return { status: response.status, text: response.body.toString(), code: response.status === 200 ? undefined : codeOf(response), error: errors.at(-1) }
  }
  return { mesh, ask }
}

describe.skipIf(!hasOpenssl)('TLS to endpoints (skipped without openssl)', () => {
  const root = hasOpenssl ? authority('Root') : (undefined as never)
  const byAddress = hasOpenssl ? root.issue({ ips: ['127.0.0.1'] }) : (undefined as never)
  const byName = hasOpenssl ? root.issue({ dns: ['users.internal', '*.wild.internal'], uris: ['spiffe://prod.example/users', 'spiffe://prod.example/odd,name'] }) : (undefined as never)
  const client = hasOpenssl ? root.issue({ subject: '/CN=mesh' }) : (undefined as never)

  test('is verified against the address of the endpoint, speaks HTTP/1.1, and names no server by SNI', async () => {
    const endpoint = await tlsEndpoint(byAddress)
    const { ask } = await inFront(endpoint, { tls: { ca: root.cert } })
    expect(await ask()).toMatchObject({ status: 200, text: 'hello', error: undefined })
    expect(endpoint.seen).toEqual([{ serverName: false, protocol: 'http/1.1', resumed: false, client: undefined }])
  })

  test('is verified against serverName, which SNI asks for', async () => {
    const endpoint = await tlsEndpoint(byName)
    const { ask } = await inFront(endpoint, { tls: { ca: root.cert, serverName: 'users.internal' } })
    expect((await ask()).status).toBe(200)
    expect(endpoint.seen[0]?.serverName).toBe('users.internal')
  })

  test('goes by the host of the endpoint where that is a name', async () => {
    const endpoint = await tlsEndpoint(root.issue({ dns: ['localhost'] }))
    const { ask } = await inFront({ address: `localhost:${endpoint.port}` }, { tls: { ca: root.cert } })
    expect((await ask()).status).toBe(200)
    expect(endpoint.seen[0]?.serverName).toBe('localhost')
  })

  const other = hasOpenssl ? authority('Other') : (undefined as never)
  test.each<[string, () => Pair, ServiceSpec['tls'], RegExp]>([
    ['is for another name', () => byName, { ca: root?.cert, serverName: 'orders.internal' }, /ERR_TLS_CERT_ALTNAME_INVALID.*orders\.internal/],
    ['is for a name and not for the address', () => byName, { ca: root?.cert }, /ERR_TLS_CERT_ALTNAME_INVALID/],
    ['has expired', () => root.issue({ ips: ['127.0.0.1'], days: -1 }), { ca: root?.cert }, /CERT_HAS_EXPIRED/],
    ['comes from a root that is not trusted', () => byAddress, { ca: other?.cert }, /UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER/],
    ['comes from a root that Node does not know', () => byAddress, true, /UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER/],
    ['carries none of sans', () => byName, { ca: root?.cert, sans: ['spiffe://prod.example/orders', 'orders.internal'] }, /spiffe:\/\/prod\.example\/users.*none of whom/],
    ['carries one of sans only as a wildcard', () => byName, { ca: root?.cert, sans: ['a.wild.internal'] }, /none of whom/],
    ['carries one of sans only as a part of one', () => byName, { ca: root?.cert, sans: ['spiffe://prod.example/odd'] }, /none of whom/],
    ['carries one of sans and comes from nobody who is trusted', () => byName, { ca: other?.cert, sans: ['users.internal'] }, /UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER/],
  ])('is refused when the certificate %s', async (_name, pair, tls, detail) => {
    const endpoint = await tlsEndpoint(pair())
    const { ask } = await inFront(endpoint, tls === undefined ? {} : { tls })
    const asked = await ask()
    expect([asked.status, asked.code, asked.error?.flag]).toEqual([502, 'MESH_UPSTREAM_TLS', 'UF'])
    expect(asked.error?.detail).toMatch(detail)
    expect(asked.text).not.toMatch(/ALTNAME|EXPIRED|VERIFY|spiffe|whom/)
  })

  test.each([['spiffe://prod.example/users'], ['spiffe://prod.example/odd,name'], ['USERS.internal'], ['*.wild.internal']])('takes a certificate that carries one of sans, whatever the address: %s', async (san) => {
    const endpoint = await tlsEndpoint(byName)
    const { ask } = await inFront(endpoint, { tls: { ca: root.cert, sans: ['spiffe://prod.example/others', san] } })
    expect((await ask()).status).toBe(200)
  })

  test('takes any certificate with verify: false', async () => {
    const endpoint = await tlsEndpoint(root.issue({ days: -1 }))
    const { ask } = await inFront(endpoint, { tls: { verify: false } })
    expect((await ask()).status).toBe(200)
  })

  describe.each(['TLSv1.2', 'TLSv1.3'] as const)('with an endpoint that wants a certificate: %s', (version) => {
    const strict: ServerOptions = { requestCert: true, rejectUnauthorized: true, ca: root?.cert, minVersion: version, maxVersion: version }

    test('the first of the identity is shown, and its roots are trusted', async () => {
      const endpoint = await tlsEndpoint(byAddress, strict)
      const { ask } = await inFront(endpoint, { tls: { identity: new Turning({ certificates: [client], ca: root.cert }) } })
      expect((await ask()).status).toBe(200)
      expect(endpoint.seen[0]?.client).toBe('CN=mesh')
    })

    test('it fails without one', async () => {
      const endpoint = await tlsEndpoint(byAddress, strict)
      const { ask } = await inFront(endpoint, { tls: { ca: root.cert } })
      const asked = await ask()
      expect([asked.status, asked.code]).toEqual([502, 'MESH_UPSTREAM_TLS'])
      expect(asked.error?.detail).toMatch(/ALERT|alert|handshake/)
    })
  })

  test('a connection is used again, also when the answer is here before this side knows that the request has gone', async () => {
    const endpoint = await farEndpoint(byAddress)
    const { ask } = await inFront(endpoint, { tls: { ca: root.cert } })
    const never = new Int32Array(new SharedArrayBuffer(4))
    // Each turn of the event loop begins with a pause in which the answer comes.
    const busy = setInterval(() => void Atomics.wait(never, 0, 0, 10), 1)
    onTestFinished(() => clearInterval(busy))
    const answers: string[] = []
    for (let i = 0; i < 5; i++) answers.push((await ask()).text)
    expect(answers).toEqual(['1', '1', '1', '1', '1'])
  })

  test('a session goes on with the next connection', async () => {
    const endpoint = await tlsEndpoint(byAddress)
    const { ask } = await inFront(endpoint, { tls: { ca: root.cert }, limits: { requestsPerConnection: 1 } })
    for (let i = 0; i < 3; i++) await ask()
    expect(endpoint.seen.map(({ resumed }) => resumed)).toEqual([false, true, true])
  })

  test('a session does not outlive the certificate that it vouches for', async () => {
    const endpoint = await tlsEndpoint(byAddress)
    const { ask } = await inFront(endpoint, { tls: { ca: root.cert }, limits: { requestsPerConnection: 1 } })
    await ask()
    // Only our own clock goes: to those who shake hands the certificate is still good.
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 31 * 86_400_000 })
    onTestFinished(() => void vi.useRealTimers())
    await ask()
    expect(endpoint.seen.map(({ resumed }) => resumed)).toEqual([false, false])
  })

  test('a connection made after a rotation shows the new certificate, and goes on with no session of the old one', async () => {
    const endpoint = await tlsEndpoint(byAddress, { requestCert: true, ca: root.cert })
    const identity = new Turning({ certificates: [client], ca: root.cert })
    const { ask } = await inFront(endpoint, { tls: { identity }, limits: { requestsPerConnection: 1 } })
    await ask()
    identity.turn({ certificates: [root.issue({ subject: '/CN=turned' })], ca: root.cert })
    await ask()
    expect(endpoint.seen).toMatchObject([{ client: 'CN=mesh' }, { client: 'CN=turned', resumed: false }])
  })

  test('roots that are trusted no more after a rotation are not trusted by an old session either', async () => {
    const endpoint = await tlsEndpoint(byAddress)
    const identity = new Turning({ certificates: [], ca: root.cert })
    const { ask } = await inFront(endpoint, { tls: { identity }, limits: { requestsPerConnection: 1 } })
    expect((await ask()).status).toBe(200)
    identity.turn({ certificates: [], ca: other.cert })
    expect((await ask()).code).toBe('MESH_UPSTREAM_TLS')
  })

  test('an endpoint that speaks plain HTTP is an error of TLS', async () => {
    const server = createHttpServer((_req, res) => void res.end())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const { ask } = await inFront({ address: `127.0.0.1:${(server.address() as AddressInfo).port}` }, { tls: { ca: root.cert } })
    expect((await ask()).code).toBe('MESH_UPSTREAM_TLS')
  })

  test('a handshake that is broken off is an error of TLS, and one that does not begin ends with connectMs', async () => {
    const breaks = await rawEndpoint((wire) => void wire.socket.once('data', () => wire.socket.destroy()))
    expect((await (await inFront(breaks, { tls: true })).ask()).code).toBe('MESH_UPSTREAM_TLS')
    const silent = await rawEndpoint()
    expect((await (await inFront(silent, { tls: true, timeout: { connectMs: 100 } })).ask()).code).toBe('MESH_CONNECT_TIMEOUT')
    await until(() => silent.wires[0]?.ending !== undefined, 'the connection is closed')
  })

  test('nobody who listens is no error of TLS', async () => {
    const endpoint = await rawEndpoint()
    endpoint.close()
    expect((await (await inFront(endpoint, { tls: true })).ask()).code).toBe('MESH_CONNECT_FAILED')
  })

  test('an upgrade goes through it', async () => {
    const endpoint = await tlsEndpoint(byAddress)
    endpoint.server.on('upgrade', (_req, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\nwelcome')
      socket.on('data', (bytes: Buffer) => void socket.end(bytes.toString().toUpperCase()))
    })
    const { mesh } = await inFront(endpoint, { tls: { ca: root.cert } })
    const wire = (await mesh.connect()).send(get('/', 'Connection: upgrade', 'Upgrade: chat'))
    expect((await wire.response()).status).toBe(101)
    await wire.untilText('welcome')
    wire.send('loud')
    await wire.untilText('LOUD')
  })

  test('a long body arrives as it was sent, also at a client that stops reading now and then', async () => {
    const body = Buffer.from(Uint32Array.from({ length: 4_000_000 }, (_, i) => Math.imul(i, 2_654_435_761)).buffer)
    const endpoint = await tlsEndpoint(byAddress)
    const from: TLSSocket[] = []
    endpoint.server.on('secureConnection', (socket: TLSSocket) => void from.push(socket))
    endpoint.server.removeAllListeners('request')
    endpoint.server.on('request', (_req, res) => void res.end(body))
    const { mesh } = await inFront(endpoint, { tls: { ca: root.cert } })
    const { socket } = await mesh.connect()
    const chunks: Buffer[] = []
    let bytes = 0
    let nextStop = 0
    socket.removeAllListeners('data')
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      bytes += chunk.byteLength
      if (bytes < nextStop) return
      nextStop = bytes + 2_000_000
      socket.pause()
      void standstill(from[0] as TLSSocket).then(() => socket.resume())
    })
    socket.write(get('/', 'Connection: close'))
    await new Promise((resolve) => socket.once('end', resolve))
    expect(Buffer.concat(chunks).subarray(-body.length).equals(body)).toBe(true)
  })

  test.each<[string, ServiceSpec['tls'], RegExp]>([
    ['an address as serverName', { serverName: '127.0.0.1' }, /serverName/],
    ['no names in sans', { sans: [] }, /sans/],
    ['an address in sans, which no certificate would match', { sans: ['a.example', '10.0.0.1'] }, /sans.*10\.0\.0\.1.*address/],
    ['sans that nobody looks at', { verify: false, sans: ['a.example'] }, /verify/],
    ['roots that are none', { ca: 'secret' }, /ca: it has no certificate/],
  ])('is refused at boot with %s', async (_name, tls, detail) => {
    await expect(startMesh({ address: '127.0.0.1:1' }, tls === undefined ? {} : { service: { tls } })).rejects.toMatchObject({ code: 'MESH_BAD_OPTIONS', detail: expect.stringMatching(detail) as string })
  })
})
