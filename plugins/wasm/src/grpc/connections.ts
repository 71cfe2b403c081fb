// HTTP/2 connections to endpoints, one for each, for as long as somebody needs them and a while longer.
import { connect, type ClientHttp2Session } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Borrowed, Endpoint } from '@meshwright/core'

/** Endpoints that there can be connections to at once. */
const maxConnections = 256
/** Bytes of a head. */
const maxHeadBytes = 65_536
/** Bytes of its state and of what waits in it, in megabytes. */
const sessionMemoryMb = 64
/** How often a connection that is used is asked whether it is still there; how long it may take to answer. */
const pingMs = 30_000

interface Connection {
  readonly session: ClientHttp2Session
  streams: number
  idle: NodeJS.Timeout | undefined
}

export class Connections {
  readonly #all = new Map<Endpoint, Connection>()
  #closed = false

  /** Undefined: there are too many. What it comes to is told by the streams in it. */
  take(borrowed: Borrowed): ClientHttp2Session | undefined {
    const { endpoint } = borrowed
    const known = this.#all.get(endpoint)
    if (known !== undefined && !known.session.closed && !known.session.destroyed) return this.#use(known)
    if (this.#closed || (known === undefined && this.#all.size >= maxConnections && !this.#dropIdle())) return undefined
    const made: Connection = { session: this.#open(borrowed), streams: 0, idle: undefined }
    this.#all.set(endpoint, made)
    made.session.on('close', () => {
      clearTimeout(made.idle)
      if (this.#all.get(endpoint) === made) this.#all.delete(endpoint)
    })
    return this.#use(made)
  }

  /** A stream is over. */
  give({ endpoint, timeouts }: Borrowed, session: ClientHttp2Session): void {
    const known = this.#all.get(endpoint)
    if (known?.session !== session) return
    if (--known.streams > 0) return
    session.unref()
    if (endpoint.removed) session.close()
    else known.idle = setTimeout(() => session.close(), timeouts.keepAliveMs).unref()
  }

  close(): void {
    this.#closed = true
    for (const { session } of this.#all.values()) session.destroy()
  }

  #use(connection: Connection): ClientHttp2Session {
    clearTimeout(connection.idle)
    connection.idle = undefined
    connection.streams++
    return connection.session
  }

  #dropIdle(): boolean {
    for (const [endpoint, { session, streams }] of this.#all) {
      if (streams > 0) continue
      this.#all.delete(endpoint)
      session.close()
      return true
    }
    return false
  }

  #open(borrowed: Borrowed): ClientHttp2Session {
    const socket = borrowed.connect(['h2'])
    const scheme = borrowed.secure ? 'https' : 'http'
    const session = connect(`${scheme}://${borrowed.endpoint.address}`, {
      createConnection: () => socket,
      settings: { enablePush: false, maxHeaderListSize: maxHeadBytes },
      maxSessionMemory: sessionMemoryMb,
    })
    // Each stream hears of it; without anybody who listens it would end the process.
    session.on('error', () => {})
    if (borrowed.secure) socket.once('secureConnect', () => checkProtocol(socket, session))
    const { connectMs } = borrowed.timeouts
    const timer = connectMs === 0 ? undefined : setTimeout(() => session.destroy(new Error('the connection took too long')), connectMs)
    session.once('connect', () => clearTimeout(timer))
    session.once('close', () => clearTimeout(timer))
    // Who has gone silent is asked; a connection that does not answer breaks off.
    session.setTimeout(pingMs, () => {
      const answer = setTimeout(() => session.destroy(new Error('the connection has gone silent')), pingMs).unref()
      if (!session.destroyed && !session.connecting) session.ping(() => clearTimeout(answer))
    })
    return session
  }
}

function checkProtocol(socket: Duplex, session: ClientHttp2Session): void {
  if ((socket as TLSSocket).alpnProtocol !== 'h2') session.destroy(new Error('the endpoint does not speak HTTP/2'))
}
