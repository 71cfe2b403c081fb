// Texts that guests pass again and again: found by their bytes, they need not be made anew.
import type { Buffer } from 'node:buffer'

/** What `toString` and `write` come to for this encoding, without choosing among all of them first (bench host). */
export interface Latin1Buffer extends Buffer {
  latin1Slice(start: number, end: number): string
  latin1Write(text: string, offset: number, length: number): number
}

/** Shorter texts have no four bytes to be found by. */
const shortest = 4

/** By a hash of their first and last four bytes; a new text takes the place of another one there. */
export class TextCache {
  readonly #longest: number
  readonly #shift: number
  readonly #make: (text: string) => string
  readonly #texts: string[]
  /** The bytes of each as the guest wrote them, four at a time; the last four may overlap those before. */
  readonly #words: number[]

  /**
   * @param bits there is room for 2 ** bits texts. 1..16
   * @param longest longer ones are made each time. Bytes, a multiple of 4
   * @param make what becomes of a text that is new; it must not change its length
   */
  constructor(bits: number, longest: number, make: (text: string) => string) {
    this.#longest = longest
    this.#shift = 32 - bits
    this.#make = make
    this.#texts = Array.from({ length: 2 ** bits }, () => '')
    this.#words = Array.from({ length: (2 ** bits * longest) / 4 }, () => 0)
  }

  /** The text that stands there, one byte per character. The place is within the memory. */
  read(at: number, length: number, view: DataView, bytes: Latin1Buffer): string {
    if (length < shortest || length > this.#longest) return this.#make(bytes.latin1Slice(at, at + length))
    const last = at + length - 4
    const slot = Math.imul(view.getInt32(at, true) ^ Math.imul(view.getInt32(last, true), 0x9e3779b1) ^ length, 0x85ebca6b) >>> this.#shift
    const kept = this.#texts[slot] as string
    return kept.length === length && this.#isThere(slot, at, last, view) ? kept : this.#keep(slot, at, last, view, bytes)
  }

  #isThere(slot: number, at: number, last: number, view: DataView): boolean {
    let word = this.#firstWord(slot)
    for (let i = at; i < last; i += 4) if (view.getInt32(i, true) !== this.#words[word++]) return false
    return view.getInt32(last, true) === this.#words[word]
  }

  #keep(slot: number, at: number, last: number, view: DataView, bytes: Latin1Buffer): string {
    const text = this.#make(bytes.latin1Slice(at, last + 4))
    // A guest may have left no room on the stack for any of this: then nothing is kept here, and not what was with the bytes of another.
    this.#texts[slot] = ''
    let word = this.#firstWord(slot)
    for (let i = at; i < last; i += 4) this.#words[word++] = view.getInt32(i, true)
    this.#words[word] = view.getInt32(last, true)
    this.#texts[slot] = text
    return text
  }

  #firstWord(slot: number): number {
    return (slot * this.#longest) >>> 2
  }
}
