// Reads the bytes of a module: numbers in LEB128, names, and where it stands.
import { RefusedModule } from './refused-module.ts'

/** Answers with what stands at `at`, and moves it on. Never reads behind `end`. */
export class Reader {
  readonly bytes: Uint8Array
  readonly end: number
  at: number

  constructor(bytes: Uint8Array, at = 0, end: number = bytes.length) {
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  get done(): boolean {
    return this.at >= this.end
  }

  byte(): number {
    if (this.at >= this.end) throw new RefusedModule('the module ends too early', this.at)
    return this.bytes[this.at++] as number
  }

  /** An unsigned number of up to 32 bits. */
  u32(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte()
      // The fifth byte has room for four bits.
      if (shift === 28 && byte > 0x0f) break
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new RefusedModule('a number is too long', this.at)
  }

  /** Moves on over a number of any sign, of up to `bits` bits. */
  skipNumber(bits: number): void {
    const most = Math.ceil(bits / 7)
    for (let count = 0; count < most; count++) if (this.byte() < 0x80) return
    throw new RefusedModule('a number is too long', this.at)
  }

  skip(count: number): void {
    if (count > this.end - this.at) throw new RefusedModule(`the module ends too early: ${this.end - this.at} of ${count} bytes are there`, this.at)
    this.at += count
  }

  name(): string {
    const length = this.u32()
    const from = this.at
    this.skip(length)
    return new TextDecoder().decode(this.bytes.subarray(from, this.at))
  }

  /** A reader of the next `length` bytes; this one goes on behind them. */
  part(length: number): Reader {
    const from = this.at
    this.skip(length)
    return new Reader(this.bytes, from, this.at)
  }
}
