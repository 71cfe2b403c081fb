// The client's side of one HTTP/1.1 exchange, over node:http's ServerResponse.
import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { MeshError } from '../errors.ts'
import type { Response } from '../exchange.ts'
import type { ByteCounts, Downstream, DownstreamRelay } from '../flow.ts'
import { Headers } from '../headers.ts'
import { joinTunnel } from './tunnel.ts'

const downstreamOf: unique symbol = Symbol('meshwright.downstream')
type OwnResponse = ServerResponse & { [downstreamOf]: Http1Downstream }

// One listener function for all exchanges: a closure per request would cost an allocation each.
function onDrain(this: ServerResponse): void {
  ;(this as OwnResponse)[downstreamOf].relay?.drained()
}
function onClose(this: ServerResponse): void {
  ;(this as OwnResponse)[downstreamOf].relay?.closed(this.writableFinished)
}
function onError(): void {
  // 'close' follows and tells it; without a listener the error would end the process.
}

const noFields = new Headers()
const noReason = /[^\t\x20-\x7e\x80-\xff]/

/** What the listener has to say about a connection before the head goes out. */
export interface ConnectionPolicy {
  /** Must the connection end after this response? Asked once, when the head is sent. */
  lastResponse(): boolean
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
  #trailersAllowed = false
  #onDrainSet = false

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
    const chunked = !this.#http10 && !bodyless && !headers.has('content-length')
    this.#trailersAllowed = chunked
    if (this.#closing || this.#awaitsContinue || this.#policy.lastResponse() || (this.#http10 && !bodyless && !headers.has('content-length'))) {
      response.shouldKeepAlive = false
      list.push('connection', 'close')
    }
    try {
      response.writeHead(status, reason === '' || noReason.test(reason) ? undefined : reason, list)
      return true
    } catch {
      // Node refuses what cannot stand in a head; nothing has been written then. The caller has a code for it.
      return false
    }
  }

  write(chunk: Uint8Array): boolean {
    if (this.#bodyless || this.#response.write(chunk)) return true
    if (!this.#onDrainSet) {
      this.#onDrainSet = true
      this.#response.on('drain', onDrain)
    }
    return false
  }

  end(trailers: Headers | undefined): void {
    if (trailers !== undefined && this.#trailersAllowed) this.#response.addTrailers([...trailers])
    this.#response.end()
  }

  abort(): void {
    const { socket } = this.#response
    // A reset, so that even a body that is delimited by the close is seen to be cut.
    if (socket !== null && !socket.destroyed) socket.resetAndDestroy?.() ?? socket.destroy()
    this.#response.destroy()
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
}

/** 102, 103 and whatever else is interim. Node offers a method for 103 only, so the line is written as it stands. */
function writeInterim(response: ServerResponse, status: number, headers: Headers): void {
  const { socket } = response
  if (socket === null || status < 102 || status > 199) return
  let text = `HTTP/1.1 ${status} \r\n`
  for (const [name, value] of headers) text += `${name}: ${value}\r\n`
  socket.write(`${text}\r\n`, 'latin1')
}
