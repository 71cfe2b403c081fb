// One connection to an endpoint: one attempt at a time, then idle, then perhaps another.
import { connect, type OnReadOpts, type Socket } from 'node:net'
import { sendAtEndOfTurn, type Sender } from '../../end-of-turn.ts'
import type { Endpoint } from '../../endpoint.ts'
import { MeshError } from '../../errors.ts'
import type { Headers } from '../../headers.ts'
import type { TransportOptions } from '../options.ts'
import type { ResponseHead } from '../response-head.ts'
import { ReadMemory } from './read-memory.ts'
import { ResponseParser, type ResponseEvents } from './response-parser.ts'
import { tlsError, type UpstreamTls } from './upstream-tls.ts'

/** Who uses a connection now. */
export interface ConnectionUser extends ResponseEvents {
  onConnected(): void
  onDrain(): void
  /** Everything that one read brought has been told. Answers whether its bytes are no longer needed. */
  onFlush(): boolean
  /** The connection is gone; nothing more comes. */
  onLost(error: MeshError): void
}

/** Who keeps connections. */
export interface ConnectionKeeper {
  /** It may be used again. */
  released(connection: Connection): void
  closed(connection: Connection): void
}

/** How a connection is made. */
export interface ConnectionOptions extends Pick<TransportOptions, 'headBytes' | 'connectMs' | 'keepAliveMs' | 'requestsPerConnection'> {
  /** Undefined: plain TCP. */
  readonly tls: UpstreamTls | undefined
}

/** A silent endpoint is probed after so long, so that one that vanished without a word is found out. */
const probeAfterMs = 30_000

export class Connection implements ResponseEvents, Sender {
  readonly socket: Socket
  /** Requests sent on it. */
  uses = 0
  /** Milliseconds of the monotonic clock at which it is to be closed when idle. */
  idleUntilMs = 0
  connected = false
  readonly #keeper: ConnectionKeeper
  readonly #parser: ResponseParser
  readonly #options: ConnectionOptions
  #user: ConnectionUser | undefined = undefined
  /** The response is over and so is the request: it may be used again. */
  #reusable = false
  #keepMs = 0
  #closed = false
  #switched = false
  /** The head of the request has not gone out yet. */
  #unsent = false
  /** The endpoint has accepted the connection; with TLS, that is when the handshake begins. */
  #accepted = false
  readonly #connectTimer: NodeJS.Timeout | undefined
  readonly #memory = new ReadMemory()

  /** @param detachable may its socket be handed over to another protocol? Then each read costs new memory */
  constructor(endpoint: Endpoint, keeper: ConnectionKeeper, options: ConnectionOptions, detachable: boolean) {
    this.#keeper = keeper
    this.#options = options
    this.#parser = new ResponseParser(this, options.headBytes)
    this.socket = options.tls === undefined ? this.#connect(endpoint, detachable) : this.#connectTls(endpoint, options.tls, detachable)
    this.socket.on('end', this.#onEnd)
    this.socket.on('error', (error) => this.#lose(this.#toError(error)))
    this.socket.on('close', () => this.#onClose())
    this.socket.on('drain', () => this.#user?.onDrain())
    if (options.connectMs > 0) this.#connectTimer = setTimeout(() => this.#lose(new MeshError('MESH_CONNECT_TIMEOUT')), options.connectMs)
  }

  /** Nobody is there, and bytes can be written: none wait that the endpoint has not read. With TLS that is known at the end of a turn only. */
  get usable(): boolean {
    return this.#user === undefined && !this.#closed && this.socket.writable && this.socket.writableLength === 0 && !this.socket.readableEnded
  }

  /** Has any byte of the current response come? */
  get answered(): boolean {
    return this.#parser.begun
  }

  /** Takes a user; `head`: it sends a HEAD, `upgrade`: it asks for an upgrade. */
  take(user: ConnectionUser, head: boolean, upgrade: boolean): void {
    this.#user = user
    this.#reusable = false
    this.uses++
    this.#parser.expect(head, upgrade)
    if (this.connected) user.onConnected()
  }

  /** Sends the head of its request at the end of this turn, and with it what of the body there is by then. */
  begin(head: string): void {
    this.#unsent = true
    this.socket.cork()
    this.socket.write(head, 'latin1')
    sendAtEndOfTurn(this)
  }

  endTurn(): void {
    this.#unsent = false
    this.socket.uncork()
  }

  /** The user has no more to send and has its response: the connection may go on if nothing speaks against it. */
  release(): void {
    this.#user = undefined
    if (!this.#reusable || this.#closed || this.#keepMs <= 0 || this.#spent()) return this.destroy()
    this.idleUntilMs = performance.now() + this.#keepMs
    if (this.socket.isPaused()) this.socket.resume()
    this.#keeper.released(this)
  }

  destroy(): void {
    this.#user = undefined
    if (!this.#closed) this.socket.destroy()
  }

  /** Has it carried as many requests as it may? */
  #spent(): boolean {
    const { requestsPerConnection } = this.#options
    return requestsPerConnection > 0 && this.uses >= requestsPerConnection
  }

  /** Hands the socket over to another protocol. */
  detach(): Socket {
    this.#switched = true
    this.#user = undefined
    this.socket.off('data', this.#onData)
    this.socket.off('end', this.#onEnd)
    this.socket.pause()
    return this.socket
  }

  // -- the parser's events go to the user

  onHead(head: ResponseHead): void {
    if (head.response.status >= 200) {
      this.#reusable = !head.close
      this.#keepMs = keepMsOf(head, this.#options.keepAliveMs)
    }
    this.#user?.onHead(head)
  }

  onBody(chunk: Uint8Array): void {
    this.#user?.onBody(chunk)
  }

  onComplete(trailers: Headers | undefined, rest: number): void {
    // Bytes behind a response could be taken for the answer to somebody else's request.
    if (rest > 0) this.#reusable = false
    this.#user?.onComplete(trailers, rest)
  }

  onSwitch(rest: Buffer): void {
    this.#user?.onSwitch(rest)
  }

  // -- the socket and its events

  #connect({ host, port }: Endpoint, detachable: boolean): Socket {
    const to = { host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: probeAfterMs }
    const socket = detachable ? connect(to).on('data', this.#onData) : connect({ ...to, onread: this.#onread() })
    socket.on('connect', () => this.#onConnect())
    return socket
  }

  #connectTls(endpoint: Endpoint, tls: UpstreamTls, detachable: boolean): Socket {
    const socket = tls.connect(endpoint, detachable ? undefined : this.#onread())
    socket.setNoDelay(true).setKeepAlive(true, probeAfterMs)
    if (detachable) socket.on('data', this.#onData)
    socket.on('connect', () => void (this.#accepted = true))
    socket.on('secureConnect', () => this.#onConnect())
    return socket
  }

  // hot: memory of its own for every read keeps the collector busy, a fifth of the time of a long response (bench bodies)
  #onread(): OnReadOpts {
    return { buffer: this.#nextMemory, callback: this.#onRead }
  }

  #onConnect(): void {
    clearTimeout(this.#connectTimer)
    this.connected = true
    if (this.#user !== undefined) return this.#user.onConnected()
    // It was made ahead.
    this.idleUntilMs = performance.now() + this.#options.keepAliveMs
    this.#keeper.released(this)
  }

  readonly #onRead = (length: number, memory: Uint8Array): boolean => {
    const user = this.#user
    this.#onData((memory as Buffer).subarray(0, length))
    this.#memory.was(memory, length, user !== undefined && !user.onFlush())
    return true
  }

  readonly #nextMemory = (): Buffer => {
    const idle = this.#user === undefined
    // What has been decrypted comes also while reading is stopped.
    const stopped = !idle && this.#options.tls === undefined && this.socket.isPaused()
    // Node takes everything but bytes for "the same again"; its types do not know that.
    return this.#memory.next(idle, stopped) as Buffer
  }

  readonly #onData = (bytes: Buffer): void => {
    // An idle endpoint has nothing to say, nor one that has not been asked yet.
    if (this.#user === undefined) return this.destroy()
    if (this.#unsent) return this.#lose(new MeshError('MESH_UPSTREAM_PROTOCOL', 'bytes before the request was sent'))
    const error = this.#parser.take(bytes)
    if (error !== undefined) this.#lose(error)
  }

  readonly #onEnd = (): void => {
    if (this.#user === undefined) return this.destroy()
    this.#reusable = false
    const error = this.connected ? this.#parser.endpointEnded() : this.#toError(new Error('the connection was closed'))
    if (error !== undefined) this.#lose(error)
  }

  #onClose(): void {
    this.#closed = true
    clearTimeout(this.#connectTimer)
    if (!this.#switched) this.#lose(this.#toError(new Error('the connection was closed')))
    this.#keeper.closed(this)
  }

  #lose(error: MeshError): void {
    const user = this.#user
    this.#user = undefined
    if (!this.#closed) this.socket.destroy()
    user?.onLost(error)
  }

  #toError(cause: NodeJS.ErrnoException): MeshError {
    const code = cause.code ?? cause.message
    // Some alerts (a certificate is required, say) come only after the client has ended its part of the handshake.
    if (code.startsWith('ERR_SSL_') || (this.#accepted && !this.connected)) return tlsError(cause)
    if (this.connected) return new MeshError('MESH_UPSTREAM_CLOSED', code, cause)
    return new MeshError(code === 'ETIMEDOUT' ? 'MESH_CONNECT_TIMEOUT' : 'MESH_CONNECT_FAILED', code, cause)
  }
}

/** Endpoints say how long they wait; a second less is safe from meeting them at the door. */
function keepMsOf({ keepAliveSeconds }: ResponseHead, ownMs: number): number {
  return keepAliveSeconds === undefined ? ownMs : Math.min(ownMs, keepAliveSeconds * 1_000 - 1_000)
}
