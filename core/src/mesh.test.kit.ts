// What tests of a whole mesh in this package share: real endpoints, a client, and the lines a mesh has logged.
import { createServer, request, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import { createMesh, type CreateMeshOptions, type MeshApp } from './mesh.ts'

const closers: (() => Promise<void>)[] = []

/** For afterEach: closes what the test has opened, the last first. */
export async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close()
}

/** A real endpoint. It answers with `name method url` unless told otherwise. */
export async function endpoint(name: string, handler: RequestListener = (message, response) => void response.end(`${name} ${message.method} ${message.url}`)): Promise<{ address: string; server: Server }> {
  const server = createServer(handler)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

/** A mesh and what it logs at level error. It is closed after the test. */
export function mesh(options: CreateMeshOptions = {}): { app: MeshApp; errors: string[] } {
  const errors: string[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      errors.push(chunk.toString())
      done()
    },
  })
  const app = createMesh({ drainMs: 100, ...options, logger: { level: 'error', stream } })
  closers.push(() => app.close())
  return { app, errors }
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Asks on a connection of its own. */
export function ask(port: number, path: string, options: { method?: string; headers?: Record<string, string>; body?: string } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = request({ host: '127.0.0.1', port, path, method: options.method ?? 'GET', headers: options.headers ?? {}, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => (body += text))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
      response.on('error', reject)
    })
    asking.on('error', reject)
    asking.end(options.body)
  })
}

/** Lets Fastify listen, and answers the port. */
export async function listening(app: MeshApp): Promise<number> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
}
