// Masks a body piece by piece. What may go on in the next piece is held back until it is clear what it is.
import { cardLength } from './card'
import { emailLength, isTokenByte, Kind, kindsOf, signAt, tokenLength } from './patterns'

/**
 * Bytes that are held back at most: more than the longest address (64 + 1 + 255) and card take. Tokens may be longer; once
 * one has begun it is swallowed to its end.
 */
const maxHeld = 512
/** How far behind its beginning the sign of an address may be. */
const maxLocal = 64

/** What is looked for, with the kinds of bytes that follow from it; made once. */
export class Wanted {
  readonly withEmails: Uint8Array
  readonly withoutEmails: Uint8Array

  constructor(public emails: bool, public cards: bool, public prefixes: string[], json: bool) {
    this.withEmails = kindsOf(emails, cards, prefixes, json)
    this.withoutEmails = kindsOf(false, cards, prefixes, json)
  }
}

export class Masker {
  /** How many things were masked. */
  found: i32 = 0
  private held: Uint8Array = new Uint8Array(0)
  /** Whether the byte before what comes next is of a word, in the middle of which nothing begins. */
  private previous: u8 = 0
  /** In the middle of a token that is masked already. */
  private swallowing: bool = false
  /** In JSON: inside of a text, and behind a backslash. */
  private inText: bool = false
  private escaped: bool = false
  /** Of what is looked at now: an address has a sign, and most texts have none. */
  private kinds: Uint8Array
  /** Where the next sign is. */
  private sign: i32 = 0

  constructor(private wanted: Wanted, private json: bool) {
    this.kinds = wanted.withEmails
  }

  /** What can be sent on of all that has come. @param end nothing follows */
  take(piece: Uint8Array, end: bool): Uint8Array {
    const data = join(this.held, piece)
    this.sign = this.wanted.emails ? signAt(data, 0) : data.length
    this.kinds = this.sign < data.length ? this.wanted.withEmails : this.wanted.withoutEmails
    let i = 0
    if (this.swallowing) {
      while (i < data.length && isTokenByte(data[i])) i++
      this.swallowing = i == data.length && !end
    }
    const cut = end ? data.length : <i32>max(i, max(data.length - maxHeld, wordStart(data)))
    const out = new Output(data.length - i + 64)
    while (i < cut) {
      const from = i
      i = this.skip(data, i, cut)
      out.append(data, from, i)
      if (i == cut) break
      const length = this.matched(data, i, out)
      if (length == 0) {
        out.append(data, i, i + 1)
        this.previous = unchecked(this.kinds[data[i++]]) >> Kind.wordShift
        continue
      }
      i += length
      this.found++
      this.previous = 1
      // It may be longer than what has come of it.
      if (this.swallowing) this.swallowing = i == data.length && !end
    }
    this.held = data.slice(i)
    return out.bytes
  }

  /** Goes on to where something may begin. hot: most bytes are in the middle of a word, or begin nothing; a small loop is all they cost. */
  private skip(data: Uint8Array, start: i32, cut: i32): i32 {
    const at = data.dataStart
    const kinds = this.kinds.dataStart
    let i = this.escaped ? this.unescape(start) : start
    let previous = this.previous
    for (; i < cut; i++) {
      const kind = load<u8>(kinds + load<u8>(at + i))
      if (kind & ~previous & Kind.Begins) break
      previous = kind >> Kind.wordShift
      if (!(kind & Kind.Json)) continue
      if (load<u8>(at + i) == 0x22) this.inText = !this.inText
      else if (this.inText) {
        this.escaped = true
        if (i + 1 < cut) i = this.unescape(i)
      }
    }
    this.previous = previous
    return i
  }

  /** What is escaped belongs to no word: in "\nada@example.org" the address begins behind the n. */
  private unescape(i: i32): i32 {
    this.escaped = false
    this.previous = 0
    return i + 1
  }

  /** Writes the mask of what begins here. @returns its bytes; 0: nothing does */
  private matched(data: Uint8Array, i: i32, out: Output): i32 {
    if (unchecked(this.kinds[data[i]]) & Kind.Token) {
      const length = tokenLength(data, i, this.wanted.prefixes)
      if (length > 0) {
        this.swallowing = true
        this.write(out, '[token]')
        return length
      }
    }
    if (this.wanted.cards) {
      const length = cardLength(data, i)
      if (length > 0) {
        this.write(out, '[card ' + lastFour(data, i + length) + ']')
        return length
      }
    }
    if (this.sign < i) this.sign = signAt(data, i)
    if (this.sign == data.length || this.sign > i + maxLocal) return 0
    const length = emailLength(data, i, this.kinds.dataStart)
    if (length > 0) this.write(out, '[email]')
    return length
  }

  /** A mask in place of a number in JSON must be a text, or it is no JSON any more. */
  private write(out: Output, mask: string): void {
    const bare = this.json && !this.inText
    if (bare) out.push(0x22)
    for (let i = 0; i < mask.length; i++) out.push(<u8>mask.charCodeAt(i))
    if (bare) out.push(0x22)
  }
}

/** Bytes that grow. */
class Output {
  private room: Uint8Array
  private used: i32 = 0

  constructor(expected: i32) {
    this.room = new Uint8Array(expected)
  }

  push(byte: u8): void {
    this.grow(1)
    unchecked((this.room[this.used++] = byte))
  }

  append(data: Uint8Array, from: i32, to: i32): void {
    this.grow(to - from)
    memory.copy(this.room.dataStart + this.used, data.dataStart + from, to - from)
    this.used += to - from
  }

  get bytes(): Uint8Array {
    return this.room.subarray(0, this.used)
  }

  private grow(by: i32): void {
    if (this.used + by <= this.room.length) return
    const larger = new Uint8Array(2 * this.room.length + by)
    memory.copy(larger.dataStart, this.room.dataStart, this.used)
    this.room = larger
  }
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length == 0) return b
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}

/** Where the last run of bytes begins that may go on in the next piece: those of words, and single blanks between digits. */
function wordStart(data: Uint8Array): i32 {
  let i = data.length
  while (i > 0) {
    const byte = unchecked(data[i - 1])
    const blankInNumber = byte == 0x20 && i >= 2 && (isDigit(data[i - 2]) || data[i - 2] == 0x72 || data[i - 2] == 0x52)
    if (!isTokenByte(byte) && byte != 0x40 && byte != 0x25 && byte != 0x5c && !blankInNumber) break
    i--
  }
  return i
}

function isDigit(byte: u8): bool {
  return byte >= 0x30 && byte <= 0x39
}

function lastFour(data: Uint8Array, end: i32): string {
  let text = ''
  for (let i = end - 1; text.length < 4; i--) {
    if (isDigit(data[i])) text = String.fromCharCode(data[i]) + text
  }
  return text
}
