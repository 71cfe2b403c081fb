// The connections to one endpoint: the one used last is used next, and idle ones are closed in time.
import type { Endpoint } from '../../endpoint.ts'
import { MeshError } from '../../errors.ts'
import type { TransportOptions } from '../options.ts'
import { Connection, type ConnectionKeeper, type ConnectionUser } from './connection.ts'

/** Someone who waits for a connection. */
export interface Applicant extends ConnectionUser {
  /** A connection is there; `take` has been called on it or will be by the applicant. */
  assign(connection: Connection): void
  readonly cancelled: boolean
  /** It wants to take the socket over: a connection that was made for this, and that nobody has used. */
  readonly takesOver: boolean
}

/** How many may wait for a connection when the number of connections is limited. */
const maxWaiting = 1_024

export class Pool implements ConnectionKeeper {
  readonly #endpoint: Endpoint
  readonly #options: TransportOptions
  readonly #all = new Set<Connection>()
  readonly #idle: Connection[] = []
  readonly #waiting: Applicant[] = []
  /** Released in this turn of the event loop. */
  #cooling: Connection[] = []
  #closing = false
  #closed = false

  constructor(endpoint: Endpoint, options: TransportOptions) {
    this.#endpoint = endpoint
    this.#options = options
  }

  /** Connections, idle ones included. */
  get size(): number {
    return this.#all.size
  }

  /**
   * Gives the applicant a connection, now or later.
   * @param fresh not one that has been used before
   */
  apply(applicant: Applicant, fresh: boolean): void {
    if (this.#closed) return applicant.onLost(new MeshError('MESH_CONNECT_FAILED', 'the transport is closed'))
    const own = fresh || applicant.takesOver
    const idle = own ? undefined : this.#popIdle()
    if (idle !== undefined) return applicant.assign(idle)
    const { connections } = this.#options
    if (connections === 0 || this.#all.size < connections) return applicant.assign(this.#open(applicant.takesOver))
    if (this.#waiting.length >= maxWaiting) return applicant.onLost(new MeshError('MESH_OVERFLOW', `more than ${maxWaiting} wait for a connection`))
    this.#waiting.push(applicant)
    // Whoever wants a fresh one takes the place of one that nobody uses.
    if (own) this.#idle.shift()?.destroy()
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
    const next = this.#nextWaiting()
    if (next !== undefined) this.apply(next, false)
  }

  /** Closes what has been idle for too long; answers whether anything is left. */
  sweep(nowMs: number): boolean {
    // Each response may have named another time, so the one that has been idle longest need not be the first to go.
    let kept = 0
    for (const connection of this.#idle) {
      if (connection.idleUntilMs > nowMs) this.#idle[kept++] = connection
      else connection.destroy()
    }
    this.#idle.length = kept
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
    for (const applicant of this.#waiting.splice(0)) if (!applicant.cancelled) this.apply(applicant, false)
    for (const connection of this.#all) connection.socket.destroy()
  }

  readonly #cooled = (): void => {
    const cooled = this.#cooling
    this.#cooling = []
    for (const connection of cooled) this.#rest(connection)
  }

  #rest(connection: Connection): void {
    if (!connection.usable || this.#closing) return connection.destroy()
    const next = this.#nextWaiting()
    if (next === undefined) this.#idle.push(connection)
    else if (!next.takesOver) next.assign(connection)
    else {
      this.#waiting.unshift(next)
      connection.destroy()
    }
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

  #nextWaiting(): Applicant | undefined {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) if (!next.cancelled) return next
    return undefined
  }

  #open(detachable: boolean): Connection {
    const { headBytes, keepAliveMs } = this.#options
    const connection = new Connection(this.#endpoint, this, { headBytes, keepAliveMs, detachable })
    this.#all.add(connection)
    return connection
  }
}
