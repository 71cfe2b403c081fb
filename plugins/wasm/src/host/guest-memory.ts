// A guest's memory as the host sees it: texts, bytes and numbers by address, checked against its end.
import { Buffer } from 'node:buffer'

/** An address or a length reaches out of the memory. */
export class OutOfMemory extends Error {}

/** Up to here a loop over characters is faster than a call into the buffer (bench host). */
const shortBytes = 12

/** Names that guests ask for, by a hash of their bytes: a new one takes the place of the old. */
const names: (Name | undefined)[] = Array.from({ length: 1_024 }, () => undefined)
const longestName = 64

interface Name {
  readonly length: number
  /** Its bytes as the guest wrote them, four at a time; the last four may overlap those before. */
  readonly words: readonly number[]
  readonly lower: string
}

/** All addresses and lengths are unsigned 32-bit numbers; those that come from a guest are signed: convert them by `>>> 0`. */
export class GuestMemory {
  readonly #memory: WebAssembly.Memory
  #bytes: Buffer
  #view: DataView

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory
    this.#bytes = Buffer.from(memory.buffer)
    this.#view = new DataView(memory.buffer)
  }

  /** Bytes that the memory has now. */
  get size(): number {
    // hot: asking the memory itself leaves JavaScript; growing detaches the buffer, which has no length then (bench host)
    if (this.#bytes.length === 0) this.#refresh()
    return this.#bytes.length
  }

  /** Text of one byte per character, as header fields have it. */
  latin1(at: number, length: number): string {
    this.check(at, length)
    if (length > shortBytes) return this.#bytes.toString('latin1', at, at + length)
    let text = ''
    for (let i = at; i < at + length; i++) text += String.fromCharCode(this.#bytes[i] as number)
    return text
  }

  /** A name in lower case, one byte per character. The same few names come again and again, so their texts are kept. */
  name(at: number, length: number): string {
    this.check(at, length)
    if (length > longestName || length < 4) return this.latin1(at, length).toLowerCase()
    // hot: by words, the first of which are hashed (bench host)
    const view = this.#view
    const last = at + length - 4
    const hash = Math.imul(view.getInt32(at, true) ^ Math.imul(view.getInt32(last, true), 0x9e3779b1) ^ length, 0x85ebca6b)
    const slot = hash >>> 22
    const kept = names[slot]
    if (kept !== undefined && kept.length === length && this.#isThere(kept.words, at, last)) return kept.lower
    const lower = this.latin1(at, length).toLowerCase()
    names[slot] = { length, words: this.#words(at, last), lower }
    return lower
  }

  utf8(at: number, length: number): string {
    this.check(at, length)
    return this.#bytes.toString('utf8', at, at + length)
  }

  /** A copy. */
  copy(at: number, length: number): Buffer {
    this.check(at, length)
    return Buffer.from(this.#bytes.subarray(at, at + length))
  }

  u32(at: number): number {
    this.check(at, 4)
    return this.#view.getUint32(at, true)
  }

  setU32(at: number, value: number): void {
    this.check(at, 4)
    this.#view.setUint32(at, value, true)
  }

  setU64(at: number, value: bigint): void {
    this.check(at, 8)
    this.#view.setBigUint64(at, BigInt.asUintN(64, value), true)
  }

  setBytes(at: number, bytes: Uint8Array): void {
    this.check(at, bytes.byteLength)
    this.#bytes.set(bytes, at)
  }

  setLatin1(at: number, text: string): void {
    const { length } = text
    this.check(at, length)
    if (length > shortBytes) this.#bytes.write(text, at, length, 'latin1')
    else for (let i = 0; i < length; i++) this.#bytes[at + i] = text.charCodeAt(i)
  }

  fill(at: number, length: number, value: number): void {
    this.check(at, length)
    this.#bytes.fill(value, at, at + length)
  }

  /** Growing detaches the buffer; whoever looks first finds that too. @throws OutOfMemory */
  check(at: number, length: number): void {
    // hot: what has been detached has no length any more, so one comparison finds both (bench host)
    if (at + length > this.#bytes.length) this.#checkAgain(at, length)
  }

  #isThere(words: readonly number[], at: number, last: number): boolean {
    let word = 0
    for (let i = at; i < last; i += 4) if (this.#view.getInt32(i, true) !== words[word++]) return false
    return this.#view.getInt32(last, true) === words[word]
  }

  #words(at: number, last: number): number[] {
    const words: number[] = []
    for (let i = at; i < last; i += 4) words.push(this.#view.getInt32(i, true))
    words.push(this.#view.getInt32(last, true))
    return words
  }

  #checkAgain(at: number, length: number): void {
    if (this.#bytes.buffer !== this.#memory.buffer) this.#refresh()
    if (at + length > this.#bytes.length) throw new OutOfMemory()
  }

  #refresh(): void {
    this.#bytes = Buffer.from(this.#memory.buffer)
    this.#view = new DataView(this.#memory.buffer)
  }
}
