// Reads HTTP/1.1 requests off a client's connection.
import { MeshError } from '../errors.ts'
import { isToken } from '../fields.ts'
import { MessageParser, type Framing, type ParserCodes } from '../http1/message-parser.ts'

/** A request's head as it stands on the wire. */
export interface RequestHead {
  readonly method: string
  /** The target, in whichever form. */
  readonly url: string
  readonly httpVersion: string
  readonly httpVersionMajor: number
  readonly httpVersionMinor: number
  /** name, value, name, value, … */
  readonly rawHeaders: readonly string[]
}

/** What the parser tells, in wire order. */
export interface RequestEvents {
  /** A head. It says by `expectBody` whether a body follows; otherwise the request is complete. `text`: the head as it came, without its last line ends. */
  onHead(head: RequestHead, text: string): void
  onBody(chunk: Buffer): void
  /** The body is complete. @param trailers name, value, name, value, … */
  onBodyEnd(trailers: readonly string[] | undefined): void
}

const codes: ParserCodes = { head: 'MESH_BAD_REQUEST', framing: 'MESH_BAD_FRAMING', headTooLarge: 'MESH_HEAD_TOO_LARGE', tooManyFields: 'MESH_TOO_MANY_HEADERS' }

// hot: a token need not be looked for in these
const usualMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
/** Nobody has registered one half as long. */
const maxMethodLength = 64

/** One per connection. `expect` before each request. */
export class RequestParser extends MessageParser {
  readonly #events: RequestEvents

  constructor(events: RequestEvents, headBytes: number) {
    // How many fields there may be is looked at later, so that the refusal is an exchange that can be logged; bytes bound them here.
    super(codes, { headBytes, fields: headBytes })
    this.#events = events
  }

  /** Another request may come. */
  expect(): void {
    this.begin()
  }

  /** The request whose head is being told has a body. */
  expectBody(framing: Exclude<Framing, 'close'>): void {
    this.body(framing)
  }

  protected override onHead(text: string): MeshError | undefined {
    // RFC 9112 §2.2: empty lines before a request are skipped.
    if (text === '') return undefined
    if (text.startsWith('\r\n')) return this.onHead(text.slice(2))
    const head = this.#read(text)
    if (head instanceof MeshError) return head
    this.finish()
    this.stop()
    this.#events.onHead(head, text)
    return undefined
  }

  protected override onBody(chunk: Buffer): void {
    this.#events.onBody(chunk)
  }

  protected override onComplete(trailers: string[] | undefined): void {
    this.#events.onBodyEnd(trailers)
  }

  /** request-line = method SP request-target SP HTTP-version */
  #read(text: string): RequestHead | MeshError {
    let end = text.indexOf('\r\n')
    if (end < 0) end = text.length
    const methodEnd = text.indexOf(' ')
    const targetEnd = end - 9
    if (methodEnd <= 0 || targetEnd <= methodEnd || text[targetEnd] !== ' ') return this.broken('the request line is not method, target and version')
    const version = text.slice(targetEnd + 1, end)
    // hot: nearly every client speaks HTTP/1.1
    if (version !== 'HTTP/1.1' && !/^HTTP\/[0-9]\.[0-9]$/.test(version)) return this.broken('the version is not HTTP/digit.digit')
    const method = text.slice(0, methodEnd)
    if (!usualMethods.has(method) && (method.length > maxMethodLength || !isToken(method))) return this.broken('the method is not a token, or a long one')
    const rawHeaders = end === text.length ? [] : this.readFields(text, end + 2)
    if (rawHeaders instanceof MeshError) return rawHeaders
    return {
      method,
      url: text.slice(methodEnd + 1, targetEnd),
      httpVersion: version.slice(5),
      httpVersionMajor: version.charCodeAt(5) - 48,
      httpVersionMinor: version.charCodeAt(7) - 48,
      rawHeaders,
    }
  }
}
