// Writes the bytes of a module.

/** A buffer that grows. */
export class Writer {
  #bytes: Uint8Array<ArrayBuffer>
  #length = 0

  constructor(expected = 256) {
    this.#bytes = new Uint8Array(expected)
  }

  get length(): number {
    return this.#length
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  copy(bytes: Uint8Array, from = 0, to: number = bytes.length): void {
    this.#reserve(to - from)
    this.#bytes.set(bytes.subarray(from, to), this.#length)
    this.#length += to - from
  }

  /** An unsigned number of up to 32 bits, in LEB128. */
  u32(value: number): void {
    let rest = value >>> 0
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80)
      rest >>>= 7
    }
    this.byte(rest)
  }

  /** A signed whole number, in LEB128. */
  signed(value: number): void {
    let rest = value
    while (rest < -0x40 || rest > 0x3f) {
      const low = ((rest % 0x80) + 0x80) % 0x80
      this.byte(low | 0x80)
      rest = (rest - low) / 0x80
    }
    this.byte(rest & 0x7f)
  }

  /** What has been written; the writer may go on. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length)
  }

  #reserve(count: number): void {
    const needed = this.#length + count
    if (needed <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
  }
}
