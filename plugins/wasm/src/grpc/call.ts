// One gRPC call: a stream of HTTP/2 and what it tells, in the order that guests expect.
import type { Buffer } from 'node:buffer'
import { constants, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2'
import { MeshError } from '@meshwright/core/thread'
import type { GrpcCall, GrpcEvents } from '../host/surroundings.ts'
import { Deframer, frame } from './framing.ts'
import { GrpcStatus, messageIn, statusIn, statusOfHttp, statusOfReset } from './status.ts'

/** Of one message that comes, as in gRPC's own libraries. */
const maxMessageBytes = 4 * 1_048_576
/** Of messages that wait to be sent. */
const maxWaitingBytes = 16 * 1_048_576

export interface Asked {
  readonly authority: string
  readonly secure: boolean
  readonly path: string
  /** Name, value, name, value, … */
  readonly metadata: readonly string[]
  /** Milliseconds; 0: no deadline. */
  readonly timeoutMs: number
}

/**
 * Its events, each later than what has caused it: initial metadata; messages; trailing metadata; closed. The metadata come
 * in any case and are empty where there are none, as Envoy does it.
 */
export class Call implements GrpcCall {
  readonly #events: GrpcEvents
  readonly #over: (error?: MeshError) => void
  readonly #stream: ClientHttp2Stream
  readonly #deframer = new Deframer(maxMessageBytes)
  readonly #timer: NodeJS.Timeout | undefined
  #headSeen = false
  #ended = false

  /**
   * @param over told once, with what is wrong with the endpoint
   * @throws what Node says of metadata that HTTP cannot carry, or of a session that is closing
   */
  constructor(session: ClientHttp2Session, asked: Asked, events: GrpcEvents, over: (error?: MeshError) => void) {
    this.#events = events
    this.#over = over
    this.#stream = session.request(headOf(asked), { endStream: false })
    session.ref()
    this.#timer = asked.timeoutMs > 0 ? setTimeout(() => this.#expire(), asked.timeoutMs) : undefined
    this.#stream
      .on('response', (head, flags) => this.#respond(head, (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0))
      .on('trailers', (trailers: IncomingHttpHeaders) => this.#trail(trailers))
      .on('data', (chunk: Buffer) => this.#take(chunk))
      .on('end', () => this.#end())
      .on('error', () => {})
      .on('close', () => this.#close(session))
  }

  send(message: Buffer, last: boolean): void {
    if (this.#ended || this.#stream.writableEnded || this.#stream.destroyed) return
    if (this.#stream.writableLength > maxWaitingBytes) {
      this.#fail(GrpcStatus.resourceExhausted, 'too much waits to be sent')
      return
    }
    if (last) this.#stream.end(frame(message))
    else this.#stream.write(frame(message))
  }

  end(): void {
    if (!this.#ended && !this.#stream.destroyed) this.#stream.end()
  }

  cancel(): void {
    if (this.#ended) return
    this.#finish(new MeshError('MESH_CLIENT_CLOSED', 'the call was given up'))
    this.#stream.close(constants.NGHTTP2_CANCEL)
  }

  #respond(head: IncomingHttpHeaders, ends: boolean): void {
    if (this.#ended) return
    const status = Number(head[':status'])
    this.#headSeen = true
    this.#events.initialMetadata(ends ? [] : listOf(head))
    if (this.#isOver()) return
    if (status !== 200) return this.#fail(statusIn(head['grpc-status']) ?? statusOfHttp(status), messageIn(head['grpc-message']), new MeshError('MESH_UPSTREAM_PROTOCOL', `gRPC with status ${status}`))
    if (ends) this.#trail(head)
  }

  #take(chunk: Buffer): void {
    if (this.#ended) return
    const unreadable = this.#deframer.push(chunk, (message) => {
      if (!this.#ended) this.#events.message(message)
    })
    if (unreadable === 'too large') this.#fail(GrpcStatus.resourceExhausted, `a message of more than ${maxMessageBytes} bytes`)
    else if (unreadable !== undefined) this.#fail(GrpcStatus.internal, 'a message that is compressed', new MeshError('MESH_UPSTREAM_PROTOCOL', 'a compressed gRPC message'))
  }

  #trail(trailers: IncomingHttpHeaders): void {
    if (this.#ended) return
    if (this.#deframer.inside) return this.#fail(GrpcStatus.internal, 'the stream ended in the middle of a message', new MeshError('MESH_UPSTREAM_PROTOCOL', 'half a gRPC message'))
    this.#finish()
    this.#events.trailingMetadata(listOf(trailers))
    this.#events.closed(statusIn(trailers['grpc-status']) ?? GrpcStatus.unknown, messageIn(trailers['grpc-message']))
  }

  /** Without trailers: whoever answers so does not speak gRPC. */
  #end(): void {
    if (this.#headSeen) this.#fail(this.#deframer.inside ? GrpcStatus.internal : GrpcStatus.unknown, 'the stream ended without a status', new MeshError('MESH_UPSTREAM_PROTOCOL', 'gRPC without trailers'))
  }

  #expire(): void {
    this.#fail(GrpcStatus.deadlineExceeded, 'the deadline is over', new MeshError('MESH_DEADLINE_EXCEEDED'))
  }

  /** The stream is gone, and nothing was said of how it ended. */
  #close(session: ClientHttp2Session): void {
    const code = this.#stream.rstCode
    if (session.destroyed || session.closed || this.#stream.id === undefined) {
      return this.#fail(GrpcStatus.unavailable, this.#headSeen ? 'the connection broke off' : 'there is no connection', new MeshError(this.#headSeen ? 'MESH_UPSTREAM_CLOSED' : 'MESH_CONNECT_FAILED', 'gRPC'))
    }
    this.#fail(statusOfReset(code), `the stream was reset with code ${code}`, new MeshError('MESH_UPSTREAM_CLOSED', `gRPC stream reset with code ${code}`))
  }

  #fail(status: number, message: string, error?: MeshError): void {
    if (this.#ended) return
    this.#finish(error)
    if (!this.#stream.closed && !this.#stream.destroyed) this.#stream.close(constants.NGHTTP2_CANCEL)
    if (!this.#headSeen) this.#events.initialMetadata([])
    this.#events.trailingMetadata([])
    this.#events.closed(status, message)
  }

  /** The guest may have given it up in an event. */
  #isOver(): boolean {
    return this.#ended
  }

  #finish(error?: MeshError): void {
    this.#ended = true
    clearTimeout(this.#timer)
    this.#over(error)
  }
}

/** What this side says itself. */
const own: ReadonlySet<string> = new Set(['te', 'content-type', 'grpc-timeout', 'host', 'connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'content-length'])

function headOf({ authority, secure, path, metadata, timeoutMs }: Asked): OutgoingHttpHeaders {
  const head: Record<string, string | string[]> = { ':method': 'POST', ':scheme': secure ? 'https' : 'http', ':path': path, ':authority': authority, 'te': 'trailers', 'content-type': 'application/grpc' }
  if (timeoutMs > 0) head['grpc-timeout'] = timeoutOf(timeoutMs)
  for (let at = 0; at < metadata.length; at += 2) {
    const name = (metadata[at] as string).toLowerCase()
    const value = metadata[at + 1] as string
    if (name.startsWith(':') || own.has(name)) continue
    const known = head[name]
    head[name] = known === undefined ? value : [...(Array.isArray(known) ? known : [known]), value]
  }
  return head
}

/** At most eight digits. */
function timeoutOf(ms: number): string {
  return ms < 100_000_000 ? `${Math.ceil(ms)}m` : `${Math.ceil(ms / 1_000)}S`
}

function listOf(headers: IncomingHttpHeaders): string[] {
  const list: string[] = []
  for (const [name, value] of Object.entries(headers)) {
    // The status is a number, whatever the types say.
    const values: readonly (string | number | undefined)[] = Array.isArray(value) ? value : [value]
    for (const one of values) if (one !== undefined) list.push(name, String(one))
  }
  return list
}
