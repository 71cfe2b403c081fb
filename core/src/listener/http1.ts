// The HTTP/1.1 listener: our own path of bytes for what is routed, node:http and Fastify behind it for what no route matches.
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { startAtEndOfTurn } from '../end-of-turn.ts'
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
import { Connections } from './connections.ts'
import { HostSocket } from './host-socket.ts'
import type { Http1Connection } from './http1-connection.ts'
import { takeIn, type Intake, type IntakePolicy } from './intake.ts'
import type { RequestHead } from './request-parser.ts'
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
  /** The end of a head that is not the last one on its connection. */
  readonly keepAliveText: string
  /** Undefined: it speaks plain HTTP. */
  readonly tls: TlsSettings | undefined
}

export function listenerSettings(spec: Partial<ListenerSpec>, host: { readonly pseudonym: string }): ListenerSettings {
  const limits = { ...defaultListenerLimits, ...spec.limits }
  const timeouts = { ...defaultListenerTimeouts, ...spec.timeouts }
  return {
    name: spec.name ?? spec.address ?? 'default',
    timeouts,
    limits,
    keepAliveText: keepAliveText(timeouts.keepAliveMs),
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

/** Clients are told how long they may count on the connection; those of HTTP/1.0 that it stays at all. */
function keepAliveText(keepAliveMs: number): string {
  const seconds = Math.floor(keepAliveMs / 1_000)
  return seconds < 1 ? 'connection: keep-alive\r\n\r\n' : `connection: keep-alive\r\nkeep-alive: timeout=${seconds}\r\n\r\n`
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
  /** Ends the connections that wait for another request. */
  closeIdle(): void
  /** Ends every connection now. */
  cut(): void
}

/**
 * Makes the server of a listener. It is not listening yet.
 * @param fallback answers what no route matches, when the listener leaves that to the host
 */
export function createHttp1Server(settings: ListenerSettings, host: ListenerHost, fallback: RequestListener): Http1Server {
  const options: ServerOptions = {
    // All of this is looked at before node:http sees a request.
    requestTimeout: 0,
    headersTimeout: 0,
    keepAliveTimeout: settings.timeouts.keepAliveMs,
    requireHostHeader: false,
    insecureHTTPParser: false,
    shouldUpgradeCallback: becomesUpgrade,
    noDelay: true,
  }
  const tls = settings.tls === undefined ? undefined : new TlsFront(settings.tls, settings.timeouts.tlsHandshakeMs, options)
  const server = tls?.server ?? createServer(options)
  const listener = new Http1Listener(settings, host, server, tls, fallback)
  return {
    server,
    tls,
    replace(next) {
      if (next.tls !== undefined) tls?.replace(next.tls)
      listener.replace(next)
    },
    leave: () => listener.leave(),
    closeIdle: () => listener.closeIdle(),
    cut: () => listener.cut(),
  }
}

/** Only what was found to be an upgrade here: behind anything else comes a body, or another request. */
function becomesUpgrade(message: IncomingMessage): boolean {
  const socket: unknown = message.socket
  return socket instanceof HostSocket && socket.upgrade()
}

/** node:http's own reading of a connection, taken off the server: from now on only what is left to the host app comes there. */
function takeOver(server: Server, event: 'connection' | 'secureConnection'): (socket: HostSocket) => void {
  const [read] = server.listeners(event) as [(this: Server, socket: unknown) => void]
  server.removeAllListeners(event)
  return (socket) => read.call(server, socket)
}

/** What happens on the connections of one listener. */
class Http1Listener {
  settings: ListenerSettings
  readonly #host: ListenerHost
  readonly #server: Server
  readonly #fallback: RequestListener
  readonly #connections: Connections
  readonly #leaveToNode: (socket: HostSocket) => void

  constructor(settings: ListenerSettings, host: ListenerHost, server: Server, tls: TlsFront | undefined, fallback: RequestListener) {
    this.settings = settings
    this.#host = host
    this.#server = server
    this.#fallback = fallback
    this.#connections = new Connections(settings, host, (head, text, connection) => this.#guard(connection, () => this.#request(head, text, connection)))
    this.#leaveToNode = settings.tls === undefined ? takeOver(server, 'connection') : takeOver(server, 'secureConnection')
    this.#setLimits()
    if (tls !== undefined) this.#serveSecurely(tls)
    server.on('connection', (socket: Socket) => this.#connections.add(socket))
    for (const event of ['request', 'checkContinue', 'checkExpectation']) {
      server.on(event, (message: IncomingMessage, response: ServerResponse) => this.#askHost(message, response))
    }
  }

  replace(settings: ListenerSettings): void {
    this.settings = settings
    this.#connections.settings = settings
    this.#setLimits()
  }

  leave(): void {
    this.#connections.leaving = true
  }

  closeIdle(): void {
    this.#connections.closeIdle()
  }

  cut(): void {
    this.#connections.cut()
  }

  /** Connections reach HTTP only when the handshake is over and the client may stay. */
  #serveSecurely(tls: TlsFront): void {
    this.#server.on('secureConnection', (socket: TLSSocket) => this.#secured(socket, tls))
    // Node would take these for broken requests.
    this.#server.removeAllListeners('tlsClientError')
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      this.#connections.ended(toHandshakeError(error, socket))
      socket.on('error', () => socket.destroy())
      socket.destroy()
    })
  }

  #secured(socket: TLSSocket, tls: TlsFront): void {
    const { peer, refused } = tls.admit(socket)
    if (refused !== undefined) {
      this.#connections.ended(new MeshError('MESH_TLS_HANDSHAKE_FAILED', refused))
      socket.on('error', () => socket.destroy())
      socket.destroy()
      return
    }
    // Not before: a client that goes away during the handshake would stay until the end of its time.
    socket.allowHalfOpen = true
    this.#connections.secured(socket, peer === undefined ? undefined : { peer, own: () => socket.getX509Certificate() })
  }

  /** What node:http looks up for each head: the same limits, so that it does not refuse what was let pass. */
  #setLimits(): void {
    const { limits, timeouts } = this.settings
    ;(this.#server as Server & { maxHeaderSize: number }).maxHeaderSize = limits.headBytes + 4
    this.#server.keepAliveTimeout = timeouts.keepAliveMs
    this.#server.maxHeadersCount = 0
  }

  /** A mistake of our own ends the connection that met it, and nothing else. */
  #guard(connection: Http1Connection, run: () => void): void {
    try {
      run()
    } catch (thrown) {
      this.#host.pluginFailed(toMeshError(thrown, 'MESH_INTERNAL', `listener "${this.settings.name}"`))
      connection.destroy()
    }
  }

  #request(head: RequestHead, text: string, connection: Http1Connection): void {
    const startedMs = performance.now()
    const { settings } = this
    const intake = takeIn(head, connection.socket, settings.intake, connection.client, true)
    const route = intake.error === undefined ? this.#host.snapshot.match(intake.request) : undefined
    if (route === undefined && settings.unrouted === 'host' && this.#hostTakes(intake)) this.#leaveToHost(intake, text, connection)
    else this.#begin(intake, route, connection, startedMs)
  }

  #begin(intake: Intake, route: Route | undefined, connection: Http1Connection, startedMs: number): void {
    const { settings } = this
    const { request, error } = intake
    const host = this.#host
    // What comes behind a request that was refused is not executed: nobody knows where it begins.
    const downstream = connection.begin(intake.keepAlive && error === undefined, request.version === '1.0', request.upgrade !== undefined)
    let body: RequestBody | undefined
    if (intake.hasBody && error === undefined) {
      // Until its 100 the client may not send the body, and nobody can tell when it would: the connection is spent then.
      if (request.expectContinue) downstream.expectBody()
      connection.expectBody(intake.contentLength)
      body = new RequestBody(connection, intake.contentLength, settings.limits.bodyBytes)
    }
    const exchange = new Exchange(request, body, route, settings.name, startedMs)
    const relay = new Relay(exchange, route?.chain ?? host.snapshot.unroutedChain, downstream, settings.timeouts, host)
    if (error !== undefined) relay.fail(error)
    else if (intake.lastHop) relay.answer(reply(204))
    else if (route === undefined) relay.fail(new MeshError('MESH_NO_ROUTE'))
    else if (body === undefined) startAtEndOfTurn(relay)
    // What of a body is here already need not be held then.
    else proxy(relay)
  }

  /** An upgrade only if it listens to them; framing and head are checked for everybody, but a path that no route may have can be one of its own. */
  #hostTakes({ error, request }: Intake): boolean {
    if (request.upgrade !== undefined && this.#server.listenerCount('upgrade') === 0) return false
    return error === undefined || error.code === 'MESH_BAD_PATH'
  }

  #leaveToHost(intake: Intake, text: string, connection: Http1Connection): void {
    if (intake.hasBody) connection.expectBody(intake.contentLength)
    connection.leaveToHost(text, { keepAlive: intake.keepAlive, chunked: intake.contentLength === undefined, upgrade: intake.request.upgrade !== undefined }, this.#leaveToNode)
  }

  /** node:http has read a request that was left to the host app. */
  #askHost(message: IncomingMessage, response: ServerResponse): void {
    const socket: unknown = message.socket
    if (socket instanceof HostSocket) {
      const { connection } = socket
      response.on('finish', () => {
        socket.answered()
        connection.answered(!response.shouldKeepAlive || socket.writableEnded)
      })
      if (connection.isLast()) response.setHeader('connection', 'close')
      this.#sanitize(message, connection)
    }
    // RFC 9110 §10.1.1: not to a client of HTTP/1.0.
    if (message.httpVersionMinor > 0 && message.headers.expect?.toLowerCase() === '100-continue') response.writeContinue()
    this.#fallback(message, response)
  }

  /** What the host's own routes see of X-Forwarded-Client-Cert is what an endpoint would see. */
  #sanitize({ headers }: IncomingMessage, { client }: Http1Connection): void {
    const incoming = headers['x-forwarded-client-cert']
    if (incoming === undefined && client === undefined) return
    const value = forwardedClientCert(this.settings.intake.xfcc, incoming === undefined ? undefined : [incoming].flat().join(','), client)
    delete headers['x-forwarded-client-cert']
    if (value !== undefined) headers['x-forwarded-client-cert'] = value
  }
}

function toHandshakeError(error: NodeJS.ErrnoException, socket: TLSSocket): MeshError {
  if (error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return new MeshError('MESH_TLS_HANDSHAKE_TIMEOUT', undefined, error)
  const unauthorized = socket.authorizationError as unknown
  const reason = typeof unauthorized === 'string' ? `client certificate: ${unauthorized}` : error.code === 'ERR_SSL_HTTP_REQUEST' ? 'plain HTTP' : error.code
  return new MeshError('MESH_TLS_HANDSHAKE_FAILED', reason, error)
}
