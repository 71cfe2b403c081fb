// The client connections of one listener: how many there are, what each may still do, and what becomes of a broken one.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { errorKinds, MeshError } from '../errors.ts'
import { problem } from '../problem.ts'
import type { RequestBody } from '../request-body.ts'
import type { ConnectionPolicy } from './http1-downstream.ts'
import type { ListenerHost, ListenerSettings } from './http1.ts'
import type { IntakePolicy } from './intake.ts'
import type { XfccConnection } from './xfcc.ts'

const connectionOf: unique symbol = Symbol('meshwright.connection')
type OwnSocket = Socket & { [connectionOf]?: Connection }

/** One client connection. */
export class Connection implements ConnectionPolicy {
  /** The body being read on it, if any. */
  current: RequestBody | undefined = undefined
  /** The last request that was read on it, and its answer. */
  last: { readonly message: IncomingMessage; readonly response: ServerResponse } | undefined = undefined
  /** Who is there by certificate; undefined: nobody said. */
  client: XfccConnection | undefined = undefined
  /** What a TLS connection runs on. */
  below: Socket | undefined = undefined
  /** The client has broken the rules: what is under way may end, nothing more is begun. */
  broken = false
  readonly #connections: Connections
  readonly #maxRequests: number
  #requests = 0

  constructor(maxRequests: number, connections: Connections) {
    this.#maxRequests = maxRequests
    this.#connections = connections
  }

  reset(socket: Socket): void {
    // TLS has no reset, and many clients take its mere end for the end of the response.
    if (this.below === undefined) socket.resetAndDestroy()
    else this.below.resetAndDestroy()
  }

  get intake(): IntakePolicy {
    return this.#connections.settings.intake
  }

  /** Counts a request that has come; answers whether it is to be left alone. */
  spent(): boolean {
    this.#requests++
    if (this.#maxRequests > 0 && this.#requests > this.#maxRequests) {
      if (!this.broken) this.#connections.ended(new MeshError('MESH_CONNECTION_SPENT', `more than ${this.#maxRequests} requests`))
      this.broken = true
    }
    return this.broken
  }

  /** The answer that is still on its way to the client; of several, the last. */
  get answering(): ServerResponse | undefined {
    const response = this.last?.response
    return response === undefined || response.writableFinished || response.destroyed ? undefined : response
  }

  /** Ends the connection with this response? Never with one that has others behind it: those were executed and want to be heard. */
  isLast(response: ServerResponse): boolean {
    if (this.last !== undefined && this.last.response !== response) return false
    return this.broken || this.#connections.draining || (this.#maxRequests > 0 && this.#requests >= this.#maxRequests)
  }
}

/** How requests are read that the host itself answers: as on the listener they came through, if it is one of ours. */
export function intakeOf(socket: OwnSocket, otherwise: IntakePolicy): [policy: IntakePolicy, client: XfccConnection | undefined] {
  const connection = socket[connectionOf]
  return connection === undefined ? [otherwise, undefined] : [connection.intake, connection.client]
}

export class Connections {
  readonly #host: ListenerHost
  /** May be replaced while connections are open; they keep what they began with. */
  settings: ListenerSettings
  /** The listener is going away: each response is the last on its connection. */
  leaving = false
  readonly #sockets = new Set<Socket>()
  /** Of a TLS listener, by where they come from: Node does not say which TLS connection runs on which of them. */
  readonly #below = new Map<string, Socket>()

  constructor(settings: ListenerSettings, host: ListenerHost) {
    this.settings = settings
    this.#host = host
  }

  ended(error: MeshError): void {
    this.#host.connectionEnded(this.settings.name, error)
  }

  get draining(): boolean {
    return this.leaving || this.#host.draining
  }

  add(socket: OwnSocket): void {
    const { limits, name } = this.settings
    socket[connectionOf] = new Connection(limits.requestsPerConnection, this)
    this.#sockets.add(socket)
    this.#host.connections(name, 1)
    const place = placeOf(socket)
    if (this.settings.tls !== undefined) this.#below.set(place, socket)
    socket.once('close', () => {
      if (this.#below.get(place) === socket) this.#below.delete(place)
      this.#sockets.delete(socket)
      this.#host.connections(name, -1)
    })
    if (limits.connections === 0 || this.#sockets.size <= limits.connections) return
    const error = new MeshError('MESH_TOO_MANY_CONNECTIONS', `more than ${limits.connections}`)
    this.#host.connectionEnded(name, error)
    // Of a TLS listener this is the connection below TLS: no text would be understood there.
    if (this.settings.tls !== undefined) return void socket.destroy()
    socket.on('error', () => socket.destroy())
    socket.end(rawProblem(error), 'latin1', () => socket.destroy())
  }

  /** Ends every connection now, upgraded ones too. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  of(socket: OwnSocket): Connection {
    return (socket[connectionOf] ??= new Connection(this.settings.limits.requestsPerConnection, this))
  }

  /** A TLS connection begins to carry requests. @param client who is there by certificate; undefined: nobody said */
  secured(socket: OwnSocket, client: XfccConnection | undefined): void {
    const connection = this.of(socket)
    connection.below = this.#below.get(placeOf(socket))
    connection.client = client
  }

  /** The parser gave up on the connection. */
  clientError(error: MeshError, socket: OwnSocket): void {
    this.#host.connectionEnded(this.settings.name, error)
    const connection = this.of(socket)
    connection.broken = true
    if (error.code === 'MESH_CLIENT_CLOSED' || !socket.writable) {
      socket.destroy(error)
      return
    }
    const { answering, last } = connection
    if (answering === undefined) {
      socket.end(rawProblem(error), 'latin1', () => socket.destroy())
      return
    }
    // The broken bytes belong either to the body of the request under way, which fails, or to a request behind it, which
    // must not take away its answer.
    if (last?.message.complete === false) connection.current?.fail(error)
    answering.once('close', () => socket.destroy())
  }
}

function placeOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}

/** A whole response for a connection that has no exchange. */
function rawProblem(error: MeshError): string {
  const reply = problem(error, '-')
  const body = new TextDecoder().decode(reply.body)
  const { status } = errorKinds[error.code]
  return `HTTP/1.1 ${status} \r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`
}
