// A guest at work: one instance of a module, called one call at a time, with fuel for each, dead after its first trap.
import { fuelExport } from '../meter/meter.ts'
import type { Context } from './context.ts'
import { GuestExit, GuestFailure, OutOfFuel, toFailure } from './failure.ts'
import { GuestMemory } from './guest-memory.ts'

/** A function that a guest exports. Numbers come back as signed 32-bit. */
export type GuestFunction = (...parameters: number[]) => number | undefined

/** What a VM needs of its surroundings. */
export interface VmHost {
  /** Units of fuel for one call from outside. */
  readonly fuel: number
  /** Everything that may go wrong has gone wrong, once. */
  failed(vm: Vm, failure: GuestFailure): void
  /** A call is over: how much fuel it has used. */
  used(fuel: number): void
}

/**
 * Its life:
 * 1. `start` instantiates the module and runs its initialisers; no root context exists yet.
 * 2. Root contexts are made, started and configured.
 * 3. Callbacks run, one at a time. Whatever a callback sets off in the host happens after it (`defer`).
 * 4. The first trap, or running out of fuel, ends it: nothing is called any more, and everybody who waits is told.
 */
export class Vm {
  readonly host: VmHost
  readonly contexts: Map<number, Context> = new Map()
  /** The context that the running callback is for, and the one it has asked for instead. */
  current: Context | undefined = undefined
  effective: Context | undefined = undefined
  failure: GuestFailure | undefined = undefined
  /** Set while the guest initialises itself: hardly any host function may be called. */
  restricted = false
  /** Thrown again at every host call: a guest may have caught it. */
  ending: Error | undefined = undefined
  #memory: GuestMemory | undefined = undefined
  #exports: Readonly<Record<string, unknown>> = {}
  #fuel: WebAssembly.Global | undefined = undefined
  #allocate: GuestFunction | undefined = undefined
  #depth = 0
  #deferred: (() => void)[] = []
  #nextContext = 1

  constructor(host: VmHost) {
    this.host = host
  }

  /** The guest's memory. @throws GuestFailure while the module is still being instantiated */
  get memory(): GuestMemory {
    if (this.#memory === undefined) throw new GuestFailure('start', 'it called the host before it was instantiated: move its start function into an exported _initialize')
    return this.#memory
  }

  /** Bytes of linear memory. */
  get memoryBytes(): number {
    return this.#memory?.size ?? 0
  }

  /** What runs now is a guest. */
  get running(): boolean {
    return this.#depth > 0
  }

  /** Instantiates the module. @throws GuestFailure */
  start(module: WebAssembly.Module, imports: WebAssembly.Imports): void {
    this.restricted = true
    try {
      const { exports } = new WebAssembly.Instance(module, imports)
      this.#exports = exports
      this.#fuel = exports[fuelExport] as WebAssembly.Global
      if (!(exports['memory'] instanceof WebAssembly.Memory)) throw new GuestFailure('start', 'it exports no memory')
      this.#memory = new GuestMemory(exports['memory'])
      this.#allocate = this.find('malloc') ?? this.find('proxy_on_memory_allocate')
    } catch (thrown) {
      this.#die(toFailure(thrown, 0))
      throw this.failure as unknown as GuestFailure
    }
    this.#initialise()
    this.restricted = false
  }

  /** An exported function. */
  find(name: string): GuestFunction | undefined {
    const found = this.#exports[name]
    return typeof found === 'function' ? (found as GuestFunction) : undefined
  }

  newContextId(): number {
    return this.#nextContext++
  }

  /**
   * Calls the guest for a context. From outside it gets fuel, and what it has put off happens afterwards.
   * @returns what it answered, unsigned; 0 for a function without a result
   * @throws GuestFailure if it fails, or is dead already
   */
  call(target: GuestFunction, context: Context | undefined, a = 0, b = 0, c = 0, d = 0, e = 0): number {
    if (this.failure !== undefined) throw this.failure
    const outermost = this.#depth === 0
    const { current, effective } = this
    if (outermost) this.#refuel()
    this.current = context
    this.effective = undefined
    this.#depth++
    try {
      return (target(a, b, c, d, e) ?? 0) >>> 0
    } catch (thrown) {
      // A program that has only a `main` ends like that when all is well.
      if (this.restricted && thrown instanceof GuestExit && thrown.code === 0) return 0
      this.#die(toFailure(thrown, this.fuelLeft))
      throw this.failure as unknown as GuestFailure
    } finally {
      this.#depth--
      this.current = current
      this.effective = effective
      if (outermost) this.#settle()
    }
  }

  /** What a guest has put off, or what must not happen inside of it: runs after the outermost call, or at once. */
  defer(action: () => void): void {
    if (this.#depth === 0) action()
    else this.#deferred.push(action)
  }

  /**
   * Room in the guest's memory, which belongs to the guest from then on.
   * @returns its address; 0 if there is none
   */
  allocate(bytes: number): number {
    if (this.#allocate === undefined) throw new GuestFailure('trap', 'it exports neither malloc nor proxy_on_memory_allocate')
    const restricted = this.restricted
    this.restricted = true
    // Inside of a host call: the contexts stay as they are, and so does the fuel.
    const at = (this.#allocate(bytes) ?? 0) >>> 0
    this.restricted = restricted
    return at
  }

  get fuelLeft(): number {
    return this.#fuel?.value ?? 0
  }

  /** What the host does for a guest is on the guest's account. @throws OutOfFuel */
  burn(units: number): void {
    if (this.#fuel === undefined) return
    const left = this.#fuel.value - units
    this.#fuel.value = Math.max(left, -0x4000_0000)
    if (left < 0) throw new OutOfFuel()
  }

  /** Ends the guest: what it is doing now is given up. @throws the error */
  end(error: Error): never {
    this.ending = error
    if (this.#fuel !== undefined) this.#fuel.value = -1
    throw error
  }

  #initialise(): void {
    const initialize = this.find('_initialize')
    if (initialize === undefined) {
      const start = this.find('_start')
      if (start !== undefined) this.call(start, undefined)
      return
    }
    this.call(initialize, undefined)
    const main = this.find('main') ?? this.find('__main_void')
    if (main !== undefined) this.call(main, undefined)
  }

  #refuel(): void {
    if (this.#fuel !== undefined) this.#fuel.value = this.host.fuel
  }

  #settle(): void {
    this.host.used(this.host.fuel - this.fuelLeft)
    while (this.#deferred.length > 0) {
      const actions = this.#deferred
      this.#deferred = []
      for (const action of actions) action()
    }
  }

  #die(failure: GuestFailure): void {
    if (this.failure !== undefined) return
    this.failure = failure
    // Whoever waits is told, but not from inside of the guest.
    this.defer(() => this.host.failed(this, failure))
  }
}
