// The client connections of one listener: how many there are, and how they end together.
import type { Socket } from 'node:net'
import { Deadlines } from '../deadlines.ts'
import { MeshError } from '../errors.ts'
import { HostSocket } from './host-socket.ts'
import { Http1Connection, rawProblem, type ConnectionOwner } from './http1-connection.ts'
import type { ListenerHost, ListenerSettings } from './http1.ts'
import type { IntakePolicy } from './intake.ts'
import { placeOf } from './place.ts'
import type { RequestHead } from './request-parser.ts'
import type { XfccConnection } from './xfcc.ts'

/** How requests are read that the host itself answers: as on the listener they came through, if it is one of ours. */
export function intakeOf(socket: object, otherwise: IntakePolicy): [policy: IntakePolicy, client: XfccConnection | undefined] {
  if (!(socket instanceof HostSocket)) return [otherwise, undefined]
  const { settings, client } = socket.connection
  return [settings.intake, client]
}

/** How late a connection's timeout may be noticed: thousands of them share one timer. */
const sweepMs = 100

export class Connections implements ConnectionOwner {
  readonly deadlines: Deadlines = new Deadlines(sweepMs)
  /** May be replaced while connections are open. */
  settings: ListenerSettings
  /** The listener is going away: each response is the last on its connection. */
  leaving = false
  readonly #host: ListenerHost
  readonly #onRequest: (head: RequestHead, text: string, connection: Http1Connection) => void
  readonly #sockets = new Set<Socket>()
  readonly #open = new Set<Http1Connection>()
  /** Of a TLS listener, by where they come from: Node does not say which TLS connection runs on which of them. */
  readonly #below = new Map<string, Socket>()

  constructor(settings: ListenerSettings, host: ListenerHost, onRequest: (head: RequestHead, text: string, connection: Http1Connection) => void) {
    this.settings = settings
    this.#host = host
    this.#onRequest = onRequest
  }

  get draining(): boolean {
    return this.leaving || this.#host.draining
  }

  /** A connection was accepted; of a TLS listener, `secured` follows when the handshake is over. */
  add(socket: Socket): void {
    const { limits, name, tls } = this.settings
    this.#sockets.add(socket)
    this.#host.connections(name, 1)
    const place = tls === undefined ? '' : placeOf(socket)
    if (tls !== undefined) this.#below.set(place, socket)
    socket.once('close', () => {
      if (this.#below.get(place) === socket) this.#below.delete(place)
      this.#sockets.delete(socket)
      this.#host.connections(name, -1)
    })
    if (limits.connections > 0 && this.#sockets.size > limits.connections) return this.#turnAway(socket)
    if (tls === undefined) this.#open.add(new Http1Connection(socket, this, socket, undefined))
  }

  /** A TLS connection begins to carry requests. @param client who is there by certificate; undefined: nobody said */
  secured(socket: Socket, client: XfccConnection | undefined): void {
    this.#open.add(new Http1Connection(socket, this, this.#below.get(placeOf(socket)), client))
  }

  /** Ends those that have carried requests and wait for another one. */
  closeIdle(): void {
    for (const connection of this.#open) if (connection.idle) connection.destroy()
  }

  /** Ends every connection now, upgraded ones too. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  // -- ConnectionOwner

  request(head: RequestHead, text: string, connection: Http1Connection): void {
    this.#onRequest(head, text, connection)
  }

  ended(error: MeshError): void {
    this.#host.connectionEnded(this.settings.name, error)
  }

  closed(connection: Http1Connection): void {
    this.#open.delete(connection)
  }

  #turnAway(socket: Socket): void {
    const error = new MeshError('MESH_TOO_MANY_CONNECTIONS', `more than ${this.settings.limits.connections}`)
    this.ended(error)
    // Of a TLS listener this is the connection below TLS: no text would be understood there.
    if (this.settings.tls !== undefined) return void socket.destroy()
    socket.on('error', () => socket.destroy())
    socket.end(rawProblem(error), 'latin1', () => socket.destroy())
  }
}
