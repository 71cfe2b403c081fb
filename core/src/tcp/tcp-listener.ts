// A TCP listener: takes connections, perhaps with TLS, and hands each to a proxy of its own.
import { createServer, type Server, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Deadlines } from '../deadlines.ts'
import { MeshError, toMeshError } from '../errors.ts'
import type { PeerCertificate } from '../identity/peer-certificate.ts'
import { placeOf } from '../listener/place.ts'
import { TlsFront, tlsSettings, type TlsSettings } from '../listener/tls.ts'
import type { Metrics } from '../metrics.ts'
import type { Snapshot } from '../snapshot.ts'
import type { ListenerSpec } from '../spec.ts'
import { reset } from '../reset.ts'
import { TcpProxy } from './tcp-proxy.ts'
import type { TcpConnection } from './tcp-connection.ts'

/** What a TCP listener needs of the mesh it belongs to. */
export interface TcpHost {
  readonly deadlines: Deadlines
  readonly snapshot: Snapshot
  readonly metrics: Metrics
  pluginFailed(error: MeshError): void
  /** A connection did not end well. */
  connectionEnded(listener: string, error: MeshError): void
  /** Connections were opened (1) or have closed (-1). */
  connections(listener: string, change: number): void
}

/** A TCP listener's options with every default filled in. Milliseconds; 0: for ever. */
export interface TcpSettings {
  readonly name: string
  readonly idleMs: number
  readonly filterMs: number
  readonly handshakeMs: number
  /** 0: no limit. */
  readonly connections: number
  readonly secure: boolean
  /** Undefined: it speaks no TLS. */
  readonly tls: TlsSettings | undefined
}

/** @throws MESH_BAD_OPTIONS */
export function tcpSettings(spec: ListenerSpec): TcpSettings {
  const { tunnelIdleMs = 3_600_000, filterMs = 30_000, tlsHandshakeMs = 10_000 } = spec.timeouts ?? {}
  return {
    name: spec.name ?? spec.address,
    idleMs: tunnelIdleMs,
    filterMs,
    handshakeMs: tlsHandshakeMs,
    connections: spec.limits?.connections ?? 10_000,
    secure: spec.identity !== undefined,
    tls: tlsSettings(spec),
  }
}

export class TcpListener {
  /** May be replaced while connections are open; they keep what they began with. */
  settings: TcpSettings
  readonly server: Server
  readonly tls: TlsFront | undefined
  readonly #host: TcpHost
  /** By where they come from: Node does not say which TLS connection runs on which of them. */
  readonly #sockets = new Map<string, Socket>()
  readonly #proxies = new Set<TcpProxy>()
  #empty: (() => void) | undefined = undefined

  constructor(settings: TcpSettings, host: TcpHost) {
    this.settings = settings
    this.#host = host
    // A client may end its side and still want to hear the rest. Nothing is read before there is somebody to read it.
    this.tls = settings.tls === undefined ? undefined : secured(settings.tls, settings.handshakeMs)
    this.server = this.tls?.server ?? createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true })
    this.server.on('connection', (socket: Socket) => this.#connected(socket))
    if (this.tls !== undefined) this.#serveSecurely(this.tls)
  }

  /** Resolves when everybody has been told of the end of every connection, which is a little after their sockets have closed. */
  async emptied(): Promise<void> {
    if (this.#proxies.size > 0) await new Promise<void>((resolve) => (this.#empty = resolve))
  }

  /** Ends every connection now. */
  cut(): void {
    const error = new MeshError('MESH_DRAINING', 'the time to end in peace was over')
    for (const proxy of this.#proxies) proxy.kill(error)
    // Those that are in the middle of a handshake have no proxy.
    for (const socket of this.#sockets.values()) socket.destroy()
  }

  #connected(socket: Socket): void {
    const { name, connections, tls } = this.settings
    const place = placeOf(socket)
    this.#sockets.set(place, socket)
    this.#host.connections(name, 1)
    socket.once('close', () => {
      if (this.#sockets.get(place) === socket) this.#sockets.delete(place)
      this.#host.connections(name, -1)
    })
    if (connections > 0 && this.#sockets.size > connections) return this.#refuse(socket, new MeshError('MESH_TOO_MANY_CONNECTIONS', `more than ${connections}`))
    if (tls === undefined) this.#begin(socket, undefined)
  }

  #serveSecurely(front: TlsFront): void {
    const { server } = front
    for (const event of ['secureConnection', 'tlsClientError']) server.removeAllListeners(event)
    server.on('secureConnection', (socket: TLSSocket) => {
      const { peer, refused } = front.admit(socket)
      if (refused !== undefined) return this.#refuse(socket, new MeshError('MESH_TLS_HANDSHAKE_FAILED', refused))
      socket.allowHalfOpen = true
      socket.pause()
      this.#begin(socket, peer)
    })
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      const code = error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT' ? 'MESH_TLS_HANDSHAKE_TIMEOUT' : 'MESH_TLS_HANDSHAKE_FAILED'
      this.#refuse(socket, new MeshError(code, error.code, error))
    })
  }

  #begin(socket: Socket, peer: PeerCertificate | undefined): void {
    const { settings } = this
    const route = this.#host.snapshot.tcp.get(settings.name)
    if (route === undefined) return this.#refuse(socket, new MeshError('MESH_NO_ROUTE', `listener "${settings.name}"`))
    const below = settings.tls === undefined ? socket : this.#sockets.get(placeOf(socket))
    const client = { socket, peer, reset: () => reset(socket, below) }
    const proxy = new TcpProxy(client, route, settings, this.#host, (connection) => {
      this.#proxies.delete(proxy)
      this.#count(connection)
      if (this.#proxies.size === 0) this.#empty?.()
    })
    this.#proxies.add(proxy)
    try {
      proxy.start()
    } catch (thrown) {
      // A mistake of our own ends the connection that met it, and nothing else.
      proxy.fail(toMeshError(thrown, 'MESH_INTERNAL', `listener "${settings.name}"`))
    }
  }

  #refuse(socket: Socket, error: MeshError): void {
    this.#host.connectionEnded(this.settings.name, error)
    socket.on('error', () => socket.destroy())
    socket.destroy()
  }

  #count({ error, exchange, listener }: TcpConnection): void {
    const { metrics } = this.#host
    metrics.counter('mesh_tcp_connections_total', 'TCP connections that were carried', { listener }).inc()
    metrics.counter('mesh_tcp_received_bytes_total', 'Bytes taken from clients of TCP listeners', { listener }).add(exchange.requestBytes)
    metrics.counter('mesh_tcp_sent_bytes_total', 'Bytes sent to clients of TCP listeners', { listener }).add(exchange.responseBytes)
    if (error !== undefined) this.#host.connectionEnded(listener, error)
  }
}

/** The same as for HTTP, without its protocol in it. */
function secured(settings: TlsSettings, handshakeMs: number): TlsFront {
  const front = new TlsFront(settings, handshakeMs, { noDelay: true })
  // Node looks it up for each connection; whoever offers protocols there gets an answer without one.
  Object.assign(front.server, { ALPNProtocols: undefined })
  return front
}
