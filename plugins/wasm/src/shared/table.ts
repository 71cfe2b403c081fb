// Keys and values in memory that threads share: readers never wait, writers never wait for one who was ended.
//
// A value never changes: it is written into cells of its own together with its key, and then one word of 64 bits in a table is
// swapped from the old record to the new one. The word has the value's version, which is the `cas` that guests see, 22 bits
// of where its record is, and 10 bits of the key's hash. No version comes twice (but after four thousand million changes), so a
// reader who finds the same version in the word before and after it has copied the record has copied that and nothing else,
// even if the cells were given to somebody else in between.
//
// A key stays in the slot that it once got, as guests cannot remove one; so a slot that is free ends every search.

import { Buffer } from 'node:buffer'
import { randomFillSync } from 'node:crypto'
import { KeyHash } from '@meshwright/core/thread'
import { cellBytes, Cells } from './cells.ts'
import { highHalf, lowHalf, Words } from './words.ts'

/** What came of a change. */
export type Change = 'changed' | 'mismatch' | 'full'

export interface TablePlace {
  /** Of the memory that the table may use. A multiple of 8. */
  readonly at: number
  readonly bytes: number
  /** Keys that there can be, a power of 2. */
  readonly slots: number
}

const slotBytes = 8
const placeBits = 22
const placeMask = 2 ** placeBits - 1
/** The secret, the head of the free cells, and the last version. */
const secretAt = 0
const freeAt = 8
const versionAt = 16
const slotsAt = 64

/** The lengths of key and value stand before them. */
const recordHead = 8

/** Bytes that the table itself takes, without any cells. */
export function tableBytes(slots: number): number {
  return slotsAt + slots * slotBytes
}

/** @see cells for the memory itself */
export class SharedTable {
  readonly cells: Cells
  readonly #words: Words
  readonly #halves: Int32Array<SharedArrayBuffer>
  readonly #version: Int32Array<SharedArrayBuffer>
  readonly #slotMask: number
  /** Of the key that is meant; keyed, so that nobody who chooses keys can choose many that are looked for in the same place. */
  readonly #hash: KeyHash
  #key: Buffer = Buffer.alloc(256)
  #length = 0

  constructor(memory: SharedArrayBuffer, { at, bytes, slots }: TablePlace) {
    const cellsAt = at + tableBytes(slots)
    const count = Math.min(placeMask, Math.floor((at + bytes - cellsAt) / cellBytes))
    this.cells = new Cells(memory, { headAt: at + freeAt, cellsAt, count })
    this.#words = new Words(memory, at + slotsAt, slots)
    this.#halves = new Int32Array(memory, at + slotsAt, slots * 2)
    this.#version = new Int32Array(memory, at + versionAt, 1)
    this.#slotMask = slots - 1
    const secret = secretOf(memory, at + secretAt)
    this.#hash = new KeyHash(secret.low, secret.high)
  }

  /** @param key one byte per character */
  get(key: string): { readonly value: Buffer; readonly cas: number } | undefined {
    this.#take(key)
    for (;;) {
      const slot = this.#find()
      const version = slot < 0 ? 0 : this.#versionAt(slot)
      if (version === 0) return undefined
      const record = Atomics.load(this.#halves, slot * 2 + lowHalf) & placeMask
      const length = this.cells.number(record, 1)
      if (!this.#still(slot, version)) continue
      const value = Buffer.allocUnsafe(length)
      this.cells.read(record, recordHead + this.#length, value)
      if (this.#still(slot, version)) return { value, cas: version >>> 0 }
    }
  }

  /** @param cas only in place of that version, or of nothing; 0: whatever is there */
  set(key: string, value: Buffer, cas: number): Change {
    this.#take(key)
    const bytes = recordHead + this.#length + value.byteLength
    let record = -1
    for (;;) {
      const slot = this.#find()
      if (slot < 0) return this.#without(record, bytes, 'full')
      const isNew = this.#versionAt(slot) === 0
      const word = this.#words.load(slot)
      const { high: version, low: old } = this.#words
      // Another key may have come to the free slot meanwhile.
      if (isNew !== (version === 0)) continue
      if (version !== 0 && cas !== 0 && cas !== version) return this.#without(record, bytes, 'mismatch')
      if (record < 0) record = this.#write(value, bytes)
      if (record < 0) return 'full'
      if (!this.#words.swap(slot, word, this.#nextVersion(), this.#print() | record)) continue
      if (version !== 0) this.free(old & placeMask)
      return 'changed'
    }
  }

  /** The number of a key, which it keeps; -1: there is no such key. */
  slotOf(key: string): number {
    this.#take(key)
    const slot = this.#find()
    return slot < 0 || this.#versionAt(slot) === 0 ? -1 : slot
  }

  /** Whether there is a key of that number. */
  has(slot: number): boolean {
    return slot >= 0 && slot <= this.#slotMask && this.#versionAt(slot) !== 0
  }

  /** A record without a key, which only its owner knows. -1: there is no room. */
  record(value: Buffer): number {
    this.#length = 0
    return this.#write(value, recordHead + value.byteLength)
  }

  /** What is in it; and its cells are free. For its owner only. */
  takeRecord(record: number): Buffer {
    const value = Buffer.allocUnsafe(this.cells.number(record, 1))
    this.cells.read(record, recordHead, value)
    this.free(record)
    return value
  }

  free(record: number): void {
    this.cells.free(record, recordHead + this.cells.number(record, 0) + this.cells.number(record, 1))
  }

  // -- private

  /** The key that is meant from now on. */
  #take(key: string): void {
    if (key.length > this.#key.byteLength) this.#key = Buffer.alloc(key.length * 2)
    this.#length = this.#key.write(key, 'latin1')
    this.#hash.start()
    this.#hash.text(key)
    this.#hash.finish()
  }

  /** The slot of the key, or the first free one on the way to it; -1: there is neither. */
  #find(): number {
    const key = this.#key.subarray(0, this.#length)
    const print = this.#print() >>> placeBits
    for (let i = 0; i <= this.#slotMask; i++) {
      const slot = (this.#hash.low + i) & this.#slotMask
      for (;;) {
        const version = this.#versionAt(slot)
        if (version === 0) return slot
        const place = Atomics.load(this.#halves, slot * 2 + lowHalf)
        // A slot belongs to one key for ever, and so do the bits of its hash.
        if (place >>> placeBits !== print) break
        const record = place & placeMask
        const same = this.cells.number(record, 0) === this.#length && this.cells.equals(record, recordHead, key)
        if (!this.#still(slot, version)) continue
        if (same) return slot
        break
      }
    }
    return -1
  }

  #print(): number {
    return this.#hash.high & ~placeMask
  }

  #versionAt(slot: number): number {
    return Atomics.load(this.#halves, slot * 2 + highHalf)
  }

  /** Whether all that was read since is of that version. A swap with itself: a mere load may overtake what was read before it. */
  #still(slot: number, version: number): boolean {
    return Atomics.compareExchange(this.#halves, slot * 2 + highHalf, version, version) === version
  }

  #nextVersion(): number {
    for (;;) {
      const version = (Atomics.add(this.#version, 0, 1) + 1) >>> 0
      if (version !== 0) return version
    }
  }

  #write(value: Buffer, bytes: number): number {
    const record = this.cells.take(bytes)
    if (record < 0) return -1
    this.cells.setNumber(record, 0, this.#length)
    this.cells.setNumber(record, 1, value.byteLength)
    if (this.#length > 0) this.cells.write(record, recordHead, this.#key.subarray(0, this.#length))
    this.cells.write(record, recordHead + this.#length, value)
    return record
  }

  #without(record: number, bytes: number, change: Change): Change {
    if (record >= 0) this.cells.free(record, bytes)
    return change
  }
}

/** The same 64 random bits for all that share the memory. */
function secretOf(memory: SharedArrayBuffer, at: number): { readonly high: number; readonly low: number } {
  const words = new Words(memory, at, 1)
  if (words.load(0) === 0n) {
    const [high, low] = randomFillSync(new Uint32Array(2))
    words.swap(0, 0n, high as number, (low as number) | 1)
  }
  words.load(0)
  return { high: words.high, low: words.low }
}

