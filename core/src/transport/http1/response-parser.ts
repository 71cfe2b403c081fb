// Reads HTTP/1.1 responses off a connection to an endpoint.
import { MeshError } from '../../errors.ts'
import { passableTrailers } from '../../fields.ts'
import { Headers } from '../../headers.ts'
import { MessageParser, type ParserCodes } from '../../http1/message-parser.ts'
import { readResponseHead, type ResponseHead } from '../response-head.ts'

/** What the parser tells, in wire order. */
export interface ResponseEvents {
  /** A head: interim, 101 or final. */
  onHead(head: ResponseHead): void
  onBody(chunk: Uint8Array): void
  /** The response is complete. `rest` are the bytes behind it, of which there should be none. */
  onComplete(trailers: Headers | undefined, rest: number): void
  /** 101 was accepted: what follows belongs to the new protocol. */
  onSwitch(rest: Buffer): void
}

/** Fields of one head. */
const maxFields = 1_000
/** Interim responses before one final response. */
const maxInterim = 100

const codes: ParserCodes = {
  head: 'MESH_UPSTREAM_PROTOCOL',
  framing: 'MESH_UPSTREAM_PROTOCOL',
  headTooLarge: 'MESH_UPSTREAM_HEAD_TOO_LARGE',
  tooManyFields: 'MESH_UPSTREAM_HEAD_TOO_LARGE',
}

/** One per connection. `expect` before each request. */
export class ResponseParser extends MessageParser {
  readonly #events: ResponseEvents
  #headless = false
  #mayUpgrade = false
  #interim = 0
  #begun = false
  /** What is being pushed: of a 101 the rest is the new protocol's. */
  #bytes: Buffer | undefined = undefined

  constructor(events: ResponseEvents, maxHeadBytes: number) {
    super(codes, { headBytes: maxHeadBytes, fields: maxFields })
    this.#events = events
  }

  /** A request goes out: its response is next. `head`: it is a HEAD; `upgrade`: 101 may come. */
  expect(head: boolean, upgrade: boolean): void {
    this.begin()
    this.#headless = head
    this.#mayUpgrade = upgrade
    this.#interim = 0
    this.#begun = false
  }

  /** Has any byte of the response come, be it a wrong one? */
  get begun(): boolean {
    return this.#begun
  }

  /** Takes bytes. Answers an error, or undefined. */
  take(bytes: Buffer): MeshError | undefined {
    this.#begun = true
    this.#bytes = bytes
    const left = this.push(bytes)
    return typeof left === 'number' ? undefined : left
  }

  /** The endpoint has ended the connection. Answers an error unless the response is complete by that. */
  endpointEnded(): MeshError | undefined {
    return this.end() ? new MeshError('MESH_UPSTREAM_CLOSED', 'the connection ended in the middle of a response') : undefined
  }

  // -- the parser's events

  protected override onHead(text: string, left: number): MeshError | undefined {
    const head = this.#readHead(text)
    if (head instanceof MeshError) return head
    const { status } = head.response
    if (status === 101) return this.#switch(head, left)
    if (status < 200) {
      if (++this.#interim > maxInterim) return this.broken(`more than ${maxInterim} interim responses`)
      this.#events.onHead(head)
      return undefined
    }
    const bodyless = this.#headless || status === 204 || status === 304 || head.contentLength === 0
    if (bodyless) this.finish()
    else this.body(head.chunked ? 'chunked' : (head.contentLength ?? 'close'))
    this.#events.onHead(head)
    if (bodyless) this.#events.onComplete(undefined, left)
    return undefined
  }

  protected override onBody(chunk: Buffer): void {
    this.#events.onBody(chunk)
  }

  protected override onComplete(raw: string[] | undefined, left: number): void {
    const trailers = raw === undefined ? undefined : passableTrailers(raw)
    this.#events.onComplete(trailers === undefined ? undefined : new Headers(trailers), left)
  }

  #switch(head: ResponseHead, left: number): MeshError | undefined {
    if (!this.#mayUpgrade) return this.broken('101 to a request that did not ask for an upgrade')
    const bytes = this.#bytes as Buffer
    this.finish()
    this.#events.onHead(head)
    this.#events.onSwitch(bytes.subarray(bytes.length - left))
    return undefined
  }

  #readHead(text: string): ResponseHead | MeshError {
    const lineLength = text.indexOf('\r\n')
    const line = lineLength < 0 ? text : text.slice(0, lineLength)
    // status-line = HTTP-version SP status-code SP [ reason-phrase ]; the second SP is often forgotten.
    const parts = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: (.*))?$/.exec(line)
    if (parts === null) return this.broken(`status line ${JSON.stringify(line.slice(0, 64))}`)
    const raw = lineLength < 0 ? [] : this.readFields(text, lineLength + 2)
    if (raw instanceof MeshError) return raw
    const head = readResponseHead(Number(parts[2]), parts[3] ?? '', raw)
    if (head instanceof MeshError || parts[1] === '1') return head
    if (head.chunked) return this.broken('Transfer-Encoding in HTTP/1.0')
    return { ...head, close: true }
  }
}
