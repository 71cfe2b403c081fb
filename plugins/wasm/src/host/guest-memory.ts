// A guest's memory as the host sees it: texts, bytes and numbers by address, checked against its end.
import { Buffer } from 'node:buffer'
import { type Latin1Buffer, TextCache } from './text-cache.ts'

/** An address or a length reaches out of the memory. */
export class OutOfMemory extends Error {}

/** The same each time: writing down where it was thrown takes a hundred times what the call is paid for. */
const outOfMemory = new OutOfMemory()

/** Up to here a loop over characters is faster than a call into the buffer (bench host). */
const shortBytes = 8

/** Names that the host itself compares with: the same string is found to be so without a look at its characters. */
const compared: ReadonlyMap<string, string> = new Map([':method', ':path', ':authority', ':scheme', ':status', 'host', 'content-length'].map((name) => [name, name]))
const longestCompared = 14

/** Names that guests ask for are the same few, whichever guest it is. A guest may also ask for ever new ones: that must not cost much more. */
const names = new TextCache(9, 64, (text) => {
  const name = text.toLowerCase()
  return text.length > longestCompared ? name : (compared.get(name) ?? name)
})

/**
 * All addresses and lengths are unsigned 32-bit numbers; those that come from a guest are signed: convert them by `>>> 0`. A guest that
 * runs may make its memory larger, which takes the bytes away from here: `look` finds them again.
 */
export class GuestMemory {
  readonly #memory: WebAssembly.Memory
  /** What is short is often the same again: it is the filter's, and not a client's. */
  readonly #values = new TextCache(6, 16, (value) => value)
  #bytes: Latin1Buffer
  #view: DataView
  #size: number

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory
    this.#bytes = Buffer.from(memory.buffer) as Latin1Buffer
    this.#view = new DataView(memory.buffer)
    this.#size = this.#bytes.length
  }

  /** Bytes that the memory has. */
  get size(): number {
    this.look()
    return this.#size
  }

  /** To be called when the guest has run. */
  look(): void {
    // hot: asking the memory itself leaves JavaScript; a buffer that has been taken away has no length (bench host)
    if (this.#bytes.length === 0) this.#refresh()
  }

  /** Text of one byte per character, as header fields have it. */
  latin1(at: number, length: number): string {
    this.check(at, length)
    return this.#values.read(at, length, this.#view, this.#bytes)
  }

  /** A name in lower case, one byte per character. */
  name(at: number, length: number): string {
    this.check(at, length)
    return names.read(at, length, this.#view, this.#bytes)
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
    if (length > shortBytes) this.#bytes.latin1Write(text, at, length)
    else for (let i = 0; i < length; i++) this.#bytes[at + i] = text.charCodeAt(i)
  }

  fill(at: number, length: number, value: number): void {
    this.check(at, length)
    this.#bytes.fill(value, at, at + length)
  }

  /** @throws OutOfMemory */
  check(at: number, length: number): void {
    if (at + length > this.#size) throw outOfMemory
  }

  #refresh(): void {
    this.#bytes = Buffer.from(this.#memory.buffer) as Latin1Buffer
    this.#view = new DataView(this.#memory.buffer)
    this.#size = this.#bytes.length
  }
}
