// One TCP connection on its way through a filter, as a mesh would take it.
import { Buffer } from 'node:buffer'
import { Endpoint, Exchange, Headers, MeshError, parseAddress, Request, Response, TcpConnection, type DataFrom } from '@meshwright/core'
import type { WasmNetworkFilter } from '../wasm-network-filter.ts'
import { chunksOf, type TestBody } from './messages.ts'
import { TestWay, type PassedBytes } from './test-way.ts'
import { keep, type TestProperty } from './test-surroundings.ts'

/** A client that connects, and where to. Places are `ip:port`. */
export interface TestClient {
  /** Where it comes from. Default `127.0.0.1:50000`. */
  readonly client?: string
  /** Where it connects to. Default `127.0.0.1:9000`. */
  readonly listener?: string
  /** The endpoint that it is connected with when the filter has let it pass, or why there is none. Default `127.0.0.1:9001`. */
  readonly endpoint?: string | { readonly error: 'connect' | 'timeout' }
  /** The name that it asks for by SNI. Default: none. */
  readonly serverName?: string
  /** Properties of this connection, by their path with dots, that a filter before this one has set or this one is to find. */
  readonly properties?: Readonly<Record<string, TestProperty>>
}

/**
 * `open`: bytes go through; `paused`: the filter holds it, or bytes of it; `closed`: the filter has closed it; `ended`: both
 * sides have ended it; `failed`: it was broken off with an error.
 */
export type ConnectionOutcome = 'open' | 'paused' | 'closed' | 'ended' | 'failed'

/** Where the filter holds a connection. */
export type HeldIn = 'new connection' | 'downstream data' | 'upstream data'

const empty = new Uint8Array(0)
/** @internal What is said where it does not matter what. */
export const line: Buffer = Buffer.from('meshwright-inspect\r\n')
const noEndpoint = { connect: 'MESH_CONNECT_FAILED', timeout: 'MESH_CONNECT_TIMEOUT' } as const

export class TestConnection {
  readonly #filter: WasmNetworkFilter
  readonly #settled: () => Promise<void>
  readonly #asked: TestClient
  readonly #connection: TcpConnection
  readonly #fromClient: TestWay
  readonly #fromEndpoint: TestWay
  #joined = false
  #outcome: 'closed' | 'ended' | 'failed' | undefined = undefined

  /** @internal */
  constructor(filter: WasmNetworkFilter, asked: TestClient, settled: () => Promise<void>) {
    this.#filter = filter
    this.#asked = asked
    this.#settled = settled
    const pass = (_filter: unknown, from: DataFrom, bytes: Uint8Array): void => this.#way(from).pass(bytes)
    this.#connection = new TcpConnection(exchangeOf(asked), { pass, close: () => this.#over('closed') })
    keep(this.#connection.exchange, asked.properties ?? {})
    this.#fromClient = this.#wayOf('client', filter.onDownstreamData)
    this.#fromEndpoint = this.#wayOf('endpoint', filter.onUpstreamData)
  }

  get outcome(): ConnectionOutcome {
    return this.#outcome ?? (this.pausedIn === undefined ? 'open' : 'paused')
  }

  /** Where the filter holds it; undefined: nowhere. */
  get pausedIn(): HeldIn | undefined {
    if (this.#outcome !== undefined) return undefined
    if (!this.#joined) return 'new connection'
    if (this.#filter.holds(this.#connection, 'client')) return 'downstream data'
    return this.#filter.holds(this.#connection, 'endpoint') ? 'upstream data' : undefined
  }

  /** What has gone on to the endpoint. */
  get sent(): PassedBytes {
    return this.#fromClient.passed
  }

  /** What the client has got. */
  get received(): PassedBytes {
    return this.#fromEndpoint.passed
  }

  /** Why it failed. @throws Error if it has not */
  get error(): MeshError {
    const { error } = this.#connection
    if (error === undefined) throw new Error(`the connection has not failed: it is ${this.outcome}`)
    return error
  }

  /** What filters have kept with this connection by `proxy_set_property`; undefined: nothing under this path. */
  property(path: string): Buffer | undefined {
    return this.#connection.exchange.state.wasmProperties?.get(path)
  }

  /** The client sends something; a list comes chunk by chunk. While the filter holds the new connection, nobody reads it. @throws Error if the client has ended its side, or all is over */
  async clientSends(bytes: TestBody): Promise<this> {
    return this.#sends('client', bytes)
  }

  /** The client ends its side, and still hears the rest. @throws as {@link clientSends} */
  async clientEnds(): Promise<this> {
    this.#check('client')
    this.#fromClient.enter(empty, true)
    return this.#rest()
  }

  /** The client is gone all at once. @throws Error if all is over */
  async clientResets(): Promise<this> {
    this.#checkOpen()
    this.#fail(new MeshError('MESH_CLIENT_CLOSED', 'ECONNRESET'))
    this.#connection.closedByClient = true
    return this.#rest()
  }

  /** The endpoint sends something; a list comes chunk by chunk. @throws Error if it is not connected, has ended its side, or all is over */
  async endpointSends(bytes: TestBody): Promise<this> {
    return this.#sends('endpoint', bytes)
  }

  /** The endpoint ends its side. @throws as {@link endpointSends} */
  async endpointEnds(): Promise<this> {
    this.#check('endpoint')
    this.#fromEndpoint.enter(empty, true)
    return this.#rest()
  }

  /** The endpoint breaks the connection. @throws as {@link endpointSends} */
  async endpointResets(): Promise<this> {
    this.#check('endpoint')
    this.#fail(new MeshError('MESH_UPSTREAM_CLOSED', 'ECONNRESET'))
    return this.#rest()
  }

  /** @internal The client connects. */
  async begin(): Promise<this> {
    void this.#begin()
    return this.#rest()
  }

  async #begin(): Promise<void> {
    try {
      const held = this.#filter.onNewConnection(this.#connection)
      if (held !== undefined) await held
    } catch (thrown) {
      return this.#fail(thrown)
    }
    if (this.#outcome === undefined) this.#connect()
  }

  #connect(): void {
    const { endpoint = '127.0.0.1:9001' } = this.#asked
    const { exchange } = this.#connection
    exchange.attempt = 1
    exchange.attemptMs = performance.now()
    if (typeof endpoint !== 'string') {
      exchange.error = new MeshError(noEndpoint[endpoint.error])
      return this.#fail(exchange.error)
    }
    const place = parseAddress(endpoint)
    exchange.endpoint = new Endpoint(place)
    exchange.sent = true
    exchange.headersMs = performance.now()
    exchange.response = new Response(200, '', new Headers())
    this.#connection.upstream = { remotePort: place.port }
    this.#joined = true
    this.#fromEndpoint.open()
    this.#fromClient.open()
  }

  #wayOf(from: DataFrom, onData: WasmNetworkFilter['onDownstreamData']): TestWay {
    const { exchange } = this.#connection
    return new TestWay({
      ask: (chunk, last) => {
        if (from === 'client') this.#read(chunk, last)
        return onData?.(this.#connection, chunk, last)
      },
      left: (bytes, last) => {
        if (from === 'endpoint') exchange.responseBytes += bytes
        if (last) this.#ended(from)
      },
      failed: (thrown) => this.#fail(thrown),
    })
  }

  #read(chunk: Uint8Array, last: boolean): void {
    this.#connection.exchange.requestBytes += chunk.byteLength
    // The last one to end it has closed it.
    this.#connection.closedByClient ||= last
  }

  #way(from: DataFrom): TestWay {
    return from === 'client' ? this.#fromClient : this.#fromEndpoint
  }

  async #sends(from: DataFrom, bytes: TestBody): Promise<this> {
    this.#check(from)
    for (const chunk of chunksOf(bytes)) if (chunk.byteLength > 0) this.#way(from).enter(chunk, false)
    return this.#rest()
  }

  #check(from: DataFrom): void {
    this.#checkOpen()
    if (from === 'endpoint' && !this.#joined) throw new Error('no endpoint is connected: the filter holds the new connection')
    if (this.#way(from).ended) throw new Error(`the ${from} has ended its side`)
  }

  #checkOpen(): void {
    if (this.#outcome !== undefined) throw new Error(`the connection is over: ${this.#outcome}`)
  }

  /** An end has reached the other side. */
  #ended(from: DataFrom): void {
    if (from === 'endpoint') this.#connection.closedByClient = false
    if (this.sent.ended && this.received.ended) this.#over('ended')
  }

  #fail(thrown: unknown): void {
    if (this.#outcome !== undefined) return
    this.#connection.error = thrown instanceof MeshError ? thrown : new MeshError('MESH_FILTER_FAILED', String(thrown), thrown)
    this.#over('failed')
  }

  #over(outcome: 'closed' | 'ended' | 'failed'): void {
    if (this.#outcome !== undefined) return
    this.#outcome = outcome
    const connection = this.#connection
    if (outcome !== 'ended') connection.closedByClient = false
    this.#fromClient.stop()
    this.#fromEndpoint.stop()
    // As in a mesh, where sockets are closed a little later: never inside of the guest.
    queueMicrotask(() => {
      connection.exchange.endedMs = performance.now()
      this.#filter.onEnd(connection)
    })
  }

  async #rest(): Promise<this> {
    await this.#settled()
    return this
  }
}

/** @internal Takes a connection through a filter that says one line each way, and nothing else. */
export function passConnection(filter: WasmNetworkFilter, connection: TcpConnection): void {
  if (filter.onNewConnection(connection) === undefined) {
    void filter.onDownstreamData?.(connection, line, false)
    void filter.onUpstreamData?.(connection, line, false)
    void filter.onDownstreamData?.(connection, empty, true)
    void filter.onUpstreamData?.(connection, empty, true)
  }
  filter.onEnd(connection)
}

/** @internal One that nobody listens to. */
export function loneConnection(): TcpConnection {
  return new TcpConnection(exchangeOf({}), { pass() {}, close() {} })
}

/** How a connection is seen by what is made for requests. */
function exchangeOf({ client = '127.0.0.1:50000', listener = '127.0.0.1:9000', serverName }: TestClient): Exchange {
  const from = parseAddress(client)
  const to = parseAddress(listener)
  const request = new Request({
    method: 'CONNECT',
    path: '/',
    query: '',
    hasQuery: false,
    authority: '',
    scheme: 'http',
    headers: new Headers(),
    version: '1.1',
    peerAddress: from.host,
    clientAddress: from.host,
    connection: { remotePort: from.port, localAddress: to.host, localPort: to.port, servername: serverName },
    id: '',
    upgrade: undefined,
    expectContinue: false,
  })
  return new Exchange(request, undefined, undefined, 'test', performance.now())
}
