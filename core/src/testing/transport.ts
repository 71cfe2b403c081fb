// What every transport promises.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Server, Socket } from 'node:net'
import type { Endpoint } from '../endpoint.ts'
import { MeshError } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import type { Flow } from '../flow.ts'
import type { Transport } from '../questions.ts'
import { endpoint, exchange, type ExchangeParts } from './build.ts'
import { demand, promise, register, settle, show, type ConformancePromise, type Make, type SuiteOptions } from './conformance.ts'
import { refusing } from './servers.ts'
import { Told } from './told.ts'

/** How an endpoint answers: as in node:http, and in the compatibility API of node:http2. */
export type OnRequest = (request: IncomingMessage, response: ServerResponse) => void

/** What an author says of a transport. */
export interface TransportSuiteOptions extends SuiteOptions {
  /** Makes an endpoint that speaks what the transport speaks; it is not yet listening. Default: a server of node:http. */
  readonly serve?: (onRequest: OnRequest) => Server
}

type TransportPromise = ConformancePromise<Transport, TransportSuiteOptions>

const hints = {
  order: 'onSent, onInform, onHeaders, onData, onEnd; onError instead of any of them, and then nothing',
  upstream: 'make it with a code whose fault is `upstream`: only those count against an endpoint',
  abort: 'abort closes what carries the attempt, whatever state it is in, and the sink hears nothing more',
}

/** More than sockets keep on the way. */
const muchBytes = 20_000_000

/** What a transport may have read already when it is paused. */
const underWayBytes = 262_144

/** Each of them can be asked of any transport. */
export const transportPromises: readonly TransportPromise[] = [
  promise('transport/1', 'tells of a whole response in order', {
    async check(make, options) {
      await using run = await Run.start(make, options, (_request, response) => {
        response.writeHead(201, { 'x-a': ['1', '2'] })
        response.write('one, ')
        response.end('two')
      })
      const told = await run.send().told.over()
      demandEvents(told, 'sent, headers, data, end')
      demand(told.response?.status === 201 && told.bytes.toString() === 'one, two', 'status 201 and "one, two"', `status ${told.response?.status} and ${show(told.bytes.toString())}`)
      demand(told.response.headers.getAll('x-a').join() === '1,2', 'both fields x-a: 1, 2', show(told.response.headers.getAll('x-a')), 'fields of one name stay apart')
    },
  }),
  promise('transport/2', 'sends the request as it stands', {
    async check(make, options) {
      const seen: string[] = []
      await using run = await Run.start(make, options, (request, response) => {
        seen.push(`${request.method} ${request.url} ${String(request.headers[':authority'] ?? request.headers.host)} ${String(request.headers['x-a'])}`)
        response.end()
      })
      await run.send({ method: 'DELETE', path: '/a%20b/?c=d&c=', authority: 'shop.example:81', headers: { 'x-a': ['1', '2'] } }).told.over()
      const expected = 'DELETE /a%20b/?c=d&c= shop.example:81 1, 2'
      demand(seen[0] === expected, expected, show(seen[0]), 'method, target, authority and fields are those of `exchange.request`')
    },
  }),
  promise('transport/3', 'sends the whole body of a request', {
    async check(make, options) {
      await using run = await Run.start(make, options, (request, response) => void request.pipe(response))
      const chunks = Array.from({ length: 50 }, (_, at) => Buffer.alloc(10_000, at))
      for (const isDeclared of [true, false]) {
        const one = exchange({ method: 'POST', body: chunks })
        if (!isDeclared && one.body !== undefined) one.body.declaredBytes = undefined
        const told = await run.carry(one).told.over()
        demand(told.bytes.equals(Buffer.concat(chunks)), '500000 bytes, each as it was', `${told.bytes.length} bytes, and ${told.events.join(', ')}`, '`exchange.body.sendTo(sink)` writes them; call `resume` after a write that answered false')
      }
    },
  }),
  promise('transport/4', 'tells of the end of a response that has no body', {
    async check(make, options) {
      await using run = await Run.start(make, options, (request, response) => void response.writeHead(Number(request.url?.slice(1)), request.method === 'HEAD' ? { 'content-length': '1000' } : {}).end())
      for (const [method, path] of [['GET', '/204'], ['GET', '/304'], ['HEAD', '/200'], ['GET', '/200']] as const) {
        const told = await run.send({ method, path }).told.over()
        demandEvents(told, 'sent, headers, end', `${method} ${path}`)
      }
    },
  }),
  promise('transport/5', 'tells an error of the endpoint when the connection is refused', {
    async check(make) {
      const transport = await make()
      const told = new Told()
      const nobody = await refusing()
      transport.send(exchange({ endpoint: nobody }), nobody, told)
      await told.over()
      demandEvents(told, 'error', 'a refused connection: nothing of the request was sent')
      demandUpstream(told)
      await transport.close()
    },
  }),
  promise('transport/6', 'tells an error when there is no whole response', {
    async check(make, options) {
      await using run = await Run.start(make, options, (request, response) => {
        if (request.url === '/before') return void request.socket.destroy()
        response.writeHead(200, { 'content-length': '1000' })
        response.write('not all of it', () => request.socket.destroy())
      })
      const before = await run.send({ method: 'POST', path: '/before' }).told.over()
      demand(before.events.at(-1) === 'error', 'an error: the connection was closed before there was a head', before.events.join(', '))
      demandUpstream(before)
      const within = await run.send({ path: '/within' }).told.over()
      demand(within.events.at(-1) === 'error', 'an error: 13 bytes of 1000 have come', within.events.join(', '), 'whoever takes it for complete loses data')
      demandUpstream(within)
    },
  }),
  promise('transport/7', 'says nothing more about an attempt that was aborted, and closes what carried it', {
    hint: hints.abort,
    async check(make, options) {
      await using run = await Run.start(make, options, (request, response) => void (request.url === '/head' && response.writeHead(200).write('a')))
      for (const path of ['/nothing', '/head']) {
        const { told, flow } = run.send({ path })
        await (path === '/head' ? told.until(({ events }) => events.includes('data')) : run.until((requests) => requests.includes(path)))
        const before = told.events.length
        flow.abort(new MeshError('MESH_CLIENT_CLOSED'))
        flow.abort(new MeshError('MESH_CLIENT_CLOSED'))
        await run.closed(path)
        demand(told.events.length === before, `nothing after the abort in ${path}`, told.events.slice(before).join(', '), hints.abort)
      }
    },
  }),
  promise('transport/8', 'brings no more than was under way while it is paused, and all of it in the end', {
    async check(make, options) {
      await using run = await Run.start(make, options, (_request, response) => void response.end(Buffer.alloc(muchBytes, 'x')))
      const { told, flow } = run.send()
      await told.until(({ events }) => events.includes('data'))
      flow.pause()
      const before = told.bytes.length
      await settle(options)
      const more = told.bytes.length - before
      demand(more <= underWayBytes, `at most ${underWayBytes} bytes while it is paused`, `${more} bytes`, 'a client that reads slowly would fill the memory')
      flow.resume()
      await told.over()
      demand(told.bytes.length === muchBytes && told.events.at(-1) === 'end', `${muchBytes} bytes and the end`, `${told.bytes.length} bytes and ${told.events.at(-1)}`)
    },
  }),
  promise('transport/9', 'says nothing more after the end, whatever its flow is told', {
    hint: hints.order,
    async check(make, options) {
      await using run = await Run.start(make, options, (_request, response) => void response.end('text'))
      const { told, flow } = run.send()
      await told.over()
      for (const act of [() => flow.pause(), () => flow.resume(), () => flow.abort(new MeshError('MESH_CLIENT_CLOSED'))]) act()
      await settle(options)
      demandEvents(told, 'sent, headers, data, end')
    },
  }),
  promise('transport/10', 'carries many attempts at a time, each with its own response', {
    async check(make, options) {
      await using run = await Run.start(make, options, (request, response) => void setImmediate(() => response.end(request.url)))
      const paths = Array.from({ length: 40 }, (_, at) => `/${at}`)
      const all = await Promise.all(paths.map(async (path) => run.send({ path }).told.over()))
      all.forEach((told, at) => demand(told.bytes.toString() === paths[at], `the response of ${paths[at]}`, `${show(told.bytes.toString())}, ${told.events.join(', ')}`))
    },
  }),
  promise('transport/11', 'tells of interim responses before the head', {
    async check(make, options) {
      await using run = await Run.start(make, options, (_request, response) => response.writeEarlyHints({ link: '</style.css>; rel=preload' }, () => void response.end('text')))
      demandEvents(await run.send().told.over(), 'sent, inform 103, headers, data, end')
    },
  }),
  promise('transport/12', 'closes idle connections to an endpoint that is forgotten', {
    async check(make, options) {
      await using run = await Run.start(make, options, (_request, response) => void response.end('text'))
      await run.send().told.over()
      run.transport.forget?.(run.endpoint)
      await run.idle()
    },
  }),
  promise('transport/13', 'has closed every connection when closing has ended', {
    async check(make, options) {
      await using run = await Run.start(make, options, (_request, response) => void response.end('text'))
      for (let n = 0; n < 3; n++) await run.send().told.over()
      await run.transport.close()
      await run.idle()
    },
  }),
]

/** Registers a test for each of {@link transportPromises}. @param make a new transport at each call, for endpoints without TLS unless `serve` makes others */
export function testTransport(make: Make<Transport>, options: TransportSuiteOptions = {}): void {
  register(transportPromises, make, options)
}

/** A transport, and a server that it sends to. */
class Run implements AsyncDisposable {
  readonly transport: Transport
  readonly endpoint: Endpoint
  readonly #server: Server
  readonly #sockets: Set<Socket> = new Set()
  /** Targets that have arrived, and those whose request is gone. */
  readonly #arrived: string[] = []
  readonly #gone: string[] = []
  #changed: PromiseWithResolvers<void> = Promise.withResolvers()

  private constructor(transport: Transport, server: Server) {
    this.transport = transport
    this.#server = server
    this.endpoint = endpoint({ host: '127.0.0.1', port: (server.address() as AddressInfo).port })
  }

  static async start(make: Make<Transport>, { serve = createServer }: TransportSuiteOptions, onRequest: OnRequest): Promise<Run> {
    let run: Run | undefined = undefined
    const server = serve((request, response) => {
      run?.heard(request, response)
      onRequest(request, response)
    })
    server.on('connection', (socket: Socket) => run?.opened(socket))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (run = new Run(await make(), server))
  }

  send(parts: ExchangeParts = {}): { told: Told; flow: Flow } {
    return this.carry(exchange({ ...parts, endpoint: this.endpoint }))
  }

  carry(one: Exchange): { told: Told; flow: Flow } {
    const told = new Told()
    return { told, flow: this.transport.send(one, this.endpoint, told) }
  }

  heard(request: IncomingMessage, response: ServerResponse): void {
    const target = request.url ?? ''
    this.#arrived.push(target)
    this.#news()
    response.on('close', () => {
      this.#gone.push(target)
      this.#news()
    })
  }

  opened(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => {
      this.#sockets.delete(socket)
      this.#news()
    })
  }

  async until(is: (arrived: readonly string[]) => boolean): Promise<void> {
    while (!is(this.#arrived)) await this.#changed.promise
  }

  /** Resolves when the request of a target is gone. */
  async closed(target: string): Promise<void> {
    while (!this.#gone.includes(target)) await this.#changed.promise
  }

  /** Resolves when there is no connection left. */
  async idle(): Promise<void> {
    while (this.#sockets.size > 0) await this.#changed.promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await this.transport.close()
  }

  #news(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}

function demandEvents(told: Told, expected: string, of = 'the attempt'): void {
  const happened = told.events.join(', ')
  demand(happened === expected, `of ${of}: ${expected}`, told.error === undefined ? happened : `${happened} (${show(told.error)})`, hints.order)
}

function demandUpstream({ error }: Told): void {
  demand(error instanceof MeshError && error.source === 'upstream', 'a MeshError whose fault is the endpoint\'s', show(error), hints.upstream)
}
