// One connection of the load at a fixed rate: a request at a time, and the end of its answer.
import { type Socket, connect } from 'node:net'

/** Told of the end of an answer; with an error if it was not a good one. */
export type Answered = (client: Client, dueMs: number, error?: Error) => void

export class Client {
  readonly #socket: Socket
  readonly #request: Buffer
  readonly #answered: Answered
  #dueMs = 0
  #busy = false
  #text = ''

  private constructor(socket: Socket, path: string, answered: Answered) {
    this.#socket = socket
    this.#request = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: bench.example\r\n\r\n`)
    this.#answered = answered
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('a connection was closed')))
  }

  static open(port: number, path: string, answered: Answered): Promise<Client> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(new Client(socket, path, answered)))
      socket.once('error', reject)
    })
  }

  /** @param dueMs when it was to leave: handed back with its answer */
  send(dueMs: number): void {
    this.#dueMs = dueMs
    this.#busy = true
    this.#socket.write(this.#request)
  }

  #read(chunk: Buffer): void {
    this.#text += chunk.toString('latin1')
    const head = this.#text.indexOf('\r\n\r\n')
    if (head < 0) return
    if (!this.#text.startsWith('HTTP/1.1 200')) return this.#fail(new Error(`answered ${this.#text.slice(0, 40)}`))
    const length = /\r\ncontent-length: *(\d+)/i.exec(this.#text)?.[1]
    const whole = length === undefined ? this.#text.endsWith('\r\n0\r\n\r\n') : this.#text.length >= head + 4 + Number(length)
    if (whole) this.#end()
  }

  #fail(error: Error): void {
    if (this.#busy) this.#end(error)
  }

  #end(error?: Error): void {
    this.#text = ''
    this.#busy = false
    this.#answered(this, this.#dueMs, error)
  }
}
