// What the core's own unit tests share: exchanges, a client that writes down what it is told, an endpoint under the test's control.
import type { Duplex } from 'node:stream'
import { Chain } from './chain.ts'
import { Deadlines } from './deadlines.ts'
import type { Endpoint } from './endpoint.ts'
import { EndpointSet } from './endpoint-set.ts'
import type { MeshError } from './errors.ts'
import { Exchange, Request, Response, type RequestParts } from './exchange.ts'
import type { ByteCounts, Downstream, DownstreamRelay, Flow, Sink } from './flow.ts'
import { Headers } from './headers.ts'
import type { Filter, Transport } from './questions.ts'
import { Relay } from './relay.ts'
import type { ClientTimeouts, RelayHost } from './relay-host.ts'
import { RequestBody, type BodyReceiver, type BodySource } from './request-body.ts'
import { Route } from './route/route.ts'
import { inTurn, Service, type ServiceAnswers } from './service.ts'
import type { RouteSpec, ServiceSpec } from './spec.ts'

const decoder = new TextDecoder()

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function textOf(chunks: readonly Uint8Array[]): string {
  return chunks.map((chunk) => decoder.decode(chunk)).join('')
}

/** Lets promises that are settled already be heard. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export function request(parts: Partial<RequestParts> = {}): Request {
  return new Request({
    method: 'GET',
    path: '/',
    query: '',
    hasQuery: false,
    authority: 'shop.example',
    scheme: 'http',
    headers: new Headers(),
    version: '1.1',
    peerAddress: '127.0.0.1',
    clientAddress: '127.0.0.1',
    id: 'id-1',
    upgrade: undefined,
    expectContinue: false,
    ...parts,
  })
}

export function exchange(parts: Partial<RequestParts> = {}): Exchange {
  return new Exchange(request(parts), undefined, undefined, 'unit', performance.now())
}

/** A client that takes everything it is given and writes it down. */
export class RecordingClient implements Downstream {
  relay: DownstreamRelay | undefined = undefined
  headSent = false
  status = 0
  headers: Headers = new Headers()
  readonly chunks: Uint8Array[] = []
  trailers: Headers | undefined = undefined
  /** What happened, in order. */
  readonly events: string[] = []
  /** False: it wants no more for now. */
  takesMore = true
  tunnelDone: ((error: MeshError | undefined) => void) | undefined = undefined

  get body(): string {
    return textOf(this.chunks)
  }

  inform(status: number): void {
    this.events.push(`inform ${status}`)
  }

  head(status: number, _reason: string, headers: Headers): boolean {
    this.headSent = true
    this.status = status
    this.headers = headers
    this.events.push(`head ${status}`)
    return true
  }

  write(chunk: Uint8Array): boolean {
    this.chunks.push(chunk)
    return this.takesMore
  }

  flush(): boolean {
    return this.takesMore
  }

  end(trailers: Headers | undefined): void {
    this.trailers = trailers
    this.events.push('end')
    this.relay?.closed(true)
  }

  closeAfter(): void {
    this.events.push('closeAfter')
  }

  abort(): void {
    this.events.push('abort')
    this.relay?.closed(false)
  }

  tunnel(_response: Response, _upstream: Duplex, _idleTimeoutMs: number, _counts: ByteCounts, done: (error: MeshError | undefined) => void): void {
    this.events.push('tunnel')
    this.tunnelDone = done
  }
}

/** One attempt that reached the endpoint. The test plays the endpoint by calling the sink. */
export class Attempt implements Flow {
  readonly exchange: Exchange
  readonly endpoint: Endpoint
  readonly sink: Sink
  /** Body bytes that came with it. */
  readonly chunks: Uint8Array[] = []
  /** What it was told, in order. */
  readonly events: string[] = []

  constructor(exchange: Exchange, endpoint: Endpoint, sink: Sink) {
    this.exchange = exchange
    this.endpoint = endpoint
    this.sink = sink
  }

  pause(): void {
    this.events.push('pause')
  }

  resume(): void {
    this.events.push('resume')
  }

  abort(error: MeshError): void {
    this.events.push(`abort ${error.code}`)
  }

  /** The connection is there; the body comes, if there is one. */
  connect(): this {
    this.sink.onSent()
    this.exchange.body?.sendTo({
      write: (chunk) => {
        this.chunks.push(chunk)
        return true
      },
      end: () => void this.events.push('body'),
      abort: (error) => void this.events.push(`body ${error.code}`),
    })
    return this
  }

  respond(status: number, headers: readonly string[] = []): this {
    this.sink.onHeaders(new Response(status, '', new Headers([...headers])))
    return this
  }

  /** A whole response. */
  answer(status: number, body = ''): void {
    this.connect().respond(status)
    if (body !== '') this.sink.onData(bytes(body))
    this.sink.onEnd(undefined)
  }
}

/** Keeps attempts for the test to play the endpoint. */
export class PlayedTransport implements Transport {
  readonly attempts: Attempt[] = []
  readonly forgotten: string[] = []
  closes = 0
  /** Called at once for each attempt; default: nothing happens by itself. */
  play: (attempt: Attempt) => void = () => {}

  /** The attempt that is under way, or was last. */
  get last(): Attempt {
    const last = this.attempts.at(-1)
    if (last === undefined) throw new Error('no attempt was made')
    return last
  }

  send(exchange: Exchange, endpoint: Endpoint, sink: Sink): Flow {
    const attempt = new Attempt(exchange, endpoint, sink)
    this.attempts.push(attempt)
    this.play(attempt)
    return attempt
  }

  forget(endpoint: Endpoint): void {
    this.forgotten.push(endpoint.id)
  }

  close(): Promise<void> {
    this.closes++
    return Promise.resolve()
  }
}

/** A request body that the test feeds. */
export class FedSource implements BodySource {
  receiver: BodyReceiver | undefined = undefined
  readonly events: string[] = []

  open(receiver: BodyReceiver): void {
    this.receiver = receiver
    this.events.push('open')
  }

  pause(): void {
    this.events.push('pause')
  }

  resume(): void {
    this.events.push('resume')
  }

  feed(text: string): void {
    this.receiver?.receive(bytes(text))
  }

  finish(): void {
    this.receiver?.finish(undefined)
  }
}

/** A service with one endpoint, unless told otherwise. */
export function service(answers: Partial<ServiceAnswers> = {}, spec: ServiceSpec = {}, hosts: readonly string[] = ['a']): Service {
  const endpoints = new EndpointSet('users')
  endpoints.publish(hosts.map((host) => ({ host, port: 80 })))
  const made = new Service('users', spec, endpoints, { balancer: () => inTurn(), transport: new PlayedTransport(), admissions: [], outlier: undefined, retry: undefined, ...answers })
  made.open(() => {})
  return made
}

/** What differs from a GET without a body through no filters to one endpoint. */
export interface RunSetup {
  readonly request?: Partial<RequestParts>
  readonly filters?: readonly Filter[]
  readonly answers?: Partial<ServiceAnswers>
  readonly spec?: ServiceSpec
  readonly route?: RouteSpec
  /** Give it a body, that `source` feeds. */
  readonly body?: boolean
  /** How long the client is waited for; default: for ever. */
  readonly client?: Partial<ClientTimeouts>
  readonly hosts?: readonly string[]
}

/** One exchange, ready to be run by `proxy`. */
export interface Run {
  readonly relay: Relay
  readonly exchange: Exchange
  readonly client: RecordingClient
  readonly transport: PlayedTransport
  readonly source: FedSource
  readonly service: Service
  readonly deadlines: Deadlines
  /** Exchanges that were completed: one, if all is well. */
  readonly completed: Exchange[]
  readonly failures: MeshError[]
  /** Attempts that are counted now, over all endpoints. */
  inFlight(): number
}

export function run(setup: RunSetup = {}): Run {
  const transport = new PlayedTransport()
  const made = service({ transport, ...setup.answers }, setup.spec, setup.hosts)
  const chain = new Chain(setup.filters ?? [])
  const route = new Route('all', { to: 'users', ...setup.route }, {}, '/', chain, new Map([['users', made]]), () => 0)
  const source = new FedSource()
  const body = setup.body === true ? new RequestBody(source, undefined, 0) : undefined
  const one = new Exchange(request(setup.request), body, route, 'unit', performance.now())
  const client = new RecordingClient()
  const deadlines = new Deadlines()
  const completed: Exchange[] = []
  const failures: MeshError[] = []
  const host: RelayHost = { deadlines, via: '1.1 unit', completed: (ended) => void completed.push(ended), pluginFailed: (error) => void failures.push(error) }
  const relay = new Relay(one, chain, client, { requestBodyIdleMs: 0, responseStallMs: 0, tunnelIdleMs: 0, filterMs: 0, ...setup.client }, host)
  const inFlight = (): number => made.endpoints.all.reduce((sum, endpoint) => sum + endpoint.inFlight, 0)
  return { relay, exchange: one, client, transport, source, service: made, deadlines, completed, failures, inFlight }
}
