// Reads HTTP/1.1 responses off a connection, strictly by RFC 9112, however the bytes are split.
import { MeshError, type ErrorCode } from '../../errors.ts'
import { field, fieldKind, passableTrailers } from '../../fields.ts'
import { Headers } from '../../headers.ts'
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

const states = { head: 0, length: 1, size: 2, data: 3, dataEnd: 4, trailers: 5, close: 6, done: 7 } as const
type State = (typeof states)[keyof typeof states]

/** Digits of a chunk size: 2^48 is more than anyone sends. */
const maxSizeDigits = 12
/** Bytes of one chunk-size line, extension included. */
const maxSizeLineBytes = 1_024
/** Fields of one head. */
const maxFields = 1_000
/** Interim responses before one final response. */
const maxInterim = 100

const CR = 13
const LF = 10

// Bare CR, bare LF, and every other control character but tab.
const forbiddenInHead = /\r(?!\n)|(?<!\r)\n|[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/

/**
 * One per connection. `expect` before each request; then bytes in, events out. An error is a value: after it the
 * connection is of no more use.
 */
export class ResponseParser {
  readonly #events: ResponseEvents
  readonly #maxHeadBytes: number
  #state: State = states.done
  /** Bytes of a head, a size line or trailers that are not whole yet. */
  #partial: Buffer | undefined = undefined
  /** Where `#partial` lies and may grow; undefined when it lies elsewhere. */
  #room: Buffer | undefined = undefined
  /** How much of it has been looked at. */
  #scanned = 0
  #left = 0
  #headless = false
  #mayUpgrade = false
  #interim = 0
  #begun = false

  constructor(events: ResponseEvents, maxHeadBytes: number) {
    this.#events = events
    this.#maxHeadBytes = maxHeadBytes
  }

  /** A request goes out: its response is next. `head`: it is a HEAD; `upgrade`: 101 may come. */
  expect(head: boolean, upgrade: boolean): void {
    this.#state = states.head
    this.#headless = head
    this.#mayUpgrade = upgrade
    this.#interim = 0
    this.#partial = undefined
    this.#room = undefined
    this.#scanned = 0
    this.#begun = false
  }

  /** Has any byte of the response come, be it a wrong one? */
  get begun(): boolean {
    return this.#begun
  }

  /** Takes bytes. Answers an error, or undefined. */
  push(bytes: Buffer): MeshError | undefined {
    this.#begun = true
    let at = 0
    const input = this.#partial === undefined ? bytes : this.#joined(this.#partial, bytes)
    while (at < input.length) {
      const next = this.#step(input, at)
      if (next instanceof MeshError) return next
      if (next < 0) return this.#keep(input, at)
      at = next
      // From now on the user may hold a view of it.
      this.#room = undefined
      if (this.#state === states.done) return undefined
    }
    return undefined
  }

  /** The endpoint has ended the connection. Answers an error unless the response is complete by that. */
  end(): MeshError | undefined {
    if (this.#state === states.close) {
      this.#complete(undefined, 0)
      return undefined
    }
    return this.#state === states.done ? undefined : new MeshError('MESH_UPSTREAM_CLOSED', 'the connection ended in the middle of a response')
  }

  /** One element of the grammar: where the next one begins, -1 when it is not whole, or an error. */
  #step(input: Buffer, at: number): number | MeshError {
    switch (this.#state) {
      case states.head:
        return this.#head(input, at)
      case states.length:
      case states.data:
        return this.#data(input, at)
      case states.size:
        return this.#size(input, at)
      case states.dataEnd:
        return this.#dataEnd(input, at)
      case states.trailers:
        return this.#trailers(input, at)
      case states.close:
        this.#events.onBody(at === 0 ? input : input.subarray(at))
        return input.length
      default:
        return input.length
    }
  }

  #head(input: Buffer, at: number): number | MeshError {
    const end = this.#sectionEnd(input, at)
    if (end < 0) return this.#unfinished(input, at)
    if (end + 4 - at > this.#maxHeadBytes) return tooLarge(this.#maxHeadBytes)
    const head = readHead(input.toString('latin1', at, end))
    if (head instanceof MeshError) return head
    return this.#headRead(head, input, end + 4)
  }

  #headRead(head: ResponseHead, input: Buffer, next: number): number | MeshError {
    const { status } = head.response
    if (status === 101) return this.#switch(head, input, next)
    if (status < 200) {
      if (++this.#interim > maxInterim) return protocolError(`more than ${maxInterim} interim responses`)
      this.#events.onHead(head)
      return next
    }
    const bodyless = this.#headless || status === 204 || status === 304
    if (bodyless) this.#state = states.done
    else if (head.chunked) this.#state = states.size
    else if (head.contentLength === undefined) this.#state = states.close
    else {
      this.#state = head.contentLength === 0 ? states.done : states.length
      this.#left = head.contentLength
    }
    this.#events.onHead(head)
    if (this.#state === states.done) this.#complete(undefined, input.length - next)
    return next
  }

  #switch(head: ResponseHead, input: Buffer, next: number): number | MeshError {
    if (!this.#mayUpgrade) return protocolError('101 to a request that did not ask for an upgrade')
    this.#state = states.done
    this.#events.onHead(head)
    this.#events.onSwitch(input.subarray(next))
    return next
  }

  #data(input: Buffer, at: number): number {
    const available = input.length - at
    const take = available < this.#left ? available : this.#left
    const chunk = at === 0 && take === input.length ? input : input.subarray(at, at + take)
    this.#left -= take
    const whole = this.#left === 0
    const last = whole && this.#state === states.length
    if (last) this.#state = states.done
    else if (whole) this.#state = states.dataEnd
    this.#events.onBody(chunk)
    if (last) this.#complete(undefined, available - take)
    return at + take
  }

  /** chunk-size [ chunk-ext ] CRLF (RFC 9112 §7.1). Extensions are ignored. */
  #size(input: Buffer, at: number): number | MeshError {
    const end = lineEnd(input, at, maxSizeLineBytes)
    if (end === -2) return protocolError('a chunk-size line is too long or ends in a bare CR or LF')
    if (end < 0) return -1
    let size = 0
    let i = at
    for (; i < end; i++) {
      const digit = hexDigit(input[i] as number)
      if (digit < 0) break
      if (i - at >= maxSizeDigits) return protocolError('a chunk size has too many digits')
      size = size * 16 + digit
    }
    if (i === at) return protocolError('a chunk has no size')
    // Behind the digits nothing but an extension may come, perhaps after blanks.
    const digitsEnd = i
    while (i < end && (input[i] === 32 || input[i] === 9)) i++
    if (digitsEnd < end && input[i] !== 59) return protocolError('a chunk size is not a hexadecimal number')
    for (; i < end; i++) if ((input[i] as number) < 32 && input[i] !== 9) return protocolError('a chunk extension has a control character')
    this.#left = size
    this.#state = size === 0 ? states.trailers : states.data
    return end + 2
  }

  #dataEnd(input: Buffer, at: number): number | MeshError {
    if (input[at] !== CR) return protocolError('a chunk is longer than its size')
    if (at + 1 >= input.length) return -1
    if (input[at + 1] !== LF) return protocolError('a chunk is longer than its size')
    this.#state = states.size
    return at + 2
  }

  #trailers(input: Buffer, at: number): number | MeshError {
    if (input[at] === CR && input[at + 1] === LF) {
      this.#complete(undefined, input.length - at - 2)
      return at + 2
    }
    const end = this.#sectionEnd(input, at)
    if (end < 0) return this.#unfinished(input, at)
    if (end + 4 - at > this.#maxHeadBytes) return tooLarge(this.#maxHeadBytes)
    const text = input.toString('latin1', at, end)
    if (forbiddenInHead.test(text)) return protocolError('a trailer has a control character')
    const raw = readFields(text, 0)
    if (raw instanceof MeshError) return raw
    for (let i = 0; i < raw.length; i += 2) if (fieldKind(raw[i] as string) === field.invalid) return protocolError('a trailer name is not a token')
    const kept = passableTrailers(raw)
    this.#complete(kept === undefined ? undefined : new Headers(kept), input.length - end - 4)
    return end + 4
  }

  /** Where the empty line of a section begins. What an earlier call has seen is not looked at again. */
  #sectionEnd(input: Buffer, at: number): number {
    const end = input.indexOf('\r\n\r\n', at + Math.max(0, this.#scanned - 3), 'latin1')
    if (end >= 0) this.#scanned = 0
    return end
  }

  /** A head or trailer section that is not whole: may it still become one? */
  #unfinished(input: Buffer, at: number): -1 | MeshError {
    if (input.length - at > this.#maxHeadBytes) return tooLarge(this.#maxHeadBytes)
    // The last byte may be the first half of a line end: it waits for the next call. A line feed has been looked at already.
    const seen = at + this.#scanned
    const from = this.#scanned === 0 || input[seen - 1] === LF ? seen : seen - 1
    const text = input.toString('latin1', from, input.length - 1)
    this.#scanned = input.length - at
    if (forbiddenInHead.test(input[input.length - 1] === LF ? `${text}\n` : text)) return protocolError('a bare CR or LF, or a control character')
    return -1
  }

  #keep(input: Buffer, at: number): undefined {
    // A copy, unless it is one already: the bytes may be a view of something larger.
    this.#partial = this.#room === undefined ? Buffer.from(input.subarray(at)) : input
    return undefined
  }

  /** What was kept and what came now, in room that doubles: single bytes must not cost a copy of everything each. */
  #joined(partial: Buffer, bytes: Buffer): Buffer {
    this.#partial = undefined
    const length = partial.length + bytes.length
    if (this.#room === undefined || this.#room.length < length) {
      this.#room = Buffer.allocUnsafeSlow(length * 2)
      partial.copy(this.#room)
    }
    bytes.copy(this.#room, partial.length)
    return this.#room.subarray(0, length)
  }

  #complete(trailers: Headers | undefined, rest: number): void {
    this.#state = states.done
    this.#events.onComplete(trailers, rest)
  }
}

/** Reads a head without its last line ends. */
export function readHead(text: string): ResponseHead | MeshError {
  if (forbiddenInHead.test(text)) return protocolError('a bare CR or LF, or a control character')
  const lineLength = text.indexOf('\r\n')
  const line = lineLength < 0 ? text : text.slice(0, lineLength)
  // status-line = HTTP-version SP status-code SP [ reason-phrase ]; the second SP is often forgotten.
  const parts = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: (.*))?$/.exec(line)
  if (parts === null) return protocolError(`status line ${JSON.stringify(line.slice(0, 64))}`)
  const raw = lineLength < 0 ? [] : readFields(text, lineLength + 2)
  if (raw instanceof MeshError) return raw
  const head = readResponseHead(Number(parts[2]), parts[3] ?? '', raw)
  if (head instanceof MeshError || parts[1] === '1') return head
  if (head.chunked) return protocolError('Transfer-Encoding in HTTP/1.0')
  return { ...head, close: true }
}

/** name, value, name, value, … of the field lines from `from` on. */
function readFields(text: string, from: number): string[] | MeshError {
  const raw: string[] = []
  let at = from
  while (at < text.length) {
    let end = text.indexOf('\r\n', at)
    if (end < 0) end = text.length
    const colon = text.indexOf(':', at)
    // Also catches obs-fold: a line that begins with a blank has no token before its colon.
    if (colon < 0 || colon >= end || colon === at) return protocolError('a field line has no name')
    if (raw.length >= maxFields * 2) return new MeshError('MESH_UPSTREAM_HEAD_TOO_LARGE', `more than ${maxFields} fields`)
    raw.push(text.slice(at, colon), trimBlanks(text, colon + 1, end))
    at = end + 2
  }
  return raw
}

function trimBlanks(text: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9
}

/** Where the line's CR stands; -1: not there yet; -2: never will be. */
function lineEnd(input: Buffer, at: number, max: number): number {
  const limit = Math.min(input.length, at + max)
  for (let i = at; i < limit; i++) {
    const byte = input[i] as number
    if (byte === LF) return -2
    if (byte !== CR) continue
    if (i + 1 >= input.length) return -1
    return input[i + 1] === LF ? i : -2
  }
  return limit - at >= max ? -2 : -1
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48
  const lower = byte | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}

function protocolError(detail: string): MeshError {
  return new MeshError('MESH_UPSTREAM_PROTOCOL', detail)
}

function tooLarge(bytes: number): MeshError {
  const code: ErrorCode = 'MESH_UPSTREAM_HEAD_TOO_LARGE'
  return new MeshError(code, `more than ${bytes} bytes`)
}
