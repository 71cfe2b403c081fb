// An endpoint that answers nobody until as many have asked as it was told to wait for.
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net'

const answer = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello'

export class BarrierServer {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #waiting: Socket[] = []
  #wanted = 1

  private constructor() {
    this.#server = createServer((socket) => this.#serve(socket))
  }

  static async start(): Promise<BarrierServer> {
    const made = new BarrierServer()
    await new Promise<void>((resolve) => made.#server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve))
    return made
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Open at the moment. */
  get connections(): number {
    return this.#sockets.size
  }

  /** @param requests that have to wait at the same time before all of them are answered */
  holdUntil(requests: number): void {
    this.#wanted = requests
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (!text.endsWith('\r\n\r\n')) return // a GET has no body, and nobody sends two at once
      text = ''
      this.#asked(socket)
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#sockets.delete(socket))
  }

  #asked(socket: Socket): void {
    this.#waiting.push(socket)
    if (this.#waiting.length < this.#wanted) return
    for (const one of this.#waiting.splice(0)) one.write(answer)
  }
}
