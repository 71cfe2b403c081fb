// Reads HTTP/1.1 messages off a connection, strictly by RFC 9112, however the bytes are split: what requests and responses have in common.
import { MeshError, type ErrorCode } from '../errors.ts'
import { field, fieldKind } from '../fields.ts'

const states = { head: 0, length: 1, size: 2, data: 3, dataEnd: 4, trailers: 5, close: 6, done: 7 } as const
type State = (typeof states)[keyof typeof states]

/** How the end of a body is known: its length, chunks, or the end of the connection. */
export type Framing = number | 'chunked' | 'close'

/** What the faults of one direction are called. */
export interface ParserCodes {
  /** A start line or a field that breaks the rules. */
  readonly head: ErrorCode
  /** A body whose framing breaks them. */
  readonly framing: ErrorCode
  readonly headTooLarge: ErrorCode
  readonly tooManyFields: ErrorCode
}

export interface ParserLimits {
  /** Bytes of a head, and of a trailer section. */
  readonly headBytes: number
  /** Fields of one section. */
  readonly fields: number
}

/** Digits of a chunk size: 2^48 is more than anyone sends. */
const maxSizeDigits = 12
/** Bytes of one chunk-size line, extension included. */
const maxSizeLineBytes = 1_024

const CR = 13
const LF = 10

// Bare CR, bare LF, and every other control character but tab.
const forbiddenInHead = /\r(?!\n)|(?<!\r)\n|[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/

/**
 * One per connection. `begin` before each message; then bytes in, events out. An error is a value: after it the connection is of
 * no more use.
 */
export abstract class MessageParser {
  protected readonly codes: ParserCodes
  protected readonly limits: ParserLimits
  #state: State = states.done
  /** Bytes of a head, a size line or trailers that are not whole yet. */
  #partial: Buffer | undefined = undefined
  /** Where `#partial` lies and may grow; undefined when it lies elsewhere. */
  #room: Buffer | undefined = undefined
  /** How much of it has been looked at. */
  #scanned = 0
  #left = 0
  #stopped = false

  constructor(codes: ParserCodes, limits: ParserLimits) {
    this.codes = codes
    this.limits = limits
  }

  /** A head is whole, without its last line ends. `left`: how many bytes are behind it. It says by `body` or `finish` what comes next; otherwise another head does. */
  protected abstract onHead(text: string, left: number): MeshError | undefined
  /** Bytes of the body: a view of what was pushed. */
  protected abstract onBody(chunk: Buffer): void
  /** The message is complete. `left`: how many bytes are behind it. */
  protected abstract onComplete(trailers: string[] | undefined, left: number): void

  /** Is nothing expected: no message was begun, or the last one is complete? */
  get done(): boolean {
    return this.#state === states.done
  }

  /** Is a part of a head here, and not all of it? An empty line before it is none. */
  get inHead(): boolean {
    const partial = this.#partial
    return this.#state === states.head && partial !== undefined && (partial.length > 2 || partial[0] !== CR)
  }

  /** Takes bytes up to the end of the message, or to where it was stopped. Answers how many are left, or an error. */
  push(bytes: Buffer): number | MeshError {
    const input = this.#partial === undefined ? bytes : this.#joined(this.#partial, bytes)
    let at = 0
    this.#stopped = false
    while (at < input.length && this.#state !== states.done && !this.#stopped) {
      const next = this.#step(input, at)
      if (typeof next !== 'number') return next
      if (next < 0) return this.#keep(input, at)
      at = next
      // From now on the user may hold a view of it.
      this.#room = undefined
    }
    return input.length - at
  }

  /** The other side has ended the connection. Answers whether that ends a message in its middle. */
  end(): boolean {
    if (this.#state === states.done) return false
    if (this.#state !== states.close) return true
    this.#complete(undefined, 0)
    return false
  }

  /** A head is next. */
  protected begin(): void {
    this.#state = states.head
    this.#partial = undefined
    this.#room = undefined
    this.#scanned = 0
  }

  /** A body is next. */
  protected body(framing: Framing): void {
    if (framing === 'chunked') this.#state = states.size
    else if (framing === 'close') this.#state = states.close
    else {
      this.#state = states.length
      this.#left = framing
    }
  }

  /** Nothing more belongs to the message. */
  protected finish(): void {
    this.#state = states.done
  }

  /** What follows is not wanted yet: it is to be pushed again. */
  protected stop(): void {
    this.#stopped = true
  }

  protected broken(detail: string): MeshError {
    return new MeshError(this.codes.head, detail)
  }

  /** name, value, name, value, … of the field lines from `from` on. */
  protected readFields(text: string, from: number): string[] | MeshError {
    const raw: string[] = []
    let at = from
    while (at < text.length) {
      let end = text.indexOf('\r\n', at)
      if (end < 0) end = text.length
      const colon = text.indexOf(':', at)
      // Also catches obs-fold: a line that begins with a blank has no token before its colon.
      if (colon < 0 || colon >= end || colon === at) return this.broken('a field line has no name')
      if (raw.length >= this.limits.fields * 2) return new MeshError(this.codes.tooManyFields, `more than ${this.limits.fields} fields`)
      raw.push(text.slice(at, colon), trimBlanks(text, colon + 1, end))
      at = end + 2
    }
    return raw
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
      default:
        this.onBody(at === 0 ? input : input.subarray(at))
        return input.length
    }
  }

  #head(input: Buffer, at: number): number | MeshError {
    const end = this.#sectionEnd(input, at)
    if (end < 0) return this.#unfinished(input, at)
    if (end + 4 - at > this.limits.headBytes) return this.#tooLarge()
    const text = input.toString('latin1', at, end)
    if (forbiddenInHead.test(text)) return this.broken('a bare CR or LF, or a control character')
    return this.onHead(text, input.length - end - 4) ?? end + 4
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
    this.onBody(chunk)
    if (last) this.#complete(undefined, available - take)
    return at + take
  }

  /** chunk-size [ chunk-ext ] CRLF (RFC 9112 §7.1). Extensions are ignored. */
  #size(input: Buffer, at: number): number | MeshError {
    const end = lineEnd(input, at, maxSizeLineBytes)
    if (end === -2) return this.#badFraming('a chunk-size line is too long or ends in a bare CR or LF')
    if (end < 0) return -1
    let size = 0
    let i = at
    for (; i < end; i++) {
      const digit = hexDigit(input[i] as number)
      if (digit < 0) break
      if (i - at >= maxSizeDigits) return this.#badFraming('a chunk size has too many digits')
      size = size * 16 + digit
    }
    if (i === at) return this.#badFraming('a chunk has no size')
    // Behind the digits nothing but an extension may come, perhaps after blanks.
    const digitsEnd = i
    while (i < end && (input[i] === 32 || input[i] === 9)) i++
    if (digitsEnd < end && input[i] !== 59) return this.#badFraming('a chunk size is not a hexadecimal number')
    for (; i < end; i++) if ((input[i] as number) < 32 && input[i] !== 9) return this.#badFraming('a chunk extension has a control character')
    this.#left = size
    this.#state = size === 0 ? states.trailers : states.data
    return end + 2
  }

  #dataEnd(input: Buffer, at: number): number | MeshError {
    if (input[at] !== CR) return this.#badFraming('a chunk is longer than its size')
    if (at + 1 >= input.length) return -1
    if (input[at + 1] !== LF) return this.#badFraming('a chunk is longer than its size')
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
    if (end + 4 - at > this.limits.headBytes) return this.#tooLarge()
    const text = input.toString('latin1', at, end)
    if (forbiddenInHead.test(text)) return this.broken('a trailer has a control character')
    const raw = this.readFields(text, 0)
    if (raw instanceof MeshError) return raw
    for (let i = 0; i < raw.length; i += 2) if (fieldKind(raw[i] as string) === field.invalid) return this.broken('a trailer name is not a token')
    this.#complete(raw, input.length - end - 4)
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
    if (input.length - at > this.limits.headBytes) return this.#tooLarge()
    // The last byte may be the first half of a line end: it waits for the next call. A line feed has been looked at already.
    const seen = at + this.#scanned
    const from = this.#scanned === 0 || input[seen - 1] === LF ? seen : seen - 1
    const text = input.toString('latin1', from, input.length - 1)
    this.#scanned = input.length - at
    if (forbiddenInHead.test(input[input.length - 1] === LF ? `${text}\n` : text)) return this.broken('a bare CR or LF, or a control character')
    return -1
  }

  #keep(input: Buffer, at: number): 0 {
    // A copy, unless it is one already: the bytes may be a view of something larger.
    this.#partial = this.#room === undefined ? Buffer.from(input.subarray(at)) : input
    return 0
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

  #complete(trailers: string[] | undefined, left: number): void {
    this.#state = states.done
    this.onComplete(trailers, left)
  }

  #badFraming(detail: string): MeshError {
    return new MeshError(this.codes.framing, detail)
  }

  #tooLarge(): MeshError {
    return new MeshError(this.codes.headTooLarge, `more than ${this.limits.headBytes} bytes`)
  }
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
