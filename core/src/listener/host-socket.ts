// What node:http takes for the client's socket when the host app answers a request: whole requests go in, responses come out.
import { Duplex } from 'node:stream'
import type { AddressInfo, Socket } from 'node:net'
import type { Headers } from '../headers.ts'
import type { BodyReceiver } from '../request-body.ts'
import { pieceBytes, type Http1Connection } from './http1-connection.ts'
import type { TLSSocket } from 'node:tls'

/** One for each connection on which the host app was ever asked. The request was read strictly before it comes here, and is framed anew. */
export class HostSocket extends Duplex implements BodyReceiver {
  readonly connection: Http1Connection
  #chunked = false
  #mayUpgrade = false
  #raw = false
  readonly #onTimeout = (): boolean => this.emit('timeout')

  constructor(connection: Http1Connection) {
    super({ allowHalfOpen: true, autoDestroy: true })
    this.connection = connection
  }

  /** A request comes: its head without its last line ends. */
  begin(text: string, chunked: boolean, mayUpgrade: boolean): void {
    this.#chunked = chunked
    this.#mayUpgrade = mayUpgrade
    this.push(Buffer.from(`${text}\r\n\r\n`, 'latin1'))
  }

  /** node:http takes the request for an upgrade. Answers whether it is to be one: then whatever follows comes here as it is. */
  upgrade(): boolean {
    if (!this.#mayUpgrade) return false
    this.#raw = true
    // What came with the head is being read by the connection.
    process.nextTick(() => this.connection.goRaw(this))
    return true
  }

  /** The response is out: what the host app has set for it ends. */
  answered(): void {
    this.setTimeout(0)
  }

  // -- what Node and applications ask a socket

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress
  }

  get remotePort(): number | undefined {
    return this.#socket.remotePort
  }

  get remoteFamily(): string | undefined {
    return this.#socket.remoteFamily
  }

  get localAddress(): string | undefined {
    return this.#socket.localAddress
  }

  get localPort(): number | undefined {
    return this.#socket.localPort
  }

  get bytesRead(): number {
    return this.#socket.bytesRead
  }

  get bytesWritten(): number {
    return this.#socket.bytesWritten
  }

  get encrypted(): boolean {
    return 'encrypted' in this.#socket
  }

  get authorized(): boolean {
    return this.#tls?.authorized ?? false
  }

  get servername(): string | false | null | undefined {
    return this.#tls?.servername
  }

  getProtocol(): string | null {
    return this.#tls?.getProtocol() ?? null
  }

  getPeerCertificate(detailed = false): ReturnType<TLSSocket['getPeerCertificate']> | undefined {
    return this.#tls?.getPeerCertificate(detailed)
  }

  get timeout(): number | undefined {
    return this.#socket.timeout
  }

  address(): AddressInfo {
    return this.#socket.address() as AddressInfo
  }

  /** As of a socket: `timeout` is emitted when nothing was sent or received for so long. */
  setTimeout(timeoutMs: number, onTimeout?: () => void): this {
    this.#socket.setTimeout(timeoutMs)
    this.#socket.off('timeout', this.#onTimeout)
    if (timeoutMs > 0) this.#socket.on('timeout', this.#onTimeout)
    if (onTimeout !== undefined && timeoutMs > 0) this.once('timeout', onTimeout)
    else if (onTimeout !== undefined) this.off('timeout', onTimeout)
    return this
  }

  ref(): this {
    this.#socket.ref()
    return this
  }

  unref(): this {
    this.#socket.unref()
    return this
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(enable?: boolean, initialDelayMs?: number): this {
    this.#socket.setKeepAlive(enable, initialDelayMs)
    return this
  }

  // -- BodyReceiver

  receive(chunk: Uint8Array): void {
    if (!this.#chunked) return this.#give(chunk)
    this.push(Buffer.from(`${chunk.byteLength.toString(16)}\r\n`, 'latin1'))
    this.push(chunk)
    this.#give(Buffer.from('\r\n', 'latin1'))
  }

  finish(trailers: Headers | undefined): void {
    if (!this.#chunked) return
    let text = '0\r\n'
    if (trailers !== undefined) for (const [name, value] of trailers) text += `${name}: ${value}\r\n`
    this.push(Buffer.from(`${text}\r\n`, 'latin1'))
  }

  fail(): void {
    this.destroy()
  }

  // -- Duplex

  override _read(): void {
    if (this.#raw) this.#socket.resume()
    else this.connection.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#send(chunk, done)
  }

  override _writev(chunks: { readonly chunk: Buffer }[], done: (error?: Error | null) => void): void {
    const all = chunks.map(({ chunk }) => chunk)
    // A head and its body leave together.
    if (all.reduce((sum, { length }) => sum + length, 0) <= pieceBytes) return this.#send(Buffer.concat(all), done)
    const next = (at: number): void => {
      const chunk = all[at]
      if (chunk === undefined) done()
      else this.#send(chunk, (error) => ((error ?? undefined) === undefined ? next(at + 1) : done(error)))
    }
    next(0)
  }

  override _final(done: () => void): void {
    if (this.#raw) this.#socket.end()
    else this.connection.endSoon()
    done()
  }

  override _destroy(_error: Error | null, done: (error: null) => void): void {
    // Whoever destroys what he takes for the socket means the connection.
    if (!this.writableFinished || this.#raw) this.#socket.destroy()
    done(null)
  }

  #send(bytes: Buffer, done: (error?: Error | null) => void): void {
    if (this.#raw) this.#socket.write(bytes, done)
    else this.connection.write(bytes, done)
  }

  #give(bytes: Uint8Array): void {
    if (!this.push(bytes)) this.connection.pause()
  }

  get #socket(): Socket {
    return this.connection.socket
  }

  get #tls(): TLSSocket | undefined {
    return this.encrypted ? (this.#socket as TLSSocket) : undefined
  }
}
