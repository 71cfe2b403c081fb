// The memory that one connection reads into: the same again and again, unless somebody still needs what lies in it.

/** What an ordinary response fits into. Only pages that were written to take room. */
const usualBytes = 65_536

/**
 * For a response that fills that at once: a quarter of the calls.
 * hot: a third less CPU for 10 MB than with 64 KB; 1 MB leaves the processor's caches and is no better (bench bodies)
 */
const longBytes = 262_144

export class ReadMemory {
  #bytes = usualBytes
  #filled = false
  #needed = true
  /** Has there been a read since `next`? */
  #wasRead = false

  /** A read has brought `length` bytes, all of which have been told. `needed`: somebody still needs them. */
  was(memory: Uint8Array, length: number, needed: boolean): void {
    this.#filled = length === memory.byteLength
    this.#needed = needed
    this.#wasRead = true
  }

  /**
   * Where the next read goes; undefined: to the same place. Never that without a read before: then it is for a new socket,
   * as they are made in turn for the addresses of a name, and only the last one has been told of any memory.
   * @param idle no response is under way
   * @param stopped nothing is read before those who need bytes have said that they are done
   */
  next(idle: boolean, stopped: boolean): Buffer | undefined {
    const bytes = idle ? usualBytes : this.#filled ? longBytes : this.#bytes
    const same = this.#wasRead && bytes === this.#bytes && (!this.#needed || (stopped && !idle))
    this.#wasRead = false
    if (same) return undefined
    this.#bytes = bytes
    return Buffer.allocUnsafeSlow(bytes)
  }
}
