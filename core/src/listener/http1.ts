// The HTTP/1.1 listener: node:http's parser in front, our path of bytes behind, Fastify for what no route matches.
import { createServer, ServerResponse, type IncomingMessage, type RequestListener, type Server, type ServerOptions } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { MeshError, toMeshError } from '../errors.ts'
import { Exchange } from '../exchange.ts'
import { compileTrust } from '../forwarded.ts'
import { proxy } from '../proxy.ts'
import { Relay } from '../relay.ts'
import type { RelayHost } from '../relay-host.ts'
import { reply } from '../reply.ts'
import { RequestBody } from '../request-body.ts'
import type { Route } from '../route/route.ts'
import type { Snapshot } from '../snapshot.ts'
import type { ListenerLimits, ListenerSpec, ListenerTimeouts } from '../spec.ts'
import { http1BodySource } from './body-source.ts'
import { Connections } from './connections.ts'
import { Http1Downstream } from './http1-downstream.ts'
import { takeIn, type Intake, type IntakePolicy } from './intake.ts'
import { TlsFront, tlsSettings, type TlsSettings } from './tls.ts'
import { forwardedClientCert, xfccPolicy } from './xfcc.ts'

export type { Server }

/** What a listener needs of the mesh it belongs to. */
export interface ListenerHost extends RelayHost {
  readonly snapshot: Snapshot
  /** Tells apart this mesh from every other one, in Via. */
  readonly pseudonym: string
  readonly draining: boolean
  /** A connection was ended here, outside of any exchange: broken, too many, idle for too long. */
  connectionEnded(listener: string, error: MeshError): void
  /** Connections were opened (1) or have closed (-1). */
  connections(listener: string, change: number): void
}

/** The defaults of {@link ListenerTimeouts}. */
export const defaultListenerTimeouts: Required<ListenerTimeouts> = {
  requestHeadersMs: 10_000,
  requestBodyIdleMs: 30_000,
  responseStallMs: 60_000,
  tlsHandshakeMs: 10_000,
  keepAliveMs: 60_000,
  filterMs: 30_000,
  tunnelIdleMs: 3_600_000,
}

/** The defaults of {@link ListenerLimits}. */
export const defaultListenerLimits: Required<ListenerLimits> = {
  headBytes: 65_536,
  headerCount: 200,
  urlLength: 8_192,
  bodyBytes: 0,
  connections: 10_000,
  requestsPerConnection: 10_000,
}

/** A listener's options with every default filled in. */
export interface ListenerSettings {
  readonly name: string
  readonly timeouts: Required<ListenerTimeouts>
  readonly limits: Required<ListenerLimits>
  readonly unrouted: 'host' | 'reply'
  readonly intake: IntakePolicy
  /** Undefined: it speaks plain HTTP. */
  readonly tls: TlsSettings | undefined
}

export function listenerSettings(spec: Partial<ListenerSpec>, host: { readonly pseudonym: string }): ListenerSettings {
  const limits = { ...defaultListenerLimits, ...spec.limits }
  return {
    name: spec.name ?? spec.address ?? 'default',
    timeouts: { ...defaultListenerTimeouts, ...spec.timeouts },
    limits,
    unrouted: spec.unrouted ?? 'host',
    intake: {
      path: { normalize: true, mergeSlashes: true, escapedSlashes: 'reject', ...spec.path },
      underscores: spec.underscores ?? 'allow',
      headerCount: limits.headerCount,
      urlLength: limits.urlLength,
      trust: compileTrust(spec.trustedHops),
      secure: spec.identity !== undefined,
      xfcc: xfccPolicy(spec.forwardClientCertificate),
      pseudonym: host.pseudonym,
    },
    tls: tlsSettings(spec),
  }
}

/** A server, and what may be changed about it while it serves. */
export interface Http1Server {
  readonly server: Server
  /** Where keys are put to use; undefined: it speaks plain HTTP. */
  readonly tls: TlsFront | undefined
  /** New settings for the next connection and the next request; whether it speaks TLS stays as it is. */
  replace(settings: ListenerSettings): void
  /** From now on each response is the last on its connection. */
  leave(): void
  /** Ends every connection now. */
  cut(): void
}

/**
 * Makes the server of a listener. It is not listening yet.
 * @param fallback answers what no route matches, when the listener leaves that to the host
 */
export function createHttp1Server(settings: ListenerSettings, host: ListenerHost, fallback: RequestListener): Http1Server {
  const options: ServerOptions = {
    // Bodies have an idle timeout of their own: a large upload may take as long as it moves.
    requestTimeout: 0,
    // A head that is late is noticed within this time of its deadline.
    connectionsCheckingInterval: 500,
    noDelay: true,
    // We look at every Host field ourselves; Node looks only for the absence of one.
    requireHostHeader: false,
    insecureHTTPParser: false,
    shouldUpgradeCallback: mayUpgrade,
  }
  const tls = settings.tls === undefined ? undefined : new TlsFront(settings.tls, settings.timeouts.tlsHandshakeMs, options)
  const server = tls?.server ?? createServer(options)
  const listener = new Http1Listener(settings, host, fallback)
  setLimits(server, settings)
  serve(server, listener)
  if (tls !== undefined) serveSecurely(tls, listener)
  return {
    server,
    tls,
    replace(next) {
      if (next.tls !== undefined) tls?.replace(next.tls)
      listener.replace(next)
      setLimits(server, next)
    },
    leave: () => listener.leave(),
    cut: () => listener.cut(),
  }
}

/** What Node looks up for each new connection or head. */
function setLimits(server: Server, { timeouts, limits }: ListenerSettings): void {
  ;(server as Server & { maxHeaderSize: number }).maxHeaderSize = limits.headBytes
  server.headersTimeout = timeouts.requestHeadersMs
  server.keepAliveTimeout = timeouts.keepAliveMs
  // 0: as many as fit into the head. We count ourselves: depending on its version Node drops the excess without a word.
  server.maxHeadersCount = 0
}

function serve(server: Server, listener: Http1Listener): void {
  // A client that has sent everything may close its side and still wants the answer.
  ;(server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true
  server.on('connection', (socket: Socket) => listener.connected(socket))
  for (const event of ['request', 'checkContinue', 'checkExpectation']) {
    server.on(event, (message: IncomingMessage, response: ServerResponse) => listener.guard(message.socket, () => listener.request(message, response)))
  }
  server.on('connect', (message, socket: Duplex) => listener.guard(socket, () => listener.connect(message, socket)))
  server.on('upgrade', (message, socket: Duplex, head: Buffer) => {
    listener.guard(socket, () => listener.upgrade(message, socket, head, server.listenerCount('upgrade') > 1))
  })
  // The only timeout that Node sets on a connection by itself is the one of keep-alive.
  server.on('timeout', (socket: Socket) => listener.idle(socket))
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => listener.clientError(error, socket))
}

/** Connections reach HTTP only when the handshake is over and the client may stay. */
function serveSecurely(tls: TlsFront, listener: Http1Listener): void {
  const { server } = tls
  const [begin] = server.listeners('secureConnection') as [(this: Server, socket: TLSSocket) => void]
  server.removeAllListeners('secureConnection')
  server.on('secureConnection', (socket: TLSSocket) => {
    if (listener.secured(socket, tls)) begin.call(server, socket)
  })
  // Node would take these for broken requests.
  server.removeAllListeners('tlsClientError')
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => listener.notSecured(error, socket))
}

/**
 * Is it an upgrade we may carry? One without a body, to a protocol other than HTTP itself: bytes behind a body could be
 * taken for another request, and h2c would escape the chain. Everything else is an ordinary request (RFC 9110 §7.8).
 */
function mayUpgrade(message: IncomingMessage): boolean {
  if (message.method === 'CONNECT') return true
  if (message.httpVersionMajor !== 1 || message.httpVersionMinor !== 1) return false
  let protocol: string | undefined
  for (let i = 0; i < message.rawHeaders.length; i += 2) {
    const name = (message.rawHeaders[i] as string).toLowerCase()
    if (name === 'content-length' || name === 'transfer-encoding') return false
    if (name !== 'upgrade') continue
    if (protocol !== undefined) return false
    protocol = (message.rawHeaders[i + 1] as string).trim().toLowerCase()
  }
  return protocol !== undefined && protocolName.test(protocol) && !otherHttp.test(protocol)
}

const protocolName = /^[!#$%&'*+\-.^_`|~0-9a-z]+(?:\/[!#$%&'*+\-.^_`|~0-9a-z]+)?$/
const otherHttp = /^(?:h2c?$|http\/)/

/** What happens on the connections of one listener. */
class Http1Listener {
  settings: ListenerSettings
  readonly #host: ListenerHost
  readonly #fallback: RequestListener
  readonly #connections: Connections

  constructor(settings: ListenerSettings, host: ListenerHost, fallback: RequestListener) {
    this.settings = settings
    this.#host = host
    this.#fallback = fallback
    this.#connections = new Connections(settings, host)
  }

  replace(settings: ListenerSettings): void {
    this.settings = settings
    this.#connections.settings = settings
  }

  leave(): void {
    this.#connections.leaving = true
  }

  cut(): void {
    this.#connections.cut()
  }

  connected(socket: Socket): void {
    this.#connections.add(socket)
  }

  /** The handshake is over. @returns whether requests may come */
  secured(socket: TLSSocket, tls: TlsFront): boolean {
    const { peer, refused } = tls.admit(socket)
    if (refused !== undefined) {
      this.#connections.ended(new MeshError('MESH_TLS_HANDSHAKE_FAILED', refused))
      socket.on('error', () => socket.destroy())
      socket.destroy()
      return false
    }
    // Not before: a client that goes away during the handshake would stay until the end of its time.
    socket.allowHalfOpen = true
    this.#connections.secured(socket, peer === undefined ? undefined : { peer, own: () => socket.getX509Certificate() })
    return true
  }

  notSecured(error: NodeJS.ErrnoException, socket: TLSSocket): void {
    this.#connections.ended(toHandshakeError(error, socket))
    socket.on('error', () => socket.destroy())
    socket.destroy()
  }

  /** A mistake of our own ends the connection that met it, and nothing else. */
  guard(socket: Duplex, run: () => void): void {
    try {
      run()
    } catch (thrown) {
      this.#host.pluginFailed(toMeshError(thrown, 'MESH_INTERNAL', `listener "${this.settings.name}"`))
      socket.destroy()
    }
  }

  request(message: IncomingMessage, response: ServerResponse): void {
    const startedMs = performance.now()
    const connection = this.#connections.of(message.socket)
    // What comes behind a breach, or behind the last request, is not executed; the answer before it closes the connection.
    if (connection.spent()) return
    connection.last = { message, response }
    const intake = takeIn(message, this.settings.intake, connection.client)
    const route = intake.error === undefined ? this.#host.snapshot.match(intake.request) : undefined
    if (route === undefined && this.settings.unrouted === 'host' && mayBeLeftToHost(intake)) {
      this.#leaveToHost(message, response)
      return
    }
    if (intake.error !== undefined) connection.broken = true
    this.#begin(message, intake, route, new Http1Downstream(response, connection), startedMs)
  }

  upgrade(message: IncomingMessage, socket: Duplex, head: Buffer, othersListen: boolean): void {
    const startedMs = performance.now()
    // The parser has let go of the socket, and its error listener with it.
    socket.on('error', () => socket.destroy())
    const connection = this.#connections.of(message.socket)
    const { answering } = connection
    if (connection.spent() || answering !== undefined) {
      // What follows a breach is not executed, and bytes of a new protocol cannot overtake an answer that is on its way.
      connection.broken = true
      if (answering === undefined) socket.destroy()
      else answering.once('close', () => socket.destroy())
      return
    }
    const intake = takeIn(message, this.settings.intake, connection.client, message.method !== 'CONNECT')
    const route = intake.error === undefined ? this.#host.snapshot.match(intake.request) : undefined
    if (route === undefined && this.settings.unrouted === 'host' && othersListen) return
    const response = new ServerResponse(message)
    response.shouldKeepAlive = false
    response.assignSocket(socket as Socket)
    response.on('finish', () => socket.end())
    const downstream = new Http1Downstream(response, connection, head)
    downstream.closeAfter()
    this.#begin(message, intake, route, downstream, startedMs)
  }

  /** CONNECT would make this a forward proxy. */
  connect(message: IncomingMessage, socket: Duplex): void {
    this.upgrade(message, socket, Buffer.alloc(0), false)
  }

  idle(socket: Socket): void {
    this.#host.connectionEnded(this.settings.name, new MeshError('MESH_KEEP_ALIVE_TIMEOUT'))
    socket.destroy()
  }

  clientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    this.#connections.clientError(toClientError(error, this.settings), socket as Socket)
  }

  #begin(message: IncomingMessage, intake: Intake, route: Route | undefined, downstream: Http1Downstream, startedMs: number): void {
    const { settings } = this
    const host = this.#host
    const body = intake.hasBody ? this.#body(message, intake, downstream) : undefined
    const exchange = new Exchange(intake.request, body, route, settings.name, startedMs)
    const relay = new Relay(exchange, route?.chain ?? host.snapshot.unroutedChain, downstream, settings.timeouts, host)
    if (intake.error !== undefined) relay.fail(intake.error)
    else if (intake.lastHop) relay.answer(reply(204))
    else if (route === undefined) relay.fail(new MeshError('MESH_NO_ROUTE'))
    else proxy(relay)
  }

  #body(message: IncomingMessage, intake: Intake, downstream: Http1Downstream): RequestBody {
    // Until its 100 the client may not send the body, and nobody can tell when it would: the connection is spent then.
    if (intake.request.expectContinue) downstream.expectBody()
    const connection = this.#connections.of(message.socket)
    const source = http1BodySource(message, this.settings.limits.headerCount, () => downstream.bodyOpened())
    const body = new RequestBody(source, intake.contentLength, this.settings.limits.bodyBytes)
    connection.current = body
    return body
  }

  /** What the host's own routes see of X-Forwarded-Client-Cert is what an endpoint would see. */
  #sanitize(message: IncomingMessage): void {
    const { headers } = message
    const incoming = headers['x-forwarded-client-cert']
    const { client } = this.#connections.of(message.socket)
    if (incoming === undefined && client === undefined) return
    const value = forwardedClientCert(this.settings.intake.xfcc, incoming === undefined ? undefined : [incoming].flat().join(','), client)
    delete headers['x-forwarded-client-cert']
    if (value !== undefined) headers['x-forwarded-client-cert'] = value
  }

  #leaveToHost(message: IncomingMessage, response: ServerResponse): void {
    if (message.headers.expect?.toLowerCase() === '100-continue') response.writeContinue()
    if (this.#connections.draining) response.setHeader('connection', 'close')
    this.#sanitize(message)
    this.#fallback(message, response)
  }
}

function toHandshakeError(error: NodeJS.ErrnoException, socket: TLSSocket): MeshError {
  if (error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return new MeshError('MESH_TLS_HANDSHAKE_TIMEOUT', undefined, error)
  const unauthorized = socket.authorizationError as unknown
  const reason = typeof unauthorized === 'string' ? `client certificate: ${unauthorized}` : error.code === 'ERR_SSL_HTTP_REQUEST' ? 'plain HTTP' : error.code
  return new MeshError('MESH_TLS_HANDSHAKE_FAILED', reason, error)
}

/** Framing and head are checked for everybody; a path that no route may have can still be one of the host's own. */
function mayBeLeftToHost(intake: Intake): boolean {
  return intake.error === undefined || intake.error.code === 'MESH_BAD_PATH'
}

function toClientError(error: NodeJS.ErrnoException, settings: ListenerSettings): MeshError {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return new MeshError('MESH_HEAD_TOO_LARGE', `more than ${settings.limits.headBytes} bytes`, error)
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new MeshError('MESH_REQUEST_HEADERS_TIMEOUT', undefined, error)
    case 'HPE_INVALID_TRANSFER_ENCODING':
    case 'HPE_INVALID_CONTENT_LENGTH':
    case 'HPE_UNEXPECTED_CONTENT_LENGTH':
    case 'HPE_INVALID_CHUNK_SIZE':
      return new MeshError('MESH_BAD_FRAMING', error.code, error)
    case 'HPE_INVALID_VERSION':
      return new MeshError('MESH_BAD_VERSION', undefined, error)
    case 'ECONNRESET':
    case 'EPIPE':
      return new MeshError('MESH_CLIENT_CLOSED', undefined, error)
    default:
      // What is broken below HTTP cannot be answered in HTTP.
      if (error.code?.startsWith('ERR_SSL_') === true) return new MeshError('MESH_CLIENT_CLOSED', error.code, error)
      return new MeshError('MESH_BAD_REQUEST', error.code, error)
  }
}
