// A guest at work: one instance of a module, called one call at a time, with fuel for each, dead after its first trap.
import { IdTable } from '../id-table.ts'
import { fuelExport } from '../meter/fuel-export.ts'
import type { Context } from './context.ts'
import { FuelGauge, unitsPerMs } from './fuel-gauge.ts'
import { GuestExit, GuestFailure, OutOfFuel, toFailure } from './failure.ts'
import { GuestMemory } from './guest-memory.ts'
import type { Surroundings } from './surroundings.ts'

/** A function that a guest exports. Numbers come back as signed 32-bit. */
export type GuestFunction = (...parameters: number[]) => number | undefined

/** What a VM needs of its owner. */
export interface VmHost {
  /** Units of fuel for one call from outside. */
  readonly fuel: number
  /** The same for all calls together that start a plugin, and the module before the first one. */
  readonly startFuel: number
  /** Everything that may go wrong has gone wrong, once. */
  failed(vm: Vm, failure: GuestFailure): void
}

/** Fuel for the way from a guest to the host and back, and for a few bytes that go with it. Units of about a nanosecond. */
const callFuel = 100

/** Every so many calls the clock is looked at, which takes longer than many a call. */
const clockEvery = 16

/**
 * Its life:
 * 1. `start` instantiates the module and runs its initialisers; no root context exists yet.
 * 2. Root contexts are made, started and configured (`starting`).
 * 3. Callbacks run, one at a time. Whatever a callback sets off in the guest itself happens after it (`defer`).
 * 4. The first trap, or running out of fuel, ends it: nothing is called any more, and everybody who waits is told.
 */
export class Vm {
  readonly host: VmHost
  /** Of the plugin that it was made for; while no context is current, lines are logged there. */
  readonly surroundings: Surroundings
  readonly contexts: IdTable<Context> = new IdTable()
  /** The context that the running callback is for, and the one it has asked for instead. */
  current: Context | undefined = undefined
  effective: Context | undefined = undefined
  failure: GuestFailure | undefined = undefined
  /** Units of fuel that the last start of a plugin took. */
  startFuelUsed = 0
  /** Set while the guest initialises itself or allocates: hardly any host function may be called. */
  restricted = false
  /** Thrown again at every host call: a guest may have caught it. */
  ending: Error | undefined = undefined
  #memory: GuestMemory | undefined = undefined
  #exports: Readonly<Record<string, unknown>> = {}
  #fuel: FuelGauge | undefined = undefined
  /** What is left of the fuel for starting; undefined: nothing starts now. */
  #startFuel: number | undefined = undefined
  #allocate: GuestFunction | undefined = undefined
  #depth = 0
  #calls = 0
  #deferred: (() => void)[] = []
  #nextContext = 1

  constructor(host: VmHost, surroundings: Surroundings) {
    this.host = host
    this.surroundings = surroundings
  }

  /** The guest's memory. @throws GuestFailure while the module is still being instantiated */
  get memory(): GuestMemory {
    return this.#memory ?? this.end(new GuestFailure('start', 'it called the host before it was instantiated: move its start function into an exported _initialize'))
  }

  /** Bytes of linear memory. */
  get memoryBytes(): number {
    return this.#memory?.size ?? 0
  }

  /** Instantiates the module. @throws GuestFailure */
  start(module: WebAssembly.Module, imports: WebAssembly.Imports): void {
    this.restricted = true
    this.#startFuel = this.host.startFuel
    try {
      const { exports } = new WebAssembly.Instance(module, imports)
      this.#exports = exports
      const fuel = exports[fuelExport]
      if (fuel !== undefined) this.#fuel = new FuelGauge(fuel as WebAssembly.Global)
      this.#startFuel = this.fuelLeft
      if (!(exports['memory'] instanceof WebAssembly.Memory)) throw new GuestFailure('start', 'it exports no memory')
      this.#memory = new GuestMemory(exports['memory'])
      this.#allocate = this.find('malloc') ?? this.find('proxy_on_memory_allocate')
    } catch (thrown) {
      const failure = toFailure(thrown, 0, this.#budget)
      // There is nothing yet that could be asked how much fuel is left.
      throw this.#die(thrown instanceof WebAssembly.RuntimeError ? new GuestFailure('trap', `its start section trapped (${failure.message}), or ${this.#budget}`, thrown) : failure)
    }
    this.#initialise()
    this.restricted = false
  }

  /** Starts a plugin: all calls in there burn from one budget, which for the first plugin is what the module has left. */
  starting(work: () => void): void {
    this.#startFuel ??= this.host.startFuel
    try {
      work()
    } finally {
      this.startFuelUsed = this.host.startFuel - this.#startFuel
      this.#startFuel = undefined
    }
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
    // hot: the clock is asked now and then only (bench host)
    const startedMs = outermost && ++this.#calls % clockEvery === 0 ? performance.now() : 0
    this.current = context
    this.effective = undefined
    this.#depth++
    try {
      return (target(a, b, c, d, e) ?? 0) >>> 0
    } catch (thrown) {
      if (this.#endedWell(thrown)) return 0
      // What the host has ended it for has emptied its fuel as well.
      throw this.#die(toFailure(this.ending ?? thrown, this.ending === undefined ? this.fuelLeft : 0, this.#budget))
    } finally {
      this.#depth--
      this.current = current
      this.effective = effective
      if (outermost) this.#settle(context, startedMs)
      // A host call goes on after it.
      else this.#memory?.look()
    }
  }

  /** What must not happen inside of the guest: runs after the outermost call, or at once. */
  defer(action: () => void): void {
    if (this.#depth === 0) action()
    else this.#deferred.push(action)
  }

  /**
   * Room in the guest's memory, which belongs to the guest from then on. Inside of a host call: the contexts stay as they are, and so does the fuel.
   * @returns its address; 0 if there is none
   */
  allocate(bytes: number): number {
    if (this.#allocate === undefined) this.end(new GuestFailure('trap', 'it exports neither malloc nor proxy_on_memory_allocate'))
    const { restricted } = this
    this.restricted = true
    try {
      return (this.#allocate(bytes) ?? 0) >>> 0
    } finally {
      this.#memory?.look()
      this.restricted = restricted
    }
  }

  /** The guest calls the host, which is on its account. @throws OutOfFuel */
  enterHost(): void {
    this.#memory?.look()
    this.burn(callFuel)
  }

  get fuelLeft(): number {
    return this.#fuel?.left ?? 0
  }

  /** What the host does for a guest is on the guest's account. @throws OutOfFuel */
  burn(units: number): void {
    if (this.#fuel?.burn(units) === false) this.end(new OutOfFuel())
  }

  /** Ends the guest: what it is doing now is given up, and it is out of fuel should it catch this. @throws the error */
  end(error: Error): never {
    this.ending ??= error
    this.#fuel?.empty()
    throw this.ending
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

  /** A program that has only a `main` ends like that when all is well. */
  #endedWell(thrown: unknown): boolean {
    if (this.#depth > 1 || this.current !== undefined || !(thrown instanceof GuestExit) || thrown.code !== 0) return false
    this.ending = undefined
    return true
  }

  #refuel(): void {
    if (this.#startFuel === undefined) this.#fuel?.ensure(this.host.fuel)
    else this.#fuel?.fill(this.#startFuel)
  }

  #settle(context: Context | undefined, startedMs: number): void {
    const ms = startedMs === 0 ? 0 : (performance.now() - startedMs) * clockEvery
    const fuel = this.#fuel?.spent() ?? 0
    if (this.#startFuel !== undefined) this.#startFuel -= fuel
    context?.root.used(fuel, ms)
    while (this.#deferred.length > 0) {
      const actions = this.#deferred
      this.#deferred = []
      for (const action of actions) action()
    }
  }

  /** What is to be said of it when it is used up. */
  get #budget(): string {
    const { fuel, startFuel } = this.host
    return this.#startFuel === undefined ? `it took more time than it may (fuelMs: ${fuel / unitsPerMs})` : `it took more time than it may to start (startFuelMs: ${startFuel / unitsPerMs})`
  }

  #die(failure: GuestFailure): GuestFailure {
    if (this.failure !== undefined) return this.failure
    this.failure = failure
    // Whoever waits is told, but not from inside of the guest.
    this.defer(() => this.host.failed(this, failure))
    return failure
  }
}
