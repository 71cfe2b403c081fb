// One connection to an endpoint: one attempt at a time, then idle, then perhaps another.
import { connect, type Socket } from 'node:net'
import type { Endpoint } from '../../endpoint.ts'
import { MeshError } from '../../errors.ts'
import type { Headers } from '../../headers.ts'
import type { ResponseHead } from '../response-head.ts'
import { ReadMemory } from './read-memory.ts'
import { ResponseParser, type ResponseEvents } from './response-parser.ts'

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
export interface ConnectionOptions {
  readonly headBytes: number
  readonly keepAliveMs: number
  /** May its socket be handed over to another protocol? Then each read costs new memory. */
  readonly detachable: boolean
}

export class Connection implements ResponseEvents {
  readonly socket: Socket
  readonly detachable: boolean
  /** Requests sent on it. */
  uses = 0
  /** Milliseconds of the monotonic clock at which it is to be closed when idle. */
  idleUntilMs = 0
  connected = false
  readonly #keeper: ConnectionKeeper
  readonly #parser: ResponseParser
  readonly #keepAliveMs: number
  #user: ConnectionUser | undefined = undefined
  /** The response is over and so is the request: it may be used again. */
  #reusable = false
  #keepMs = 0
  #closed = false
  #switched = false
  readonly #memory = new ReadMemory()

  constructor(endpoint: Endpoint, keeper: ConnectionKeeper, options: ConnectionOptions) {
    this.#keeper = keeper
    this.#keepAliveMs = options.keepAliveMs
    this.#parser = new ResponseParser(this, options.headBytes)
    this.detachable = options.detachable
    const to = { host: endpoint.host, port: endpoint.port, noDelay: true, keepAlive: true }
    // hot: memory of its own for every read keeps the collector busy, a fifth of the time of a long response (bench bodies)
    this.socket = options.detachable ? connect(to) : connect({ ...to, onread: { buffer: this.#nextMemory, callback: this.#onRead } })
    this.socket.on('connect', () => this.#onConnect())
    if (options.detachable) this.socket.on('data', this.#onData)
    this.socket.on('end', this.#onEnd)
    this.socket.on('error', (error) => this.#lose(toError(error, this.connected)))
    this.socket.on('close', () => this.#onClose())
    this.socket.on('drain', () => this.#user?.onDrain())
  }

  /** Nobody is there, and bytes can be written. */
  get usable(): boolean {
    return this.#user === undefined && !this.#closed && this.socket.writable && !this.socket.readableEnded
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

  /** The user has no more to send and has its response: the connection may go on if nothing speaks against it. */
  release(): void {
    this.#user = undefined
    // A next request would wait behind what the endpoint has not read of this one.
    if (!this.#reusable || this.#closed || this.#keepMs <= 0 || this.socket.writableLength > 0) return this.destroy()
    this.idleUntilMs = performance.now() + this.#keepMs
    if (this.socket.isPaused()) this.socket.resume()
    this.#keeper.released(this)
  }

  destroy(): void {
    this.#user = undefined
    if (!this.#closed) this.socket.destroy()
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
      this.#keepMs = keepMsOf(head, this.#keepAliveMs)
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

  // -- the socket's events

  #onConnect(): void {
    this.connected = true
    this.#user?.onConnected()
  }

  readonly #onRead = (length: number, memory: Uint8Array): boolean => {
    const user = this.#user
    this.#onData((memory as Buffer).subarray(0, length))
    this.#memory.was(memory, length, user !== undefined && !user.onFlush())
    return true
  }

  readonly #nextMemory = (): Buffer => {
    const idle = this.#user === undefined
    // Node takes everything but bytes for "the same again"; its types do not know that.
    return this.#memory.next(idle, !idle && this.socket.isPaused()) as Buffer
  }

  readonly #onData = (bytes: Buffer): void => {
    // An idle endpoint has nothing to say.
    if (this.#user === undefined) return this.destroy()
    const error = this.#parser.push(bytes)
    if (error !== undefined) this.#lose(error)
  }

  readonly #onEnd = (): void => {
    if (this.#user === undefined) return this.destroy()
    this.#reusable = false
    const error = this.#parser.end()
    if (error !== undefined) this.#lose(error)
  }

  #onClose(): void {
    this.#closed = true
    if (!this.#switched) this.#lose(new MeshError(this.connected ? 'MESH_UPSTREAM_CLOSED' : 'MESH_CONNECT_FAILED', 'the connection was closed'))
    this.#keeper.closed(this)
  }

  #lose(error: MeshError): void {
    const user = this.#user
    this.#user = undefined
    if (!this.#closed) this.socket.destroy()
    user?.onLost(error)
  }
}

/** Endpoints say how long they wait; a second less is safe from meeting them at the door. */
function keepMsOf({ keepAliveSeconds }: ResponseHead, ownMs: number): number {
  return keepAliveSeconds === undefined ? ownMs : Math.min(ownMs, keepAliveSeconds * 1_000 - 1_000)
}

function toError(cause: NodeJS.ErrnoException, connected: boolean): MeshError {
  if (connected) return new MeshError('MESH_UPSTREAM_CLOSED', cause.code ?? cause.message, cause)
  return new MeshError(cause.code === 'ETIMEDOUT' ? 'MESH_CONNECT_TIMEOUT' : 'MESH_CONNECT_FAILED', cause.code ?? cause.message, cause)
}
