// The client's side of one HTTP/1.1 exchange, over node:http's ServerResponse.
import { STATUS_CODES, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { MeshError } from '../errors.ts'
import type { Response } from '../exchange.ts'
import { passableTrailers } from '../fields.ts'
import type { ByteCounts, Downstream, DownstreamRelay } from '../flow.ts'
import { Headers } from '../headers.ts'
import { joinTunnel } from './tunnel.ts'

const downstreamOf: unique symbol = Symbol('meshwright.downstream')
type OwnResponse = ServerResponse & { [downstreamOf]: Http1Downstream }

// One listener function for all exchanges: a closure per request would cost an allocation each.
function onClose(this: ServerResponse): void {
  ;(this as OwnResponse)[downstreamOf].relay?.closed(this.writableFinished)
}
function onError(): void {
  // 'close' follows and tells it; without a listener the error would end the process.
}

const noFields = new Headers()
const noReason = /[^\t\x20-\x7e\x80-\xff]/

/** Up to here a body is written together with its head. */
const maxMergedBytes = 16_384

/** How much may wait to be sent. */
const maxWaitingBytes = 262_144

/** The bytes as a text that Node writes back as the same bytes. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

/** An endpoint's own reason phrase, if it has one that may be written. */
function toReason(status: number, reason: string): string | undefined {
  if (reason === '' || reason === STATUS_CODES[status]) return undefined
  return noReason.test(reason) ? undefined : reason
}

let unflushed: ServerResponse[] = []

/** Sends the head at the end of this turn of the event loop unless a body has taken it along by then. */
function flushSoon(response: ServerResponse): void {
  // hot: one callback per turn for all responses, as nearly all have ended by then (bench small)
  if (unflushed.push(response) === 1) setImmediate(flushHeads)
}

function flushHeads(): void {
  const waiting = unflushed
  unflushed = []
  for (const response of waiting) if (!response.writableEnded && !response.destroyed) response.flushHeaders()
}

/** What the listener has to say about a connection before the head goes out. */
export interface ConnectionPolicy {
  /** Must the connection end with this response? Asked once, when its head is sent. */
  isLast(response: ServerResponse): boolean
  /** Ends the connection so that the client sees that something is missing. */
  reset(socket: Socket): void
}

export class Http1Downstream implements Downstream {
  relay: DownstreamRelay | undefined = undefined
  readonly #response: ServerResponse
  readonly #policy: ConnectionPolicy
  readonly #http10: boolean
  /** The bytes that came behind the head of an upgrade request. */
  readonly #upgradeHead: Buffer | undefined
  #closing = false
  /** The client waits for its 100 and has not got it. */
  #awaitsContinue = false
  #bodyless = false
  /** Content-Length, if the whole body may come in one small chunk; -1 otherwise. */
  #wholeBytes = -1
  /** That chunk, kept back until `end` so that head and body leave in one write. */
  #whole: string | undefined = undefined
  #trailersAllowed = false
  /** Content-Length or chunked: the client can tell the end of the body. */
  #framed = false
  /** Somebody waits for everything to be sent. */
  #awaited = false
  #onWritten: ((error?: Error | null) => void) | undefined = undefined

  /** @param upgradeHead given for upgrade requests only */
  constructor(response: ServerResponse, policy: ConnectionPolicy, upgradeHead?: Buffer) {
    this.#response = response
    this.#policy = policy
    this.#upgradeHead = upgradeHead
    this.#http10 = response.req.httpVersionMinor === 0
    ;(response as OwnResponse)[downstreamOf] = this
    response.on('close', onClose)
    response.on('error', onError)
  }

  get headSent(): boolean {
    return this.#response.headersSent
  }

  /** The connection cannot be used after this exchange. */
  closeAfter(): void {
    this.#closing = true
  }

  /** The client has a body and waits to be asked for it. */
  expectBody(): void {
    this.#awaitsContinue = true
  }

  /** Somebody reads the body: the client must be told to send it if the endpoint has not done so. */
  bodyOpened(): void {
    if (this.#awaitsContinue) this.inform(100, noFields)
  }

  inform(status: number, headers: Headers): void {
    const response = this.#response
    if (this.#http10 || response.headersSent || response.destroyed || this.#upgradeHead !== undefined) return
    if (status === 100) {
      if (!this.#awaitsContinue) return
      this.#awaitsContinue = false
      response.writeContinue()
    } else writeInterim(response, status, headers)
  }

  head(status: number, reason: string, headers: Headers, bodyless: boolean): boolean {
    const response = this.#response
    if (response.destroyed) return true
    this.#bodyless = bodyless
    const list = headers.toList() as string[]
    const length = headers.get('content-length')
    this.#framed = bodyless || length !== undefined || !this.#http10
    this.#trailersAllowed = !this.#http10 && !bodyless && length === undefined
    if (!bodyless && length !== undefined && length.length <= 5) this.#wholeBytes = Number(length)
    if (this.#closing || this.#awaitsContinue || this.#policy.isLast(response) || (this.#http10 && !bodyless && length === undefined)) {
      response.shouldKeepAlive = false
      list.push('connection', 'close')
    }
    try {
      response.writeHead(status, toReason(status, reason), list)
      // Node keeps the head until there is a body; an endpoint that sends its body later wants it to go out.
      if (!bodyless) flushSoon(response)
      return true
    } catch {
      // Node refuses what cannot stand in a head; nothing has been written then. The caller has a code for it.
      return false
    }
  }

  write(chunk: Uint8Array): boolean {
    if (this.#bodyless) return true
    if (chunk.byteLength === this.#wholeBytes && chunk.byteLength <= maxMergedBytes) {
      // The length says that nothing but the end can follow.
      this.#whole = latin1(chunk)
      return true
    }
    this.#onWritten ??= (error) => this.#written(error)
    // An answer that waits behind an earlier one has no socket yet; nobody is to wait for it with the bytes in hand.
    this.#response.write(this.#response.socket === null ? Buffer.from(chunk) : chunk, this.#onWritten)
    if (this.#response.writableLength < maxWaitingBytes) return true
    this.#awaited = true
    return false
  }

  flush(): boolean {
    const response = this.#response
    const { socket } = response
    if (socket === null) return true
    // Node has corked it until the end of the turn.
    while (socket.writableCorked > 0) socket.uncork()
    if (response.writableLength === 0) return true
    this.#awaited = true
    return false
  }

  end(trailers: Headers | undefined): void {
    if (trailers !== undefined && this.#trailersAllowed) this.#addTrailers(trailers)
    // hot: one string is written with one copy and one system call, head and body apart cost 4 µs more (bench small)
    if (this.#whole !== undefined) this.#response.end(this.#whole, 'latin1')
    else this.#response.end()
  }

  /** A filter may have set them; Node would throw at what cannot stand there. */
  #addTrailers(trailers: Headers): void {
    const passable = passableTrailers(trailers.toList())
    if (passable !== undefined) this.#response.addTrailers([...new Headers(passable)])
  }

  abort(): void {
    const response = this.#response
    const { socket } = response
    if (socket === null) {
      // It waits behind the answer to an earlier request, which is to arrive whole: the cut comes when its turn would.
      response.assignSocket = (its) => void its.destroy()
    } else if (!socket.destroyed) {
      // A body whose framing tells its end is seen to be cut by a mere close, and what was sent before still arrives.
      // Otherwise, or where the client does not read, only a reset says it.
      if (this.#framed && response.headersSent && !response.writableNeedDrain) {
        response.flushHeaders()
        socket.destroySoon()
      } else this.#policy.reset(socket)
    }
    response.destroy()
  }

  tunnel(response: Response, upstream: Duplex, idleTimeoutMs: number, counts: ByteCounts, done: (error: MeshError | undefined) => void): void {
    const { socket } = this.#response
    if (socket === null || socket.destroyed) {
      upstream.destroy()
      done(undefined)
      return
    }
    this.#response.off('close', onClose)
    this.#response.detachSocket(socket)
    joinTunnel({ socket, head: this.#upgradeHead, response, upstream, idleTimeoutMs, counts, done })
  }

  /** What was written last has been sent, or lost: then 'close' follows. */
  #written(error: Error | null | undefined): void {
    if (!this.#awaited || (error !== undefined && error !== null) || this.#response.writableLength > 0) return
    this.#awaited = false
    this.relay?.drained()
  }
}

/** 102, 103 and whatever else is interim. Node offers a method for 103 only, so the line is written as it stands. */
function writeInterim(response: ServerResponse, status: number, headers: Headers): void {
  const { socket } = response
  if (socket === null || status < 102 || status > 199) return
  let text = `HTTP/1.1 ${status} \r\n`
  for (const [name, value] of headers) text += `${name}: ${value}\r\n`
  socket.write(`${text}\r\n`, 'latin1')
}
