// Endpoints for health checks: real servers that answer, refuse, or say nothing at all.
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Endpoint } from '../endpoint.ts'
import { endpoint } from './build.ts'

/** What an endpoint does with a connection. */
export type OnConnection = (socket: Socket) => void

/** Answers each HTTP request without a body with this status, and keeps the connection. */
export function answering(status = 200): OnConnection {
  return (socket) => {
    let heard = ''
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString('latin1')
      for (let end = heard.indexOf('\r\n\r\n'); end >= 0; end = heard.indexOf('\r\n\r\n')) {
        heard = heard.slice(end + 4)
        socket.write(`HTTP/1.1 ${status} X\r\ncontent-length: 0\r\n\r\n`)
      }
    })
  }
}

/** Takes connections and says nothing. */
export function silent(): OnConnection {
  return () => {}
}

/** A server on a free port of this machine, to be closed by `await using`. */
export class TestServer implements AsyncDisposable {
  readonly endpoint: Endpoint
  readonly #server: Server
  readonly #open: Set<Socket>
  #changed: PromiseWithResolvers<void> = Promise.withResolvers()

  private constructor(server: Server, open: Set<Socket>) {
    this.#server = server
    this.#open = open
    const { port } = server.address() as AddressInfo
    this.endpoint = endpoint({ host: '127.0.0.1', port })
    server.on('connection', (socket) => {
      this.#news()
      socket.on('close', () => this.#news())
    })
  }

  /** @param port default: a free one */
  static async start(onConnection: OnConnection, port = 0): Promise<TestServer> {
    const open = new Set<Socket>()
    const server = createServer((socket) => {
      open.add(socket)
      socket.on('close', () => open.delete(socket))
      // A client that cuts its connection is no failure of this server.
      socket.on('error', () => socket.destroy())
      onConnection(socket)
      socket.resume()
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return new TestServer(server, open)
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#open.size
  }

  /** Resolves when so many connections are open. */
  async until(is: (connections: number) => boolean): Promise<void> {
    while (!is(this.#open.size)) await this.#changed.promise
  }

  /** Refuses further connections, and cuts those that are open. */
  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy()
    if (!this.#server.listening) return
    this.#server.close()
    await once(this.#server, 'close')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #news(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}

/** An endpoint that refuses every connection: its port was free a moment ago. */
export async function refusing(): Promise<Endpoint> {
  const server = await TestServer.start(silent())
  await server.close()
  return server.endpoint
}
