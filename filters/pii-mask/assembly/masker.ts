// Masks a body piece by piece. What may go on in the next piece is held back until it is clear what it is.
import { cardLength } from './card'
import { emailLength, isTokenByte, tokenLength } from './patterns'

/**
 * Bytes that are held back at most: more than the longest address (64 + 1 + 255) and card take. Tokens may be longer; once
 * one has begun it is swallowed to its end.
 */
const maxHeld = 512

export class Masker {
  /** How many things were masked. */
  found: i32 = 0
  private held: Uint8Array = new Uint8Array(0)
  /** The byte before what comes next: whether a word begins there depends on it. */
  private previous: u8 = 0
  /** In the middle of a token that is masked already. */
  private swallowing: bool = false
  /** In JSON: inside of a text, and behind a backslash. */
  private inText: bool = false
  private escaped: bool = false

  constructor(private emails: bool, private cards: bool, private tokens: bool, private prefixes: string[], private json: bool) {}

  /** What can be sent on of all that has come. @param end nothing follows */
  take(piece: Uint8Array, end: bool): Uint8Array {
    const data = join(this.held, piece)
    let i = 0
    if (this.swallowing) {
      while (i < data.length && isTokenByte(data[i])) i++
      this.swallowing = i == data.length && !end
    }
    const cut = end ? data.length : <i32>max(i, max(data.length - maxHeld, wordStart(data)))
    const out = new Output(data.length - i + 64)
    while (i < cut) {
      const length = this.matched(data, i, out)
      if (length == 0) this.keep(data[i++], out)
      else {
        i += length
        this.found++
        this.previous = 0x58
        // It may be longer than what has come of it.
        if (this.swallowing) this.swallowing = i == data.length && !end
      }
    }
    this.held = data.slice(i)
    return out.bytes
  }

  /** Writes the mask of what begins here. @returns its bytes; 0: nothing does */
  private matched(data: Uint8Array, i: i32, out: Output): i32 {
    if (isWordByte(this.previous)) return 0
    if (this.tokens) {
      const length = tokenLength(data, i, this.prefixes)
      if (length > 0) {
        this.swallowing = true
        this.write(out, '[token]')
        return length
      }
    }
    if (this.cards) {
      const length = cardLength(data, i)
      if (length > 0) {
        this.write(out, '[card ' + lastFour(data, i + length) + ']')
        return length
      }
    }
    if (!this.emails) return 0
    const length = emailLength(data, i)
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

  private keep(byte: u8, out: Output): void {
    out.push(byte)
    this.previous = this.escaped ? 0 : byte
    if (!this.json) return
    if (this.escaped) this.escaped = false
    else if (byte == 0x5c && this.inText) this.escaped = true
    else if (byte == 0x22) this.inText = !this.inText
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
    if (this.used == this.room.length) {
      const larger = new Uint8Array(2 * this.used)
      larger.set(this.room)
      this.room = larger
    }
    unchecked((this.room[this.used++] = byte))
  }

  get bytes(): Uint8Array {
    return this.room.subarray(0, this.used)
  }
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length == 0) return b
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}

/** Letters and digits: in the middle of a word nothing begins. */
function isWordByte(byte: u8): bool {
  const letter = byte | 0x20
  return (byte >= 0x30 && byte <= 0x39) || (letter >= 0x61 && letter <= 0x7a)
}

/** Where the last run of bytes begins that may go on in the next piece: those of words, and single blanks between digits. */
function wordStart(data: Uint8Array): i32 {
  let i = data.length
  while (i > 0) {
    const byte = data[i - 1]
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
