// The life of a TCP connection: filters, an endpoint, bytes both ways, and an end.
import type { Socket } from 'node:net'
import { isPromise } from '../chain.ts'
import { Timed, type Wait } from '../deadlines.ts'
import type { Endpoint } from '../endpoint.ts'
import { MeshError, messageOf, toMeshError } from '../errors.ts'
import { Exchange, Request, Response } from '../exchange.ts'
import { Headers } from '../headers.ts'
import type { PeerCertificate } from '../identity/peer-certificate.ts'
import type { NetworkFilter } from '../questions.ts'
import { connectTo } from '../transport/connect-to.ts'
import { tlsError } from '../transport/http1/upstream-tls.ts'
import { toUpstreamError } from '../transport/upstream-error.ts'
import { DataPipe, type PipeHost } from './data-pipe.ts'
import { endpointPlaces, placesOf } from './places.ts'
import { reset } from '../reset.ts'
import { TcpConnection, type ConnectionSteering, type DataFrom } from './tcp-connection.ts'
import type { TcpRoute } from './tcp-route.ts'
import type { TcpHost, TcpSettings } from './tcp-listener.ts'

/** A client that is there. */
export interface TcpClient {
  readonly socket: Socket
  /** Verified; undefined: it has shown none, or was not asked for one. */
  readonly peer: PeerCertificate | undefined
  /** Breaks the connection, so that nobody takes it for ended. */
  reset(): void
}

/** How long a client may take to end its side of a connection that was closed in peace. Milliseconds. */
const lingerMs = 1_000

/**
 * 1. The filters see the new connection; nothing is read and no endpoint is chosen until all of them have let it pass.
 * 2. An endpoint is chosen, admitted and connected to.
 * 3. Bytes go both ways, and so does the end of each way.
 * 4. When both sockets are closed everybody is told, once. What goes wrong breaks both: nobody is to take a part for the whole.
 */
export class TcpProxy extends Timed implements PipeHost, ConnectionSteering {
  readonly connection: TcpConnection
  readonly #exchange: Exchange
  readonly #client: TcpClient
  readonly #route: TcpRoute
  readonly #settings: TcpSettings
  readonly #host: TcpHost
  readonly #completed: (connection: TcpConnection) => void
  #upstream: Socket | undefined = undefined
  #fromClient: DataPipe | undefined = undefined
  #fromEndpoint: DataPipe | undefined = undefined
  #admitted = false
  /** The endpoint has taken the connection; with TLS its handshake is still to come. */
  #reached = false
  #connected = false
  #clientOpen = true
  #upstreamOpen = false
  /** When filters have promised the answers that are not there yet; the oldest first. */
  readonly #promises: number[] = []
  /** It ends, well or badly: nothing is begun any more. */
  #ending = false

  /** @param completed called once, when all is over */
  constructor(client: TcpClient, route: TcpRoute, settings: TcpSettings, host: TcpHost, completed: (connection: TcpConnection) => void) {
    super(host.deadlines)
    this.#client = client
    this.#route = route
    this.#settings = settings
    this.#host = host
    this.#completed = completed
    this.#exchange = exchangeOf(client, settings, route.chain.filters.length > 0)
    this.#exchange.service = route.service
    this.connection = new TcpConnection(this.#exchange, this)
  }

  start(): void {
    this.#host.deadlines.add(this)
    this.#watchClient(this.#client.socket)
    const verdict = this.#route.chain.begin(this.connection, () => this.#ending)
    if (!isPromise(verdict)) return this.#begun(verdict)
    const nowMs = performance.now()
    this.promised(nowMs)
    verdict.then(
      (error) => {
        this.answered(nowMs)
        this.#begun(error)
      },
      (thrown: unknown) => this.fail(toMeshError(thrown, 'MESH_INTERNAL', 'a new connection')),
    )
  }

  /** Cuts everything at once: the mesh is going down. */
  kill(error: MeshError): void {
    this.fail(error)
    this.#break()
  }

  override timedOut(wait: Wait): void {
    // It was closed in peace, and the client does not read to the end, or does not end its side.
    if (this.#ending) this.#break()
    else this.fail(new MeshError(wait === 'client' ? this.clientCode : this.endpointCode))
  }

  // -- PipeHost

  received(from: DataFrom, bytes: number): void {
    if (from === 'client') this.#exchange.requestBytes += bytes
    this.#touch()
  }

  sent(from: DataFrom, bytes: number): void {
    if (from === 'endpoint') this.#exchange.responseBytes += bytes
    this.#touch()
  }

  promised(atMs: number): void {
    this.#promises.push(atMs)
    this.#waitForFilters()
  }

  answered(promisedAtMs: number): void {
    this.#promises.splice(this.#promises.indexOf(promisedAtMs), 1)
    this.#waitForFilters()
  }

  fail(error: MeshError): void {
    if (!this.#stop()) return
    this.connection.error = error
    this.#break()
  }

  // -- ConnectionSteering

  pass(filter: NetworkFilter, from: DataFrom, bytes: Uint8Array): void {
    if (from === 'client') this.#fromClient?.pass(filter, bytes)
    else this.#fromEndpoint?.pass(filter, bytes)
  }

  close(): void {
    if (!this.#stop()) return
    const { socket } = this.#client
    this.#upstream?.destroy()
    socket.resume()
    socket.end(() => this.lastUntil(performance.now() + lingerMs, 'MESH_CLIENT_CLOSED'))
  }

  // -- private

  /** As long as for the one that has thought for longest: one that answers at once does not make it younger. */
  #waitForFilters(): void {
    const [oldestMs] = this.#promises
    if (oldestMs === undefined || this.#ending) this.endpointAtMs = Infinity
    else this.waitForEndpoint(this.#settings.filterMs, 'MESH_FILTER_TIMEOUT', oldestMs)
  }

  /** Answers false if it has been stopped before. */
  #stop(): boolean {
    if (this.#ending) return false
    this.#ending = true
    this.connection.closedByClient = false
    this.endpointAtMs = Infinity
    this.#fromClient?.stop()
    this.#fromEndpoint?.stop()
    return true
  }

  #break(): void {
    this.#client.reset()
    const upstream = this.#upstream
    // What is being connected would be reset only when it is connected; TLS has no reset.
    if (upstream === undefined) return
    if (this.#connected && this.#route.tls === undefined) reset(upstream, upstream)
    else upstream.destroy()
  }

  #watchClient(socket: Socket): void {
    const { connection } = this
    // The last one to end it has closed it.
    socket.on('end', () => void (connection.closedByClient ||= !this.#ending))
    socket.on('finish', () => void (connection.closedByClient = false))
    socket.on('error', (error: NodeJS.ErrnoException) => this.#clientLost(error))
    socket.on('close', () => {
      this.#clientOpen = false
      if (this.#upstreamOpen && !isDone(socket)) this.#clientLost()
      this.#closed()
    })
  }

  #clientLost(cause?: NodeJS.ErrnoException): void {
    if (this.#ending) return
    this.fail(new MeshError('MESH_CLIENT_CLOSED', cause?.code, cause))
    this.connection.closedByClient = true
  }

  #begun(error: MeshError | undefined): void {
    if (this.#ending) return
    if (error !== undefined) return this.fail(error)
    const { service } = this.#route
    const exchange = this.#exchange
    exchange.attempt = 1
    const endpoint = service.pick(exchange)
    if (endpoint instanceof MeshError) return this.fail(endpoint)
    exchange.endpoint = endpoint
    const refused = service.admit(exchange)
    if (refused !== undefined) return this.fail(refused)
    this.#admitted = true
    exchange.attemptMs = performance.now()
    this.#connect(endpoint)
  }

  #connect(endpoint: Endpoint): void {
    const { tls, service } = this.#route
    let upstream: Socket
    try {
      upstream = connectTo(endpoint, tls, [])
    } catch (thrown) {
      return this.#notConnected(new MeshError('MESH_CONNECT_FAILED', messageOf(thrown), thrown))
    }
    this.#upstream = upstream
    this.#upstreamOpen = true
    // Whoever has said all it has to say may still want to hear the rest.
    upstream.allowHalfOpen = true
    this.waitForEndpoint(service.timeouts.connectMs, 'MESH_CONNECT_TIMEOUT')
    upstream.once('connect', () => void (this.#reached = true))
    upstream.once(tls === undefined ? 'connect' : 'secureConnect', () => this.#join(upstream))
    upstream.on('error', (error: NodeJS.ErrnoException) => this.#upstreamLost(error))
    upstream.on('close', () => {
      this.#upstreamOpen = false
      if (this.#clientOpen && !isDone(upstream)) this.#upstreamLost(undefined)
      this.#closed()
    })
  }

  #upstreamLost(cause: NodeJS.ErrnoException | undefined): void {
    if (this.#ending) return
    if (this.#connected) return this.fail(new MeshError('MESH_UPSTREAM_CLOSED', cause?.code, cause))
    const error = cause ?? new Error('closed before it was connected')
    this.#notConnected(this.#reached && this.#route.tls !== undefined ? tlsError(error) : toUpstreamError(error, false, false))
  }

  #notConnected(error: MeshError): void {
    this.#exchange.error = error
    this.fail(error)
  }

  #join(upstream: Socket): void {
    if (this.#ending) return
    const { chain, service } = this.#route
    const { socket } = this.#client
    const exchange = this.#exchange
    this.#connected = true
    this.endpointAtMs = Infinity
    exchange.sent = true
    exchange.headersMs = performance.now()
    exchange.response = new Response(200, '', new Headers())
    if (exchange.endpoint !== undefined) this.connection.upstream = endpointPlaces(upstream, chain.filters.length > 0, exchange.endpoint, this.#route.shown)
    // That it can be connected to is all that is asked of an endpoint on probation: this connection may last for hours.
    const { endpoint } = exchange
    if (endpoint?.probe === exchange) service.endpoints.probed(endpoint, true)
    this.#touch()
    this.#fromClient = new DataPipe('client', socket, upstream, chain.downstream, this)
    this.#fromEndpoint = new DataPipe('endpoint', upstream, socket, chain.upstream, this)
    this.#fromEndpoint.start()
    this.#fromClient.start()
  }

  #touch(): void {
    this.waitForClient(this.#settings.idleMs, 'MESH_TUNNEL_IDLE_TIMEOUT')
  }

  /** Both are closed: it is over. */
  #closed(): void {
    if (this.#clientOpen || this.#upstreamOpen) return
    const { service, chain } = this.#route
    const failed = (error: MeshError): void => this.#host.pluginFailed(error)
    this.#ending = true
    this.#host.deadlines.remove(this)
    this.#exchange.endedMs = performance.now()
    const broken = this.#admitted ? service.attemptEnded(this.#exchange, { sent: this.#connected }) : undefined
    if (broken !== undefined) failed(broken)
    chain.end(this.connection, failed)
    this.#completed(this.connection)
  }
}

/** Both ways have come to their end. */
function isDone(socket: Socket): boolean {
  return socket.readableEnded && socket.writableFinished
}

/** How a service sees a connection: as a request without any fields. */
function exchangeOf({ socket, peer }: TcpClient, { name, secure }: TcpSettings, asked: boolean): Exchange {
  const address = socket.remoteAddress ?? ''
  const request = new Request({
    method: 'CONNECT',
    path: '/',
    query: '',
    hasQuery: false,
    authority: '',
    scheme: secure ? 'https' : 'http',
    headers: new Headers(),
    version: '1.1',
    peerAddress: address,
    peerCertificate: peer,
    connection: placesOf(socket, asked),
    clientAddress: address,
    id: '',
    upgrade: undefined,
    expectContinue: false,
  })
  return new Exchange(request, undefined, undefined, name, performance.now())
}
