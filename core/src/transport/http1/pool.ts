// The connections to one endpoint: the one used last is used next, and idle ones are closed in time.
import type { Endpoint } from '../../endpoint.ts'
import { MeshError } from '../../errors.ts'
import type { TransportOptions } from '../options.ts'
import { Connection, type ConnectionKeeper, type ConnectionOptions, type ConnectionUser } from './connection.ts'
import type { UpstreamTls } from './upstream-tls.ts'
import { Waiting } from './waiting.ts'

/** Someone who wants a connection. */
export interface Applicant extends ConnectionUser {
  /** A connection is there, perhaps not connected yet: the applicant is to `take` it. */
  assign(connection: Connection): void
  /** It wants to take the socket over: a connection that was made for this, and that nobody has used. */
  readonly takesOver: boolean
}

export class Pool implements ConnectionKeeper {
  readonly #endpoint: Endpoint
  readonly #options: ConnectionOptions
  /** 0: no limit. */
  readonly #most: number
  readonly #warm: number
  readonly #all = new Set<Connection>()
  readonly #idle: Connection[] = []
  readonly #waiting: Waiting<Applicant>
  /** Released in this turn of the event loop. */
  #cooling: Connection[] = []
  /** Somebody has asked for connections ahead: not so in a pool for the last attempts of a configuration that is over. */
  #keepsWarm = false
  #closing = false
  #closed = false

  constructor(endpoint: Endpoint, options: TransportOptions, tls: UpstreamTls | undefined) {
    this.#endpoint = endpoint
    this.#options = { ...options, tls }
    this.#most = options.connections
    this.#warm = this.#most === 0 ? options.warmConnections : Math.min(this.#most, options.warmConnections)
    this.#waiting = new Waiting(options.pending, options.pendingMs)
  }

  /** Connections, idle ones included. */
  get size(): number {
    return this.#all.size
  }

  /**
   * Gives the applicant a connection, now or later; if that fails, it hears it by `onLost`.
   * @param fresh not one that has been used before
   */
  apply(applicant: Applicant, fresh: boolean): void {
    if (this.#closed) return applicant.onLost(transportClosed())
    const own = fresh || applicant.takesOver
    const idle = own ? undefined : this.#popIdle()
    if (idle !== undefined) return applicant.assign(idle)
    if (this.#most === 0 || this.#all.size < this.#most) return applicant.assign(this.#open(applicant.takesOver))
    this.#waiting.add(applicant)
    // Whoever wants a fresh one takes the place of one that nobody uses.
    if (own) this.#idle.shift()?.destroy()
  }

  /** The applicant has given up before it got a connection. */
  withdraw(applicant: Applicant): void {
    this.#waiting.remove(applicant)
  }

  released(connection: Connection): void {
    if (this.#closing) return connection.destroy()
    // Bytes that came behind the response may still be unread. After this turn's reads, they have closed the connection.
    if (this.#cooling.push(connection) === 1) setImmediate(this.#cooled)
  }

  closed(connection: Connection): void {
    this.#all.delete(connection)
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
    const next = this.#waiting.take()
    if (next !== undefined) this.apply(next, true)
  }

  /** Opens as many connections as there are to be, used or not. */
  warm(): void {
    this.#keepsWarm = true
    while (this.#all.size < this.#warm && !this.#closing) this.#open(false)
  }

  /** Closes what has been idle for too long, and opens others where there are to be some; answers whether anything is left. */
  sweep(nowMs: number): boolean {
    // Each response may have named another time, so the one that has been idle longest need not be the first to go.
    let kept = 0
    for (const connection of this.#idle) {
      if (connection.idleUntilMs > nowMs) this.#idle[kept++] = connection
      else connection.destroy()
    }
    this.#idle.length = kept
    if (this.#keepsWarm && this.#endpoint.fit) this.warm()
    return this.#all.size > 0
  }

  /** No more use: idle connections are closed now, the others when they are released. */
  retire(): void {
    this.#closing = true
    for (const connection of this.#idle.splice(0)) connection.destroy()
  }

  /** No more use at all: exchanges under way and those that wait are lost. */
  destroy(): void {
    this.retire()
    this.#closed = true
    this.#waiting.clear(transportClosed)
    for (const connection of this.#all) connection.socket.destroy()
  }

  readonly #cooled = (): void => {
    const cooled = this.#cooling
    this.#cooling = []
    for (const connection of cooled) this.#rest(connection)
  }

  #rest(connection: Connection): void {
    if (!connection.usable || this.#closing) return connection.destroy()
    const next = this.#waiting.peek()
    if (next === undefined) this.#idle.push(connection)
    else if (next.takesOver) connection.destroy()
    else this.#waiting.take()?.assign(connection)
  }

  #popIdle(): Connection | undefined {
    if (this.#idle.length === 0) return undefined
    const nowMs = performance.now()
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) {
      // The sweep may be late; an endpoint that keeps its word is closing it now.
      if (connection.usable && connection.idleUntilMs > nowMs) return connection
      connection.destroy()
    }
    return undefined
  }

  #open(detachable: boolean): Connection {
    const connection = new Connection(this.#endpoint, this, this.#options, detachable)
    this.#all.add(connection)
    return connection
  }
}

function transportClosed(): MeshError {
  return new MeshError('MESH_CONNECT_FAILED', 'the transport is closed')
}
