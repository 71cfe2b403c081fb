// What all host functions have in common: an entry that guards, and ways to hand bytes to a guest.
import type { Buffer } from 'node:buffer'
import type { Context } from '../context.ts'
import { GuestFailure } from '../failure.ts'
import { OutOfMemory } from '../guest-memory.ts'
import { Status } from '../status.ts'
import type { Vm } from '../vm.ts'

/** Takes what a guest passes: signed 32-bit numbers, and BigInts for 64-bit ones. Answers a status, or nothing. */
export type HostFunction = (...parameters: never[]) => number | void

export type HostFunctions = Readonly<Record<string, HostFunction>>

/** How many bytes are copied for a unit of fuel, as a power of 2. */
const bytesPerFuel = 2
/** So many go with the call. */
const fewBytes = 64
/** More than that is looked at twice. */
const manyBytes = 65_536

/** Fuel for copying. What is longer than the memory is refused with a status, and not paid for. */
export function burnBytes(vm: Vm, bytes: number): void {
  if (bytes > fewBytes && (bytes <= manyBytes || bytes <= vm.memoryBytes)) vm.burn(bytes >>> bytesPerFuel)
}

export interface Guard {
  readonly vm: Vm
  /** May be called while the guest initialises itself or allocates. */
  readonly early: boolean
  /** What is answered for addresses out of the memory. */
  readonly fault: number
}

/**
 * A host function as a guest imports it: burns fuel, ends a guest that is being ended, refuses what is called too early, and
 * answers `fault` for addresses out of the memory.
 */
export function guarded(guard: Guard, name: string, work: HostFunction): HostFunction {
  return enteredBy(new Entry(guard, name, work), work.length)
}

/** hot: named parameters, and no more than needed, as collecting them costs an array for every call (bench host). */
function enteredBy(entry: Entry, parameters: number): HostFunction {
  const short: Loose = (a, b, c, d, e) => entry.short(a, b, c, d, e)
  const long: Loose = (a, b, c, d, e, f, g, h, i, j, k, l) => entry.long(a, b, c, d, e, f, g, h, i, j, k, l)
  return parameters <= 5 ? short : long
}

type Loose = (a?: unknown, b?: unknown, c?: unknown, d?: unknown, e?: unknown, f?: unknown, g?: unknown, h?: unknown, i?: unknown, j?: unknown, k?: unknown, l?: unknown) => number | void

class Entry {
  readonly #vm: Vm
  readonly #early: boolean
  readonly #fault: number
  readonly #name: string
  readonly #work: Loose

  constructor({ vm, early, fault }: Guard, name: string, work: HostFunction) {
    this.#vm = vm
    this.#early = early
    this.#fault = fault
    this.#name = name
    this.#work = work as Loose
  }

  short(a: unknown, b: unknown, c: unknown, d: unknown, e: unknown): number | void {
    this.#enter()
    const work = this.#work
    try {
      return work(a, b, c, d, e)
    } catch (thrown) {
      return this.#failed(thrown)
    }
  }

  long(a: unknown, b: unknown, c: unknown, d: unknown, e: unknown, f: unknown, g: unknown, h: unknown, i: unknown, j: unknown, k: unknown, l: unknown): number | void {
    this.#enter()
    const work = this.#work
    try {
      return work(a, b, c, d, e, f, g, h, i, j, k, l)
    } catch (thrown) {
      return this.#failed(thrown)
    }
  }

  #enter(): void {
    const vm = this.#vm
    if (vm.ending !== undefined || (vm.restricted && !this.#early)) this.#refuse()
    vm.enterHost()
  }

  #refuse(): never {
    if (this.#vm.ending !== undefined) throw this.#vm.ending
    return this.#vm.end(new GuestFailure('start', `it called ${this.#name} while it was initialising itself or allocating memory`))
  }

  #failed(thrown: unknown): number {
    if (thrown instanceof OutOfMemory) return this.#fault
    // Whatever it is (a stack that the guest has nearly used up, a mistake of ours): a guest that catches it must not go on.
    return this.#vm.end(thrown instanceof Error ? thrown : new Error(String(thrown)))
  }
}

/** The context that a call is for. @throws GuestFailure where there is none yet */
export function contextOf(vm: Vm): Context {
  const context = vm.effective ?? vm.current
  return context ?? vm.end(new GuestFailure('start', 'it called a host function that needs a context before there was one'))
}

/** Hands bytes to the guest: address and length go where it wants them. */
export function give(vm: Vm, bytes: Uint8Array, addressAt: number, lengthAt: number): Status {
  const length = bytes.byteLength
  const at = reserve(vm, length)
  if (at < 0) return Status.invalidMemoryAccess
  if (length > 0) vm.memory.setBytes(at, bytes)
  return told(vm, at, length, addressAt, lengthAt)
}

/** The same with a text of one byte per character. */
export function giveText(vm: Vm, text: string, addressAt: number, lengthAt: number): Status {
  const { length } = text
  const at = reserve(vm, length)
  if (at < 0) return Status.invalidMemoryAccess
  if (length > 0) vm.memory.setLatin1(at, text)
  return told(vm, at, length, addressAt, lengthAt)
}

/** Nothing needs no room: SDKs rely on it. */
function reserve(vm: Vm, length: number): number {
  if (length === 0) return 0
  burnBytes(vm, length)
  const at = vm.allocate(length)
  return at === 0 ? -1 : at
}

function told(vm: Vm, at: number, length: number, addressAt: number, lengthAt: number): Status {
  const { memory } = vm
  memory.setU32(addressAt >>> 0, at)
  memory.setU32(lengthAt >>> 0, length)
  return Status.ok
}

/** A text that a guest passes, one byte per character. */
export function takeText(vm: Vm, at: number, length: number): string {
  burnBytes(vm, length >>> 0)
  return vm.memory.latin1(at >>> 0, length >>> 0)
}

/** A name that a guest passes, in lower case. */
export function takeName(vm: Vm, at: number, length: number): string {
  burnBytes(vm, length >>> 0)
  return vm.memory.name(at >>> 0, length >>> 0)
}

/** A copy of bytes that a guest passes. */
export function takeBytes(vm: Vm, at: number, length: number): Buffer {
  burnBytes(vm, length >>> 0)
  return vm.memory.copy(at >>> 0, length >>> 0)
}
