// Data that all guests of one VM id share, in every thread.
import type { Buffer } from 'node:buffer'
import { Status } from '../host/status.ts'
import type { SharedData } from '../host/surroundings.ts'
import { SharedTable } from './table.ts'

/** One slot for so many bytes: when all records are of one cell, seven of eight slots are taken. */
const bytesPerSlot = 64

export class TableData implements SharedData {
  readonly #table: SharedTable
  readonly #full: () => void

  /** @param full called when there is no room for a value */
  constructor(memory: SharedArrayBuffer, full: () => void) {
    this.#table = new SharedTable(memory, { at: 0, bytes: memory.byteLength, slots: 2 ** Math.floor(Math.log2(memory.byteLength / bytesPerSlot)) })
    this.#full = full
  }

  get(key: string): { readonly value: Buffer; readonly cas: number } | undefined {
    return this.#table.get(key)
  }

  set(key: string, value: Buffer, cas: number): Status {
    switch (this.#table.set(key, value, cas)) {
      case 'changed':
        return Status.ok
      case 'mismatch':
        return Status.casMismatch
      default:
        this.#full()
        return Status.internalFailure
    }
  }
}
