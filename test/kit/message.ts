// A strict parser of whole HTTP/1.1 messages: what it does not accept, no proxy should have sent.
import type { Ending } from './wire.ts'

/** What requests and responses share. */
export interface RawMessage {
  readonly version: string
  /** Names and values as they stood on the wire. */
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Buffer
  readonly trailers: readonly (readonly [string, string])[]
  readonly framing: 'none' | 'length' | 'chunked' | 'close'
  /** How many bytes of the connection it took. */
  readonly bytes: number
  /** The head as it stood on the wire, latin1. */
  readonly head: string
  /** The values of a name, whatever its case. */
  all(name: string): string[]
  /** The only value of a name; undefined if there is none, an error if there are several. */
  one(name: string): string | undefined
}

export interface RawRequest extends RawMessage {
  readonly method: string
  readonly target: string
}

export interface RawResponse extends RawMessage {
  readonly status: number
  readonly reason: string
  /** False when the connection ended inside it. */
  readonly complete: boolean
}

/** The next request, or undefined while it is not whole. Throws on anything the RFC does not allow a sender. */
export function parseRequest(bytes: Buffer, headOnly = false): RawRequest | undefined {
  const head = takeHead(bytes)
  if (head === undefined) return undefined
  const line = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) HTTP\/(1\.1)$/.exec(head.line)
  if (line === null) throw new Error(`not a request line: ${JSON.stringify(head.line)}`)
  const length = framingOf(head.headers, 'request')
  const body = headOnly ? nothing : takeBody(bytes.subarray(head.bytes), length)
  if (body === undefined) return undefined
  return { ...message(head, body), method: line[1] as string, target: line[2] as string }
}

/** The next response; undefined while more may come. After the connection ended, what there is: complete or cut. */
export function parseResponse(bytes: Buffer, method: string, ending: Ending | undefined): RawResponse | undefined {
  const head = takeHead(bytes)
  if (head === undefined) return undefined
  const line = /^HTTP\/(1\.1) (\d{3}) ([\t\x20-\x7e\x80-\xff]*)$/.exec(head.line)
  if (line === null) throw new Error(`not a status line: ${JSON.stringify(head.line)}`)
  const status = Number(line[2])
  const bodyless = method === 'HEAD' || status < 200 || status === 204 || status === 304
  const length = framingOf(head.headers, 'response')
  const rest = bytes.subarray(head.bytes)
  const body = bodyless ? nothing : length === 'close' ? untilClose(rest, ending) : takeBody(rest, length)
  const of = (found: Body, complete: boolean): RawResponse => ({ ...message(head, found), status, reason: line[3] as string, complete })
  if (body !== undefined) return of(body, true)
  return ending === undefined ? undefined : of({ data: partOf(rest, length), trailers: [], bytes: rest.length, framing: 'none' }, false)
}

interface Head {
  readonly line: string
  readonly headers: readonly (readonly [string, string])[]
  readonly bytes: number
  readonly text: string
}

interface Body {
  readonly data: Buffer
  readonly trailers: readonly (readonly [string, string])[]
  readonly bytes: number
  readonly framing: RawMessage['framing']
}

type Length = number | 'chunked' | 'close' | 'none'

const nothing: Body = { data: Buffer.alloc(0), trailers: [], bytes: 0, framing: 'none' }

function message(head: Head, body: Body): RawMessage {
  const all = (name: string): string[] => head.headers.filter(([one]) => one.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
  return {
    version: '1.1',
    headers: head.headers,
    body: body.data,
    trailers: body.trailers,
    framing: body.framing,
    bytes: head.bytes + body.bytes,
    head: head.text,
    all,
    one(name) {
      const values = all(name)
      if (values.length > 1) throw new Error(`${name} stands there ${values.length} times: ${values.join(' | ')}`)
      return values[0]
    },
  }
}

function takeHead(bytes: Buffer): Head | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const text = bytes.toString('latin1', 0, end)
  const [line, ...fields] = text.split('\r\n')
  return { line: line as string, headers: fields.map(parseField), bytes: end + 4, text }
}

function parseField(line: string): readonly [string, string] {
  const match = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*$/.exec(line)
  if (match === null) throw new Error(`not a field line: ${JSON.stringify(line)}`)
  return [match[1] as string, match[2] as string]
}

function framingOf(headers: Head['headers'], kind: 'request' | 'response'): Length {
  const values = (name: string): string[] => headers.filter(([one]) => one.toLowerCase() === name).map(([, value]) => value)
  const codings = values('transfer-encoding')
  const lengths = values('content-length')
  if (codings.length + lengths.length > 1) throw new Error(`more than one framing field: ${[...codings, ...lengths].join(' | ')}`)
  if (codings.length === 1) {
    if (codings[0] !== 'chunked') throw new Error(`not a coding to be sent: ${codings[0]}`)
    return 'chunked'
  }
  if (lengths.length === 1) {
    if (!/^\d{1,15}$/.test(lengths[0] as string)) throw new Error(`not a length: ${lengths[0]}`)
    return Number(lengths[0])
  }
  return kind === 'request' ? 'none' : 'close'
}

function takeBody(bytes: Buffer, length: Length): Body | undefined {
  if (length === 'chunked') return takeChunked(bytes)
  if (typeof length !== 'number') return nothing
  return bytes.length < length ? undefined : { data: bytes.subarray(0, length), trailers: [], bytes: length, framing: 'length' }
}

function untilClose(bytes: Buffer, ending: Ending | undefined): Body | undefined {
  return ending === 'end' ? { data: bytes, trailers: [], bytes: bytes.length, framing: 'close' } : undefined
}

function takeChunked(bytes: Buffer): Body | undefined {
  const chunks: Buffer[] = []
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const line = bytes.toString('latin1', at, lineEnd)
    if (!/^[0-9A-Fa-f]{1,8}$/.test(line)) throw new Error(`not a chunk size to be sent: ${JSON.stringify(line)}`)
    const size = Number.parseInt(line, 16)
    if (size === 0) return takeTrailers(bytes, lineEnd + 2, chunks)
    const end = lineEnd + 2 + size
    if (bytes.length < end + 2) return undefined
    if (bytes.toString('latin1', end, end + 2) !== '\r\n') throw new Error('a chunk does not end with CRLF')
    chunks.push(bytes.subarray(lineEnd + 2, end))
    at = end + 2
  }
}

function takeTrailers(bytes: Buffer, at: number, chunks: readonly Buffer[]): Body | undefined {
  const done = (trailers: Body['trailers'], end: number): Body => ({ data: Buffer.concat(chunks), trailers, bytes: end, framing: 'chunked' })
  if (bytes.toString('latin1', at, at + 2) === '\r\n') return done([], at + 2)
  const end = bytes.indexOf('\r\n\r\n', at)
  return end < 0 ? undefined : done(bytes.toString('latin1', at, end).split('\r\n').map(parseField), end + 4)
}

/** The decoded part of a body that was cut. */
function partOf(bytes: Buffer, length: Length): Buffer {
  if (length !== 'chunked') return bytes
  const chunks: Buffer[] = []
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return Buffer.concat(chunks)
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    chunks.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = lineEnd + 4 + size
  }
}
