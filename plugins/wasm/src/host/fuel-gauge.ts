// Reads and fills the fuel of a guest. A global is reached from outside only through an accessor that takes longer than many a callback.

/**
 * Two functions around a global that is imported: `set` and `get`. Calling them takes a tenth of what the accessor takes (bench host). The
 * global has 64 bits, as starting a large guest may take more than 2 ** 31 units; they pass as numbers of JavaScript.
 */
const gaugeBytes: Uint8Array<ArrayBuffer> = Uint8Array.from(
  [
    [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    // types: (f64) -> (), () -> f64
    [0x01, 0x09, 0x02, 0x60, 0x01, 0x7c, 0x00, 0x60, 0x00, 0x01, 0x7c],
    // the global "m" "f": i64, mutable
    [0x02, 0x08, 0x01, 0x01, 0x6d, 0x01, 0x66, 0x03, 0x7e, 0x01],
    [0x03, 0x03, 0x02, 0x00, 0x01],
    // "set", "get"
    [0x07, 0x0d, 0x02, 0x03, 0x73, 0x65, 0x74, 0x00, 0x00, 0x03, 0x67, 0x65, 0x74, 0x00, 0x01],
    // i64.trunc_sat_f64_s on the way in, f64.convert_i64_s on the way out
    [0x0a, 0x10, 0x02, 0x08, 0x00, 0x20, 0x00, 0xfc, 0x06, 0x24, 0x00, 0x0b, 0x05, 0x00, 0x23, 0x00, 0xb9, 0x0b],
  ].flat(),
)

let compiled: WebAssembly.Module | undefined

/** Units of fuel in a millisecond. */
export const unitsPerMs = 1_000_000
/** Units of fuel that the host takes on account before it settles them with the guest. */
const account = unitsPerMs

/** The fuel of one guest: what its code burns is in the global, what the host burns for it is settled now and then. */
export class FuelGauge {
  readonly #set: (units: number) => void
  readonly #get: () => number
  #onAccount = 0
  /** What was left before the call that runs. */
  #before = 0

  /** @param fuel the global that the meter has added */
  constructor(fuel: WebAssembly.Global) {
    compiled ??= new WebAssembly.Module(gaugeBytes)
    const { exports } = new WebAssembly.Instance(compiled, { m: { f: fuel } })
    this.#set = exports['set'] as (units: number) => void
    this.#get = exports['get'] as () => number
  }

  /** Less than 0 when more was burned than there was. */
  get left(): number {
    return this.#get() - this.#onAccount
  }

  fill(units: number): void {
    this.#before = units
    this.#put(units)
  }

  /** For a call that may burn so much: there is that or up to an eighth more, as filling takes as long as a small call. */
  ensure(units: number): void {
    const most = units + Math.floor(units / 8)
    if (this.#before < units || this.#before > most) this.fill(most)
  }

  /** What the call has burned that is over now. */
  spent(): number {
    const before = this.#before
    this.#before = this.left
    return before - Math.max(0, this.#before)
  }

  /** Answers whether there was as much. */
  burn(units: number): boolean {
    this.#onAccount += units
    return this.#onAccount < account || this.#settle()
  }

  /** Nothing is left: the guest traps at the next place where it looks. */
  empty(): void {
    this.fill(-1)
  }

  #settle(): boolean {
    const left = this.#get() - this.#onAccount
    if (left < 0) return false
    this.#put(left)
    return true
  }

  #put(units: number): void {
    this.#onAccount = 0
    this.#set(units)
  }
}
