// One end of a raw TCP connection: sends exact bytes, keeps what arrived, and parses it as strictly as the RFC does.
import type { Socket } from 'node:net'
import { type RawRequest, type RawResponse, parseRequest, parseResponse } from './message.ts'

/** How a connection ended: the other side closed it in order, or reset it. */
export type Ending = 'end' | 'reset'

/** More than a busy machine needs, less than a test may take. */
const patienceMs = 30_000

/** A connection that does nothing by itself. Bytes given as strings are latin1: one character, one byte. */
export class Wire {
  readonly socket: Socket
  /** Everything that ever arrived. */
  received: Buffer = Buffer.alloc(0)
  /** Undefined while the other side may still send. */
  ending: Ending | undefined = undefined
  readonly #wakers = new Set<() => void>()
  #taken = 0

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk])
      this.#wake()
    })
    const end = (ending: Ending) => (): void => {
      this.ending ??= ending
      this.#wake()
    }
    socket.on('end', end('end'))
    socket.on('error', end('reset'))
    socket.on('close', end('reset'))
  }

  /** Waits until the other side has closed or reset the connection. */
  get closed(): Promise<Ending> {
    return this.until(() => this.ending, 'the end of the connection')
  }

  /** Sends bytes as they are. */
  send(bytes: string | Uint8Array): this {
    if (!this.socket.destroyed) this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    return this
  }

  /** Sends FIN: nothing more will come from here, the other direction stays open. */
  halfClose(): this {
    this.socket.end()
    return this
  }

  /** Sends RST. */
  reset(): void {
    this.socket.resetAndDestroy()
  }

  /** Stops reading, so that the kernel's buffers fill and the other side is held up. */
  pause(): this {
    this.socket.pause()
    return this
  }

  resume(): this {
    this.socket.resume()
    return this
  }

  /** What arrived and was not yet taken by `request` or `response`. */
  get rest(): Buffer {
    return this.received.subarray(this.#taken)
  }

  /** What arrived, as latin1 text. */
  get text(): string {
    return this.received.toString('latin1')
  }

  /** Waits until `probe` answers something else than undefined; fails when nothing more can arrive, or nothing does. */
  async until<T>(probe: (wire: this) => T | undefined, what: string): Promise<T> {
    const giveUpAt = performance.now() + patienceMs
    for (;;) {
      const found = probe(this)
      if (found !== undefined) return found
      const seen = (): string => JSON.stringify(this.rest.toString('latin1').slice(0, 2000))
      if (this.ending !== undefined) throw new Error(`the connection ended (${this.ending}) before ${what}; there was ${seen()}`)
      if (performance.now() > giveUpAt) throw new Error(`waited too long for ${what}; there was ${seen()}`)
      await this.#change(giveUpAt - performance.now())
    }
  }

  /** Waits for text anywhere in what arrived. */
  async untilText(text: string): Promise<void> {
    await this.until(() => (this.text.includes(text) ? true : undefined), JSON.stringify(text))
  }

  /** Takes the next whole request off the connection. */
  request(): Promise<RawRequest> {
    return this.until(() => this.#take(parseRequest(this.rest)), 'a whole request')
  }

  /** Takes the head of the next request off the connection and leaves its body where it is. */
  requestHead(): Promise<RawRequest> {
    return this.until(() => this.#take(parseRequest(this.rest, true)), 'a request head')
  }

  /**
   * Takes the next response off the connection, interim ones included. One that is delimited by the close of the
   * connection must be closed in order, not reset.
   * @param method what was asked: HEAD has no body
   */
  async response(method = 'GET'): Promise<RawResponse> {
    const found = await this.#response(method)
    if (!found.complete) throw new Error(`the response was cut: ${JSON.stringify(found)}`)
    return found
  }

  /** Takes a response that must not be complete: the connection ended inside it. */
  async cutResponse(method = 'GET'): Promise<RawResponse> {
    await this.closed
    const found = await this.#response(method)
    if (found.complete) throw new Error(`the response looks complete: ${JSON.stringify(found.body.toString('latin1').slice(0, 200))}`)
    return found
  }

  /** Skips interim responses. */
  async finalResponse(method = 'GET'): Promise<RawResponse> {
    for (;;) {
      const found = await this.response(method)
      if (found.status >= 200) return found
    }
  }

  async #response(method: string): Promise<RawResponse> {
    for (;;) {
      const found = this.#take(parseResponse(this.rest, method, this.ending))
      if (found !== undefined) return found
      await this.until((wire) => (parseResponse(wire.rest, method, wire.ending) === undefined ? undefined : true), 'a whole response')
    }
  }

  #take<T extends { bytes: number }>(found: T | undefined): T | undefined {
    if (found !== undefined) this.#taken += found.bytes
    return found
  }

  #change(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => wake(), Math.max(1, milliseconds))
      const wake = (): void => {
        clearTimeout(timer)
        this.#wakers.delete(wake)
        resolve()
      }
      this.#wakers.add(wake)
    })
  }

  #wake(): void {
    for (const wake of this.#wakers) wake()
  }
}
