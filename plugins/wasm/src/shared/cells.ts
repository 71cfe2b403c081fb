// Memory in cells of one size, which threads take and give back without a lock.
//
// A record of any length is a list of cells, and so are the free ones. Each cell begins with where the next one is, counted
// from the cell right behind it: zeroes, which shared memory begins with, are one list of all cells. The head of the free list
// is one word of 64 bits, a count of changes and the first cell; it is swapped whole, so that whoever was overtaken on the way
// through the list notices. As all cells are alike, a record of many of them is taken or given back by one swap, and memory
// that was used for short records can be used for long ones.
//
// A thread may be ended between any two instructions: the cells that it held in its hands are lost then, and nothing else.

import { Buffer } from 'node:buffer'
import { Words } from './words.ts'

export const cellBytes = 64
const linkBytes = 4
/** What a cell holds of a record. */
const roomBytes = cellBytes - linkBytes
const linksPerCell = cellBytes / linkBytes

export interface CellPlace {
  /** Of the free list's head. A multiple of 8. */
  readonly headAt: number
  /** Of the first cell. A multiple of 8. */
  readonly cellsAt: number
  readonly count: number
}

export class Cells {
  readonly count: number
  readonly #head: Words
  readonly #links: Int32Array<SharedArrayBuffer>
  readonly #bytes: Buffer<SharedArrayBuffer>

  constructor(memory: SharedArrayBuffer, { headAt, cellsAt, count }: CellPlace) {
    this.count = count
    this.#head = new Words(memory, headAt, 1)
    this.#links = new Int32Array(memory, cellsAt, count * linksPerCell)
    this.#bytes = Buffer.from(memory, cellsAt, count * cellBytes)
  }

  /** @returns the first of enough cells for so many bytes; -1: there are not as many */
  take(bytes: number): number {
    const most = cellsFor(bytes)
    if (most > this.count) return -1
    for (;;) {
      const head = this.#head.load(0)
      const { high: changes, low: first } = this.#head
      const last = this.#walk(first, most - 1)
      if (last < this.count) {
        const rest = this.#next(last)
        if (this.#head.swap(0, head, changes + 1, rest)) return first
      } else if (this.#head.load(0) === head) {
        return -1
      }
    }
  }

  /** @param bytes of the record when it was taken */
  free(first: number, bytes: number): void {
    const last = this.#walk(first, cellsFor(bytes) - 1)
    for (;;) {
      const head = this.#head.load(0)
      const { high: changes, low: rest } = this.#head
      Atomics.store(this.#links, last * linksPerCell, rest - last - 1)
      if (this.#head.swap(0, head, changes + 1, first)) return
    }
  }

  /** Writes into a record of one's own. */
  write(first: number, at: number, source: Buffer): void {
    let cell = this.#walk(first, Math.floor(at / roomBytes))
    let offset = at % roomBytes
    for (let from = 0; from < source.byteLength; cell = this.#next(cell)) {
      from += source.copy(this.#bytes, cell * cellBytes + linkBytes + offset, from, from + roomBytes - offset)
      offset = 0
    }
  }

  /** Reads out of a record that may not be one any more: then it fills `target` with anything. */
  read(first: number, at: number, target: Buffer): void {
    let cell = this.#walk(first, Math.floor(at / roomBytes))
    let offset = at % roomBytes
    for (let to = 0; to < target.byteLength && cell < this.count; cell = this.#next(cell)) {
      const from = cell * cellBytes + linkBytes + offset
      const length = Math.min(target.byteLength - to, roomBytes - offset)
      this.#bytes.copy(target, to, from, from + length)
      to += length
      offset = 0
    }
  }

  /** A number of 32 bits out of the first cell. */
  number(first: number, at: number): number {
    return (this.#links[first * linksPerCell + 1 + at] ?? 0) >>> 0
  }

  setNumber(first: number, at: number, value: number): void {
    this.#links[first * linksPerCell + 1 + at] = value
  }

  /** Whether bytes of a record are these; it may not be a record any more. */
  equals(first: number, at: number, other: Buffer): boolean {
    let cell = this.#walk(first, Math.floor(at / roomBytes))
    let offset = at % roomBytes
    for (let to = 0; to < other.byteLength; cell = this.#next(cell)) {
      if (cell >= this.count) return false
      const from = cell * cellBytes + linkBytes + offset
      const length = Math.min(other.byteLength - to, roomBytes - offset)
      if (this.#bytes.compare(other, to, to + length, from, from + length) !== 0) return false
      to += length
      offset = 0
    }
    return true
  }

  /** `count` or more: there is none. */
  #next(cell: number): number {
    return (cell + 1 + Atomics.load(this.#links, cell * linksPerCell)) >>> 0
  }

  #walk(first: number, steps: number): number {
    let cell = first
    for (let i = 0; i < steps && cell < this.count; i++) cell = this.#next(cell)
    return cell
  }
}

function cellsFor(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / roomBytes))
}
