// For tests of the transport: an endpoint under the test's control, exchanges without a mesh, and what a transport told of them.
import { createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { Endpoint } from '../../endpoint.ts'
import type { MeshError } from '../../errors.ts'
import { Exchange, Request, type RequestParts, type Response } from '../../exchange.ts'
import type { Flow, Sink } from '../../flow.ts'
import { Headers } from '../../headers.ts'
import { RequestBody, type BodyReceiver, type BodySource } from '../../request-body.ts'
import { Http1Transport } from '../http1.ts'
import { defaultTransportOptions, type TransportOptions } from '../options.ts'

/** Asks again after each turn of the event loop until it is true. */
export async function until(probe: () => boolean, what: string): Promise<void> {
  const giveUpAtMs = performance.now() + 30_000
  while (!probe()) {
    if (performance.now() > giveUpAtMs) throw new Error(`waited too long until ${what}`)
    await setImmediate()
  }
}

/** Lets everything that is under way on this machine's sockets arrive. */
export async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await setImmediate()
}

/** A connection, seen by the endpoint. */
export class Arrival {
  readonly socket: Socket
  /** Requests whose head has come, without bodies. */
  heads: string[] = []
  /** Everything that came, latin1. */
  text = ''
  closed = false

  constructor(socket: Socket) {
    this.socket = socket
  }

  send(bytes: string): void {
    this.socket.write(bytes, 'latin1')
  }
}

/** What an endpoint does when the head of a request has come; `at` counts the connection's requests from 0. */
export type Answer = (arrival: Arrival, head: string, at: number) => void

/** A TCP server that keeps what came. */
export class Peer {
  readonly arrivals: Arrival[] = []
  readonly endpoint: Endpoint
  readonly server: Server
  answer: Answer

  constructor(server: Server, port: number, answer: Answer) {
    this.server = server
    this.endpoint = new Endpoint({ host: '127.0.0.1', port })
    this.answer = answer
  }

  /** Connections that are open on this side. */
  get open(): number {
    return this.arrivals.filter(({ closed }) => !closed).length
  }

  arrive(socket: Socket): void {
    const arrival = new Arrival(socket)
    this.arrivals.push(arrival)
    let scanned = 0
    socket.on('data', (bytes: Buffer) => {
      arrival.text += bytes.toString('latin1')
      // A head begins with a method at the start of a line; bodies in these tests have none.
      for (;;) {
        const start = arrival.text.slice(scanned).search(/[A-Z]+ \/[^\r\n]* HTTP\/1\.1\r\n/)
        const end = start < 0 ? -1 : arrival.text.indexOf('\r\n\r\n', scanned + start)
        if (end < 0) return
        const head = arrival.text.slice(scanned + start, end + 4)
        scanned = end + 4
        this.answer(arrival, head, arrival.heads.push(head) - 1)
      }
    })
    socket.on('error', () => {})
    socket.on('close', () => (arrival.closed = true))
  }
}

/** 200 with the body `ok`. */
export const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** Starts an endpoint on a free port. It is closed with the test. */
export async function peer(answer: Answer | string = ok): Promise<Peer> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const made = new Peer(server, port, typeof answer === 'string' ? (arrival) => arrival.send(answer) : answer)
  server.on('connection', (socket) => made.arrive(socket))
  onTestFinished(() => {
    server.close()
    for (const { socket } of made.arrivals) socket.destroy()
  })
  return made
}

/** A transport that is closed with the test, and must leave no socket open then. */
export function transport(options: Partial<TransportOptions> = {}): Http1Transport {
  const made = new Http1Transport({ ...defaultTransportOptions, ...options })
  onTestFinished(async () => {
    await made.close()
    await until(() => !process.getActiveResourcesInfo().includes('TCPSocketWrap'), 'every socket is closed')
  })
  return made
}

/** What a transport told of one attempt. */
export class Told implements Sink {
  /** `sent`, `inform 103`, `headers 200`, `end`, `upgrade`, or an error's code. */
  readonly events: string[] = []
  body = ''
  response: Response | undefined = undefined
  trailers: Headers | undefined = undefined
  error: MeshError | undefined = undefined
  tunnel: Duplex | undefined = undefined
  flow: Flow | undefined = undefined
  exchange: Exchange | undefined = undefined

  get over(): boolean {
    return /^(?:end|upgrade|MESH_.*)$/.test(this.events.at(-1) ?? '')
  }

  onSent(): void {
    this.#tell('sent')
  }

  onInform(status: number): void {
    this.#tell(`inform ${status}`)
  }

  onHeaders(response: Response): void {
    this.response = response
    this.#tell(`headers ${response.status}`)
  }

  onData(chunk: Uint8Array): void {
    if (this.over || this.response === undefined) throw new Error('data out of place')
    this.body += Buffer.from(chunk).toString('latin1')
  }

  onFlush(): boolean {
    return true
  }

  onEnd(trailers: Headers | undefined): void {
    this.trailers = trailers
    this.#tell('end')
  }

  onError(error: MeshError): void {
    this.error = error
    this.#tell(error.code)
  }

  onUpgrade(response: Response, tunnel: Duplex): void {
    this.response = response
    this.tunnel = tunnel
    this.#tell('upgrade')
  }

  #tell(event: string): void {
    if (this.over) throw new Error(`${event} after ${this.events.join()}`)
    this.events.push(event)
  }
}

/** A client's body that the test hands out. */
export class Source implements BodySource {
  receiver: BodyReceiver | undefined = undefined
  paused = true

  open(receiver: BodyReceiver): void {
    this.receiver = receiver
    this.paused = false
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }
}

/** An exchange as far as a transport looks at it. */
export function exchange(parts: Partial<RequestParts> = {}, body?: RequestBody): Exchange {
  const request = new Request({
    method: 'GET', path: '/', query: '', hasQuery: false, authority: 'a.example', scheme: 'http', headers: new Headers(), version: '1.1', peerAddress: '127.0.0.1', clientAddress: '127.0.0.1', id: '1',
    upgrade: undefined, expectContinue: false, ...parts,
  })
  return new Exchange(request, body, undefined, 'test', 0)
}

/** Sends an attempt; does not wait for anything. */
export function send(through: Http1Transport, to: Peer, parts: Partial<RequestParts> = {}, body?: RequestBody): Told {
  const told = new Told()
  told.exchange = exchange(parts, body)
  told.flow = through.send(told.exchange, to.endpoint, told)
  return told
}

/** Waits until an attempt is over. */
export async function over(told: Told): Promise<Told> {
  await until(() => told.over, `an attempt is over that has told ${told.events.join()}`)
  return told
}

/** Sends an attempt and waits until it is over, and its connection at rest. */
export async function ask(through: Http1Transport, to: Peer, parts: Partial<RequestParts> = {}, body?: RequestBody): Promise<Told> {
  const told = await over(send(through, to, parts, body))
  await turns(2)
  return told
}

/** A body that is there at once. */
export function body(text: string, declared: boolean): RequestBody {
  const bytes = Buffer.from(text, 'latin1')
  const source: BodySource = {
    open(receiver) {
      receiver.receive(bytes)
      receiver.finish(undefined)
    },
    pause() {},
    resume() {},
  }
  return new RequestBody(source, declared ? bytes.length : undefined, 0)
}
