// The memory that one connection reads into: the same again and again, unless somebody still needs what lies in it.

/** 64 KB of a body and the head before it. Only pages that were written to take room. */
const usualBytes = 73_728

/**
 * For long responses: a quarter of the calls.
 * hot: a third less CPU for 10 MB than with 64 KB; 1 MB leaves the processor's caches and is no better (bench bodies)
 */
const longBytes = 262_144

/** After so many full reads in a row a response is long. */
const longAfterReads = 4

/** How many pieces for long responses are kept while nobody uses them, in each thread. */
const maxSpare = 32

const spare: Buffer[] = []

export class ReadMemory {
  #own: Buffer | undefined = undefined
  /** In use instead of `#own` while a response is long. */
  #long: Buffer | undefined = undefined
  #fullReads = 0
  #needed = false
  /** Has there been a read since `next`? */
  #wasRead = false

  /** A read has brought `length` bytes, all of which have been told. `needed`: somebody still needs them. */
  was(memory: Uint8Array, length: number, needed: boolean): void {
    this.#fullReads = length === memory.byteLength ? this.#fullReads + 1 : 0
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
    const again = this.#wasRead
    this.#wasRead = false
    if (idle) return this.#rest(again)
    if (!again || (this.#needed && !stopped)) return this.#another()
    if (this.#needed || this.#long !== undefined || this.#fullReads < longAfterReads) return undefined
    return (this.#long = spare.pop() ?? Buffer.allocUnsafeSlow(longBytes))
  }

  /** The response is over: whoever needs its end keeps that memory. */
  #rest(again: boolean): Buffer | undefined {
    const long = this.#long
    this.#long = undefined
    this.#fullReads = 0
    if (long !== undefined) {
      if (!this.#needed && spare.length < maxSpare) spare.push(long)
      return this.#own
    }
    return again && !this.#needed ? undefined : this.#another()
  }

  #another(): Buffer {
    if (this.#long !== undefined) return (this.#long = Buffer.allocUnsafeSlow(longBytes))
    return (this.#own = Buffer.allocUnsafeSlow(usualBytes))
  }
}
