// gRPC to services of a mesh, against a server of another make, and against some that do not know how.
import { Buffer } from 'node:buffer'
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2'
import { createServer as createTcp, type AddressInfo } from 'node:net'
import { execFileSync, spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ServerCredentials } from '@grpc/grpc-js'
import { createMesh, type MeshApp, type ServiceSpec } from '@meshwright/core'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { GrpcCall } from '../host/surroundings.ts'
import { until } from '../shared/threads.test.kit.ts'
import { GrpcClient } from './client.ts'
import { grpcServer } from './server.test.kit.ts'

interface Heard {
  readonly events: string[]
  readonly call: GrpcCall
  readonly closed: Promise<{ readonly status: number; readonly message: string }>
  readonly metadata: Map<string, string>
}

async function meshTo(port: number, more: Partial<ServiceSpec> = {}): Promise<{ app: MeshApp; client: GrpcClient; open: (method: string, options?: { timeoutMs?: number; metadata?: readonly string[] }) => Heard }> {
  const app = createMesh({ drainMs: 100 })
  await app.mesh.service('echo', { endpoints: [`127.0.0.1:${port}`], ...more })
  await app.ready()
  const client = new GrpcClient(app.mesh)
  onTestFinished(async () => {
    client.close()
    await app.close()
  })
  const open = (method: string, { timeoutMs = 0, metadata = [] }: { timeoutMs?: number; metadata?: readonly string[] } = {}): Heard => {
    const events: string[] = []
    const seen = new Map<string, string>()
    const closed = Promise.withResolvers<{ readonly status: number; readonly message: string }>()
    const note = (fields: readonly string[]): void => {
      for (let at = 0; at < fields.length; at += 2) seen.set(fields[at] as string, fields[at + 1] as string)
    }
    const call = client.open('echo', `/test.Echo/${method}`, metadata, timeoutMs, {
      initialMetadata: (fields) => (note(fields), void events.push(`head ${fields.length > 0 ? 'full' : 'empty'}`)),
      message: (bytes) => void events.push(bytes.toString()),
      trailingMetadata: (fields) => (note(fields), void events.push(`trailers ${fields.length > 0 ? 'full' : 'empty'}`)),
      closed(status, message) {
        events.push(`closed ${status}`)
        closed.resolve({ status, message })
      },
    }) as GrpcCall
    return { events, call, closed: closed.promise, metadata: seen }
  }
  return { app, client, open }
}

const text = (value: string): Buffer => Buffer.from(value)

describe('gRPC to a real server', () => {
  test('asks and is answered, with metadata both ways', async () => {
    const { port } = await grpcServer()
    const { open, app } = await meshTo(port)
    const { call, events, closed, metadata } = open('Unary', { metadata: ['X-Asked', 'one', 'x-asked', 'two', ':path', '/else', 'te', 'gzip'] })
    call.send(text('hello'), true)
    expect(events).toEqual([])
    expect(await closed).toEqual({ status: 0, message: 'OK' })
    expect(events).toEqual(['head full', 'HELLO', 'trailers full', 'closed 0'])
    expect([metadata.get(':status'), metadata.get('x-head'), metadata.get('x-trailer'), metadata.get('grpc-status')]).toEqual(['200', 'one, two', 'last', '0'])
    const [endpoint] = app.mesh.snapshot.services.get('echo')?.endpoints.all ?? []
    expect([endpoint?.inFlight, endpoint?.attempts, endpoint?.failures]).toEqual([0, 1, 0])
  })

  test('takes many answers, sends many questions, and does both at once', async () => {
    const { port } = await grpcServer()
    const { open } = await meshTo(port)
    const many = open('Many')
    many.call.send(text('a,b,c'), true)
    const sum = open('Sum')
    for (const one of ['x', 'y']) sum.call.send(text(one), false)
    sum.call.send(text('z'), true)
    const talk = open('Talk')
    talk.call.send(text('hi'), false)
    await until(() => talk.events.includes('re: hi'))
    talk.call.send(text('again'), false)
    await until(() => talk.events.includes('re: again'))
    talk.call.end()
    expect([(await many.closed).status, (await sum.closed).status, (await talk.closed).status]).toEqual([0, 0, 0])
    expect(many.events).toEqual(['head full', 'a', 'b', 'c', 'trailers full', 'closed 0'])
    expect(sum.events.slice(1, -2)).toEqual(['xyz'])
    expect(talk.events.slice(1, -2)).toEqual(['re: hi', 're: again'])
  })

  test('hears of errors, in the order of everything else', async () => {
    const { port } = await grpcServer()
    const { open } = await meshTo(port)
    const { call, events, closed } = open('Unary')
    call.send(text('fail'), true)
    const { status, message } = await closed
    expect([status, Buffer.from(message, 'latin1').toString()]).toEqual([5, 'nothing called "fäil"'])
    expect(events).toEqual(['head empty', 'trailers full', 'closed 5'])
    const unknown = open('Nobody')
    unknown.call.send(text(''), true)
    expect((await unknown.closed).status).toBe(12)
  })

  test('gives up when the deadline is over, and says so to the server', async () => {
    const { port, events: server } = await grpcServer()
    const { open } = await meshTo(port)
    const { call, closed } = open('Unary', { timeoutMs: 100 })
    call.send(text('wait'), true)
    expect((await closed).status).toBe(4)
    await until(() => server.includes('cancelled'))
    expect(server[0]).toBe('waits, deadline given')
  })

  test('that is cancelled is heard of no more, and is reset over there', async () => {
    const { port, events: server } = await grpcServer()
    const { open, app } = await meshTo(port)
    const talk = open('Talk')
    talk.call.send(text('hi'), false)
    await until(() => talk.events.includes('re: hi'))
    const before = talk.events.length
    talk.call.cancel()
    talk.call.send(text('more'), true)
    await until(() => server.includes('cancelled'))
    expect(talk.events).toHaveLength(before)
    const [endpoint] = app.mesh.snapshot.services.get('echo')?.endpoints.all ?? []
    expect([endpoint?.inFlight, endpoint?.failures]).toEqual([0, 0])
  })

  test('takes no message of more than four megabytes', async () => {
    const { port } = await grpcServer()
    const { open } = await meshTo(port)
    const { call, closed } = open('Unary')
    call.send(text('long'), true)
    expect((await closed).status).toBe(8)
  })

  test('keeps one connection for all calls, and makes another one when it is gone', async () => {
    const { port, server } = await grpcServer()
    const { open } = await meshTo(port)
    const ask = async (): Promise<number> => {
      const { call, closed } = open('Unary')
      call.send(text('a'), true)
      return (await closed).status
    }
    expect(await Promise.all(Array.from({ length: 50 }, ask))).toEqual(Array.from({ length: 50 }, () => 0))
    const talk = open('Talk')
    talk.call.send(text('hi'), false)
    await until(() => talk.events.includes('re: hi'))
    server.forceShutdown()
    expect((await talk.closed).status).toBeGreaterThan(0)
    expect(talk.events.slice(-2)).toEqual(['trailers empty', `closed ${(await talk.closed).status}`])
    expect(await ask()).toBe(14)
  })
})

describe('gRPC', () => {
  test('to nobody, to a closed port and to somebody who speaks something else ends with 14', async () => {
    const gone = createTcp()
    await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve))
    const { port } = gone.address() as AddressInfo
    await new Promise((resolve) => gone.close(resolve))
    const { open, app, client } = await meshTo(port)
    const refused = open('Unary')
    refused.call.send(text('a'), true)
    expect(await refused.closed).toMatchObject({ status: 14 })
    expect(refused.events).toEqual(['head empty', 'trailers empty', 'closed 14'])
    const [endpoint] = app.mesh.snapshot.services.get('echo')?.endpoints.all ?? []
    expect([endpoint?.inFlight, endpoint?.failures]).toEqual([0, 1])
    expect(client.open('unheard', '/a/b', [], 0, { initialMetadata() {}, message() {}, trailingMetadata() {}, closed() {} })).toBeUndefined()

    const silent = createTcp((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n').on('error', () => {}))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void silent.close())
    const other = (await meshTo((silent.address() as AddressInfo).port)).open('Unary')
    other.call.send(text('a'), true)
    expect((await other.closed).status).toBe(14)

    const none = (await meshTo(1, { endpoints: [] })).open('Unary')
    none.call.send(text('a'), true)
    expect(await none.closed).toEqual({ status: 14, message: 'MESH_NO_ENDPOINT' })
  })

  test.each<[string, (stream: ServerHttp2Stream) => void, number, string[]]>([
    ['a response that is none of gRPC', (stream) => (stream.respond({ ':status': 503 }), stream.end('no')), 14, ['head full', 'trailers empty', 'closed 14']],
    ['no trailers', (stream) => (stream.respond({ ':status': 200 }), stream.end()), 2, ['head full', 'trailers empty', 'closed 2']],
    ['half a message', (stream) => (stream.respond({ ':status': 200 }), stream.end(Buffer.from([0, 0, 0, 0, 9, 1]))), 13, ['head full', 'trailers empty', 'closed 13']],
    ['a compressed message', (stream) => (stream.respond({ ':status': 200 }), stream.end(Buffer.from([1, 0, 0, 0, 1, 1]))), 13, ['head full', 'trailers empty', 'closed 13']],
    ['a stream that is refused', (stream) => stream.close(7), 14, ['head empty', 'trailers empty', 'closed 14']],
    ['a stream that is reset by an error', (stream) => stream.close(2), 13, ['head empty', 'trailers empty', 'closed 13']],
  ])('understands %s', async (_what, answer, status, expected) => {
    const server: Http2Server = createServer().on('stream', (stream: ServerHttp2Stream) => answer(stream.on('error', () => {})))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const { open } = await meshTo((server.address() as AddressInfo).port)
    const { call, events, closed } = open('Unary')
    call.send(text('a'), true)
    expect((await closed).status).toBe(status)
    expect(events).toEqual(expected)
  })

  test('with metadata that HTTP cannot carry ends with 13, later', async () => {
    const { port } = await grpcServer()
    const { open } = await meshTo(port)
    const { call, events, closed } = open('Unary', { metadata: ['x y', 'a\r\nb'] })
    call.send(text('a'), true)
    expect(events).toEqual([])
    expect((await closed).status).toBe(13)
  })
})

const hasOpenssl = process.env['CI'] === 'true' || spawnSync('openssl', ['version']).status === 0

/** A key and a certificate for a name, signed with itself. */
function pair(name: string): { readonly key: string; readonly cert: string } {
  const scratch = mkdtempSync(path.join(tmpdir(), 'meshwright-grpc-'))
  onTestFinished(() => rmSync(scratch, { recursive: true }))
  const [keyPath, certPath] = [path.join(scratch, 'key.pem'), path.join(scratch, 'cert.pem')]
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  writeFileSync(keyPath, key)
  execFileSync('openssl', ['req', '-x509', '-new', '-key', keyPath, '-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`, '-days', '3', '-out', certPath], { stdio: 'pipe' })
  return { key, cert: readFileSync(certPath, 'utf8') }
}

describe.skipIf(!hasOpenssl)('gRPC with TLS', () => {
  test('is spoken where the service says so, and verifies the endpoint', async () => {
    const { key, cert } = pair('echo.example')
    const { port } = await grpcServer(ServerCredentials.createSsl(null, [{ private_key: Buffer.from(key), cert_chain: Buffer.from(cert) }]))
    const ask = async (tls: ServiceSpec['tls']): Promise<number> => {
      const { open } = await meshTo(port, tls === undefined ? {} : { tls })
      const { call, closed } = open('Unary')
      call.send(text('a'), true)
      return (await closed).status
    }
    expect(await ask({ ca: cert, serverName: 'echo.example' })).toBe(0)
    expect(await ask({ ca: cert, serverName: 'else.example' })).toBe(14)
    expect(await ask({ serverName: 'echo.example' })).toBe(14)
    expect(await ask(undefined)).toBe(14)
  })
})
