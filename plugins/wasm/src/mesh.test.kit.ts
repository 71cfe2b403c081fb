// A real mesh with a WASM filter in it, a real endpoint behind it, and a client that may send its body in pieces.
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { Writable } from 'node:stream'
import { createMesh, type MeshApp, type MeshSpec } from '@meshwright/core'
import { onTestFinished } from 'vitest'
import { moduleFile } from './guest.test.kit.ts'
import type { WasmOptions } from './options.ts'
import plugin from './index.ts'

/** The scenarios also run with filters in threads of their own: see isolated/scenarios.test.ts. */
export const isolated: boolean = process.env['MESHWRIGHT_TEST_ISOLATION'] === 'worker'
/** On a busy machine a thread takes seconds to start: nothing there is about how fast it is. */
export const isolation: Pick<WasmOptions, 'isolation' | 'deadlineMs'> = isolated ? { isolation: 'worker', deadlineMs: 10_000 } : {}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
  readonly trailers: Readonly<Record<string, string | undefined>>
}

/** What a request is made of. */
export interface Asked {
  readonly path?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent piece by piece, each when the promise before it has resolved. */
  readonly body?: string | readonly (string | Promise<unknown>)[]
  readonly trailers?: Readonly<Record<string, string>>
}

/** What came to the endpoint. */
export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
  readonly trailers: Readonly<Record<string, string | undefined>>
}

export interface TestMesh {
  readonly app: MeshApp
  readonly port: number
  readonly endpointPort: number
  /** Lines of the log, as objects. */
  readonly lines: readonly Readonly<Record<string, unknown>>[]
  readonly seen: readonly Seen[]
  /** As much of the last request's body as has come to the endpoint. */
  readonly coming: { text: string }
  readonly ask: (asked?: Asked) => Promise<Answer>
  readonly metrics: () => string
}

export type Handler = (seen: Seen, response: ServerResponse, message: IncomingMessage) => void

const plain: Handler = (seen, response) => void response.end(`${seen.method} ${seen.url}`)

/** An endpoint that reads the whole request before it answers. */
export async function endpoint(handler: Handler = plain, seen: Seen[] = [], coming = { text: '' }): Promise<number> {
  const server = createServer((message, response) => {
    let body = ''
    message.setEncoding('latin1').on('data', (text: string) => (coming.text = body += text))
    message.on('end', () => {
      const one = { method: message.method ?? '', url: message.url ?? '', headers: message.headers, body, trailers: message.trailers }
      seen.push(one)
      handler(one, response, message)
    })
    message.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

/** A file that is there while the test runs. */
export function fileOf(bytes: Uint8Array): string {
  const file = moduleFile(bytes)
  onTestFinished(() => file.remove())
  return file.path
}

/**
 * @param filters options of WASM filters, the first one outermost
 * @param more services beside `app`, and other parts of the mesh
 */
export async function meshOf(filters: readonly (Omit<WasmOptions, 'module'> & { readonly guest: Uint8Array })[], handler?: Handler, more: Partial<MeshSpec> = {}): Promise<TestMesh> {
  const lines: Record<string, unknown>[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (const line of chunk.toString().trim().split('\n')) lines.push(JSON.parse(line) as Record<string, unknown>)
      done()
    },
  })
  const seen: Seen[] = []
  const coming = { text: '' }
  const endpointPort = await endpoint(handler, seen, coming)
  const app = createMesh({ drainMs: 100, logger: { level: 'debug', stream } })
  onTestFinished(async () => app.close())
  await app.register(plugin)
  const named = filters.map(({ guest, ...options }) => ({ wasm: { module: fileOf(guest), name: 'guest', fuelMs: 1_000, logLevel: 0, ...isolation, ...options } }))
  const { services = {}, ...rest } = more
  await app.ready()
  await app.mesh.apply({ services: { app: { endpoints: [`127.0.0.1:${endpointPort}`] }, ...services }, routes: [{ to: 'app', filters: named }], ...rest })
  const { port } = await app.mesh.listen({ address: '127.0.0.1:0', timeouts: { filterMs: 60_000 } })
  return { app, port, endpointPort, lines, seen, coming, ask: async (asked) => ask(port, asked), metrics: () => JSON.stringify(app.mesh.collect()) }
}

/** Asks on a connection of its own. */
export function ask(port: number, { path = '/', method, headers = {}, body, trailers }: Asked = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method: method ?? (body === undefined ? 'GET' : 'POST'), headers: { ...headers, ...(trailers === undefined ? {} : { 'transfer-encoding': 'chunked' }) }, agent: false }, (response) => {
      let text = ''
      response.setEncoding('latin1').on('data', (part: string) => (text += part))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text, trailers: response.trailers }))
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.on('socket', (socket: Socket) => socket.setNoDelay(true))
    void send(sent, body, trailers).catch(reject)
  })
}

async function send(sent: ReturnType<typeof request>, body: Asked['body'], trailers: Asked['trailers']): Promise<void> {
  if (trailers !== undefined) sent.addTrailers(trailers)
  if (body === undefined || typeof body === 'string') {
    sent.end(body)
    return
  }
  for (const piece of body) {
    if (typeof piece === 'string') await new Promise<void>((resolve) => sent.write(piece, () => resolve()))
    else await piece
  }
  sent.end()
}

/** Resolves when it is so; looks at it each turn. The time limit is the test's own. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve))
}
