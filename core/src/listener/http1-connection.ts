// One client connection: requests are read one at a time, the next one when the answer to the last has gone out.
import type { Socket } from 'node:net'
import { Timed, type Deadlines } from '../deadlines.ts'
import { errorKinds, MeshError } from '../errors.ts'
import { field, fieldKind, passableTrailers } from '../fields.ts'
import { Headers } from '../headers.ts'
import { problem } from '../problem.ts'
import type { BodyReceiver, BodySource } from '../request-body.ts'
import { reset } from '../reset.ts'
import { HostSocket } from './host-socket.ts'
import type { ListenerSettings } from './http1.ts'
import { Http1Downstream, type ResponseLink } from './http1-downstream.ts'
import { RequestParser, type RequestEvents, type RequestHead } from './request-parser.ts'
import type { XfccConnection } from './xfcc.ts'

/** What a connection asks and tells. */
export interface ConnectionOwner {
  readonly settings: ListenerSettings
  /** Responses are the last on their connections: the listener is going away. */
  readonly draining: boolean
  readonly deadlines: Deadlines
  /** A request has come. It is answered over `downstream`, or given to the host app; `body` is read from the connection. */
  request(head: RequestHead, text: string, connection: Http1Connection): void
  /** Ends here, outside of any exchange. */
  ended(error: MeshError): void
  closed(connection: Http1Connection): void
}

/** How a request goes to the host app. */
export interface HostedManner {
  readonly keepAlive: boolean
  readonly chunked: boolean
  /** It may become another protocol: if node:http says so too, everything that follows goes there. */
  readonly upgrade: boolean
}

/** How long a client may take to see the end of the last response before the connection is cut. */
const lingerMs = 2_000
/** How much of what it still sends is read in that time. */
const maxLingerBytes = 1_048_576
/** A client is given time for so much of what the host app answers. */
export const pieceBytes = 262_144
/** Bytes that are taken from the socket while nobody wants them; more wait there, and then nobody sees the client leave. */
const maxAheadBytes = 65_536

export class Http1Connection extends Timed implements BodySource, RequestEvents, ResponseLink {
  readonly socket: Socket
  /** Who is there by certificate; undefined: nobody said. */
  readonly client: XfccConnection | undefined
  readonly wrote: (error?: Error | null) => void
  readonly #owner: ConnectionOwner
  readonly #parser: RequestParser
  /** The socket of TCP, below TLS if that is spoken. */
  readonly #below: Socket | undefined
  /** Requests that it may carry; 0: any number. */
  readonly #maxRequests: number
  #requests = 0
  /** The exchange under way. */
  #downstream: Http1Downstream | undefined = undefined
  /** Where requests go that the host app answers. */
  #host: HostSocket | undefined = undefined
  /** Its request is being answered by the host app. */
  #hosted = false
  /** A request is under way: no other is begun. */
  #busy = false
  /** It has a body that is not all here. */
  #hasBody = false
  #receiver: BodyReceiver | undefined = undefined
  #paused = false
  #keepAlive = true
  /** Nothing more is read: the last response is on its way, or out. */
  #last = false
  #closing = false
  #detached = false
  /** The client has sent everything. */
  #ended = false
  #held: Buffer[] = []
  #heldBytes = 0
  #feeding = false
  #lingered = 0

  constructor(socket: Socket, owner: ConnectionOwner, below: Socket | undefined, client: XfccConnection | undefined) {
    super(owner.deadlines)
    const { limits, timeouts } = owner.settings
    this.socket = socket
    this.client = client
    this.#owner = owner
    this.#below = below
    this.#maxRequests = limits.requestsPerConnection
    this.#parser = new RequestParser(this, limits.headBytes)
    this.#parser.expect()
    this.wrote = (error) => this.#downstream?.wrote(error)
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('error', this.#onError)
    socket.on('close', this.#onClose)
    owner.deadlines.add(this)
    this.waitForClient(timeouts.requestHeadersMs, 'MESH_REQUEST_HEADERS_TIMEOUT')
  }

  /** It has carried requests, and waits for another one. */
  get idle(): boolean {
    return this.#requests > 0 && !this.#busy && this.#heldBytes === 0 && !this.#parser.inHead && !this.#closing && !this.#detached
  }

  get settings(): ListenerSettings {
    return this.#owner.settings
  }

  // -- what becomes of a request, said by the owner within `request`

  /** It is answered over the mesh. */
  begin(keepAlive: boolean, http10: boolean, upgrading: boolean): Http1Downstream {
    this.#keepAlive = keepAlive
    return (this.#downstream = new Http1Downstream(this, http10, upgrading))
  }

  /** It has a body: a length, or undefined for chunks. Nothing of it is read before somebody opens it. */
  expectBody(length: number | undefined): void {
    this.#hasBody = true
    this.#parser.expectBody(length ?? 'chunked')
  }

  /** The host app answers it. @param begin has node:http read from a socket */
  leaveToHost(text: string, { keepAlive, chunked, upgrade }: HostedManner, begin: (socket: HostSocket) => void): void {
    this.#keepAlive = keepAlive
    this.#hosted = true
    if (this.#host === undefined) begin((this.#host = new HostSocket(this)))
    this.#host.begin(text, chunked, upgrade)
    if (!this.#hasBody) return
    this.#waitForHostedBody()
    this.open(this.#host)
  }

  /** Bytes of the host app's response: the client is to take each piece of them in time. */
  write(bytes: Buffer, done: (error?: Error | null) => void): void {
    const piece = bytes.length > pieceBytes ? bytes.subarray(0, pieceBytes) : bytes
    this.socket.write(piece, (error) => {
      this.#waitForReader()
      if (piece === bytes || (error ?? undefined) !== undefined) done(error)
      else this.write(bytes.subarray(pieceBytes), done)
    })
    this.#waitForReader()
  }

  /** The request has become another protocol: from now on the host app reads and writes the socket's bytes. */
  goRaw(host: HostSocket): void {
    const early = this.detach()
    this.socket.on('data', (bytes: Buffer) => {
      if (!host.push(bytes)) this.socket.pause()
    })
    this.socket.on('end', () => host.push(null))
    this.socket.on('error', () => this.socket.destroy())
    this.socket.on('close', () => host.destroy())
    if (early !== undefined) host.push(early)
    if (this.#ended) host.push(null)
  }

  // -- BodySource

  open(receiver: BodyReceiver): void {
    this.#receiver = receiver
    this.#downstream?.bodyOpened()
    this.#resumeReading()
    this.#feedHeld()
  }

  pause(): void {
    // Behind its end nothing is held back: it is to be seen when the client leaves.
    if (!this.#hasBody) return
    this.#paused = true
    if (this.#hosted && this.#hasTaken()) this.clientAtMs = Infinity
    this.socket.pause()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    if (this.#hosted) this.#waitForHostedBody()
    this.#resumeReading()
    // Whoever asks for more is not given it before he has returned.
    if (this.#heldBytes > 0 || this.#ended) process.nextTick(() => this.#feedHeld())
  }

  // -- RequestEvents

  onHead(head: RequestHead, text: string): void {
    this.clientAtMs = Infinity
    this.#busy = true
    this.#requests++
    this.#owner.request(head, text, this)
  }

  onBody(chunk: Buffer): void {
    // Of exchanges it is the relay that waits.
    if (this.#hosted) this.#waitForHostedBody()
    this.#receiver?.receive(chunk)
  }

  onBodyEnd(raw: readonly string[] | undefined): void {
    const error = raw === undefined ? undefined : trailerFault(raw, this.#owner.settings)
    if (error !== undefined) return this.#break(error)
    const receiver = this.#receiver
    const trailers = raw === undefined ? undefined : passableTrailers(raw)
    this.#hasBody = false
    this.#receiver = undefined
    if (this.#hosted && this.#hasTaken()) this.clientAtMs = Infinity
    if (this.#paused) this.#readAhead()
    receiver?.finish(trailers === undefined ? undefined : new Headers(trailers))
    this.#goOn()
  }

  // -- ResponseLink

  get keepAliveText(): string {
    return this.#owner.settings.keepAliveText
  }

  isLast(): boolean {
    this.#last ||= !this.#keepAlive || this.#owner.draining || (this.#maxRequests > 0 && this.#requests >= this.#maxRequests)
    return this.#last
  }

  answered(close: boolean): void {
    this.#downstream = undefined
    this.#hosted = false
    this.#last ||= close
    // The rest of a request that nobody wants to read does not hold the connection for ever.
    if (this.#hasBody) this.waitForClient(this.#owner.settings.timeouts.requestBodyIdleMs, 'MESH_REQUEST_BODY_TIMEOUT')
    this.#goOn()
  }

  endSoon(): void {
    this.#close()
  }

  reset(): void {
    // Many clients take the mere end of TLS for the end of the response.
    reset(this.socket, this.#below)
  }

  detach(): Buffer | undefined {
    this.#detached = true
    this.clientAtMs = Infinity
    this.socket.off('data', this.#onData)
    this.socket.off('end', this.#onEnd)
    this.socket.off('error', this.#onError)
    return this.#heldBytes === 0 ? undefined : this.#takeHeld()
  }

  // -- ends

  /** Nobody needs it any more. */
  destroy(): void {
    this.socket.destroy()
  }

  timedOut(): void {
    const error = new MeshError(this.clientCode)
    if (this.#closing) return this.destroy()
    if (error.code === 'MESH_REQUEST_HEADERS_TIMEOUT') return this.#refuse(error)
    this.#owner.ended(error)
    this.destroy()
  }

  // -- reading

  /** May bytes be given to the parser now? */
  #wants(): boolean {
    if (this.#closing || this.#detached) return false
    return this.#busy ? this.#hasBody && this.#receiver !== undefined && !this.#paused : !this.#last
  }

  readonly #onData = (bytes: Buffer): void => {
    if (this.#closing) return this.#linger(bytes.length)
    // hot: nearly always the parser takes everything at once
    if (this.#heldBytes === 0 && !this.#feeding && this.#wants()) return this.#feed(bytes)
    this.#hold(bytes)
  }

  #feed(bytes: Buffer): void {
    let input = bytes
    this.#feeding = true
    while (input.length > 0 && this.#wants()) {
      const left = this.#parser.push(input)
      if (typeof left !== 'number') {
        this.#feeding = false
        return this.#break(left)
      }
      input = left === input.length ? input : input.subarray(input.length - left)
    }
    this.#feeding = false
    if (input.length > 0) this.#holdFirst(input)
    else if (!this.#busy && this.#parser.inHead) this.#waitForHead()
    if (this.#ended) this.#checkEnd()
  }

  #feedHeld(): void {
    if (this.#feeding || this.#detached) return
    if (this.#heldBytes > 0 && this.#wants()) {
      const bytes = this.#takeHeld()
      this.#resumeReading()
      this.#feed(bytes)
    } else if (this.#ended) this.#checkEnd()
  }

  #hold(bytes: Buffer): void {
    this.#held.push(bytes)
    this.#heldBytes += bytes.length
    if (this.#heldBytes > maxAheadBytes) this.socket.pause()
  }

  #holdFirst(bytes: Buffer): void {
    this.#held.unshift(bytes)
    this.#heldBytes += bytes.length
  }

  #takeHeld(): Buffer {
    const bytes = this.#held.length === 1 ? (this.#held[0] as Buffer) : Buffer.concat(this.#held)
    this.#held = []
    this.#heldBytes = 0
    return bytes
  }

  /** The body is here: what held it back does not hold back what follows. */
  #readAhead(): void {
    this.#paused = false
    this.#resumeReading()
  }

  #resumeReading(): void {
    if (!this.#paused && this.socket.isPaused()) this.socket.resume()
  }

  /** From its first bytes on: those that follow do not put it off. */
  #waitForHead(): void {
    if (this.#closing || (this.clientCode === 'MESH_REQUEST_HEADERS_TIMEOUT' && this.clientAtMs !== Infinity)) return
    this.waitForClient(this.#owner.settings.timeouts.requestHeadersMs, 'MESH_REQUEST_HEADERS_TIMEOUT')
  }

  /** While the host app takes it, and the client sends nothing. Somebody who does not read is given no more time for sending. */
  #waitForHostedBody(): void {
    if (!this.#hasTaken()) return
    this.waitForClient(this.#owner.settings.timeouts.requestBodyIdleMs, 'MESH_REQUEST_BODY_TIMEOUT')
  }

  /** A piece of the host app's response has been taken, or is to be. */
  #waitForReader(): void {
    if (!this.#hosted || this.#closing || this.#detached) return
    this.clientAtMs = Infinity
    if (!this.#hasTaken()) this.waitForClient(this.#owner.settings.timeouts.responseStallMs, 'MESH_RESPONSE_STALLED')
    else if (this.#hasBody && !this.#paused) this.#waitForHostedBody()
  }

  #hasTaken(): boolean {
    return this.socket.writableLength === 0
  }

  // -- from one request to the next, and to the end

  /** The exchange is over when it is answered and its request is all here. */
  #goOn(): void {
    if (!this.#busy || this.#downstream !== undefined || this.#hosted || this.#closing || this.#detached) return
    if (this.#last || this.#owner.draining) return this.#close()
    if (this.#hasBody) return
    this.#busy = false
    this.#paused = false
    this.#receiver = undefined
    this.#parser.expect()
    this.waitForClient(this.#owner.settings.timeouts.keepAliveMs, 'MESH_KEEP_ALIVE_TIMEOUT')
    if (this.#heldBytes > 0 || this.#ended) this.#feedHeld()
    else this.#resumeReading()
  }

  /** The parser has found what it cannot read on from. */
  #break(error: MeshError): void {
    if (!this.#busy) return this.#refuse(error)
    // It is in the body of the request under way, which fails; the answer that says so is the last one.
    this.#owner.ended(error)
    this.#last = true
    this.#hasBody = false
    const receiver = this.#receiver
    this.#receiver = undefined
    if (receiver === undefined) this.#close()
    else receiver.fail(error)
    this.#goOn()
  }

  /** Answers what is no request. */
  #refuse(error: MeshError): void {
    this.#owner.ended(error)
    this.#last = true
    if (this.socket.writable) this.socket.write(rawProblem(error), 'latin1')
    this.#close()
  }

  /** Ends our side, and gives the client time to read what was sent: to close with bytes unread would be a reset. */
  #close(): void {
    if (this.#closing || this.#detached) return
    this.#closing = true
    this.#held = []
    this.#heldBytes = 0
    this.socket.end()
    // Also of a client that has sent everything: it may not read what there is for it.
    this.waitForClient(lingerMs, 'MESH_KEEP_ALIVE_TIMEOUT')
    if (this.#ended || this.socket.destroyed) return void this.socket.destroySoon()
    if (this.socket.isPaused()) this.socket.resume()
  }

  #linger(bytes: number): void {
    this.#lingered += bytes
    // Held up rather than reset, it has the rest of its time to read the answer.
    if (this.#lingered > maxLingerBytes) this.socket.pause()
  }

  readonly #onEnd = (): void => {
    this.#ended = true
    if (this.#closing) return void this.socket.destroySoon()
    if (!this.#feeding) this.#feedHeld()
  }

  /** The client has sent everything, and all of it has been read. */
  #checkEnd(): void {
    if (this.#closing || this.#heldBytes > 0) return
    if (!this.#busy) return this.#parser.inHead ? this.#refuse(new MeshError('MESH_BAD_REQUEST', 'it ends within its head')) : this.#close()
    if (this.#hasBody && !this.#paused && this.#receiver !== undefined) this.#break(new MeshError('MESH_BAD_REQUEST', 'it ends within its body'))
  }

  readonly #onError = (cause: NodeJS.ErrnoException): void => {
    // What is broken below HTTP cannot be answered in HTTP.
    this.#owner.ended(new MeshError('MESH_CLIENT_CLOSED', cause.code, cause))
    this.socket.destroy()
  }

  readonly #onClose = (): void => {
    this.#owner.deadlines.remove(this)
    this.#owner.closed(this)
    if (this.#detached) return
    this.#closing = true
    const downstream = this.#downstream
    const receiver = this.#receiver
    this.#downstream = undefined
    this.#receiver = undefined
    this.#host?.destroy()
    downstream?.lost()
    if (downstream === undefined) receiver?.fail(new MeshError('MESH_CLIENT_CLOSED', 'the request body broke off'))
  }
}

/** Trailers that are too many, or that would frame the message anew. */
export function trailerFault(raw: readonly string[], { limits }: Pick<ListenerSettings, 'limits'>): MeshError | undefined {
  if (raw.length > limits.headerCount * 2) return new MeshError('MESH_TOO_MANY_HEADERS', `more than ${limits.headerCount} trailers`)
  for (let i = 0; i < raw.length; i += 2) {
    const kind = fieldKind(raw[i] as string)
    if (kind === field.contentLength || kind === field.transferEncoding) return new MeshError('MESH_BAD_FRAMING', `${raw[i]} as a trailer`)
  }
  return undefined
}

/** A whole response for a connection that has no exchange. */
export function rawProblem(error: MeshError): string {
  const body = new TextDecoder().decode(problem(error, '-').body)
  const { status } = errorKinds[error.code]
  return `HTTP/1.1 ${status} \r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`
}
