// Where a filter has its guest from: the VM that serves it now, and how it comes back after it has failed.
import { GuestFailure } from './host/failure.ts'
import type { InstanceUser, VmInstance } from './host/vm-instance.ts'
import type { InstanceSource, Serving } from './host/vm-pool.ts'
import { RefusedModule } from './meter/refused-module.ts'
import type { WasmEvents, WasmFilterOptions } from './wasm.ts'

/** How long a filter that fails again and again waits before its next VM. The first one is made at once. Milliseconds. */
const firstDelayMs = 1_000
const maxDelayMs = 60_000

export class GuestSupply {
  readonly #source: InstanceSource
  readonly #options: Pick<WasmFilterOptions, 'onFailure' | 'rebuild'>
  readonly #events: WasmEvents
  readonly #user: InstanceUser
  #serving: Serving | undefined
  #streams = 0
  #failedMs = -Infinity
  #delayMs = 0
  #retired = false

  /** @throws GuestFailure, RefusedModule: the first VM is started and configured here */
  constructor(source: InstanceSource, options: Pick<WasmFilterOptions, 'onFailure' | 'rebuild'>, events: WasmEvents, user: InstanceUser) {
    this.#source = source
    this.#options = options
    this.#events = events
    this.#user = user
    this.#serving = source.serve(user)
    this.#tellServed()
  }

  /** What serves a new stream; undefined: nothing does, for now. */
  current(): Serving | undefined {
    const serving = this.#serving
    if (serving !== undefined && !serving.root.ended) return this.#options.rebuild !== undefined && this.#isWornOut(serving) ? this.#renew(serving) : serving
    // Retired, and yet a stream comes that was held up before it got here: it is served all the same.
    if (serving === undefined && this.#isResting()) return undefined
    try {
      this.#serving = this.#source.serve(this.#user)
      if (serving === undefined) this.#events.reloaded()
    } catch (thrown) {
      this.#serving = undefined
      this.#backOff()
      this.#events.failed(toGuestFailure(thrown))
    }
    return this.#serving
  }

  /** A stream was opened there. */
  opened({ instance, root }: Serving): void {
    this.#streams++
    this.#tellServed()
    if (this.#retired) instance.retire(root)
  }

  /** A stream was closed. */
  closed(): void {
    this.#streams--
    this.#tellServed()
  }

  /** No more streams; those that are open still come through, and the VM ends with the last that it knows of. */
  retire(): void {
    this.#retired = true
    this.#serving?.instance.retire(this.#serving.root)
    this.#tellServed()
  }

  /** To be called by the user that hears of it. */
  vmFailed(instance: VmInstance, failure: GuestFailure): void {
    this.#events.failed(failure)
    if (this.#serving?.instance !== instance) return
    this.#serving = undefined
    this.#tellServed()
    this.#backOff()
  }

  #tellServed(): void {
    this.#events.served(this.#streams, this.#retired ? 0 : (this.#serving?.instance.vm.memoryBytes ?? 0))
  }

  #isResting(): boolean {
    return this.#options.onFailure !== 'reload' || performance.now() - this.#failedMs < this.#delayMs
  }

  /** Whoever held out for a while begins anew; whoever fails soon waits longer each time. */
  #backOff(): void {
    const nowMs = performance.now()
    this.#delayMs = nowMs - this.#failedMs > 2 * maxDelayMs ? 0 : Math.min(maxDelayMs, Math.max(firstDelayMs, this.#delayMs * 2))
    this.#failedMs = nowMs
  }

  /** A guest that leaks gets a new VM; its streams end in the old one. */
  #isWornOut({ instance }: Serving): boolean {
    if (performance.now() - this.#failedMs < this.#delayMs) return false
    const { afterRequests = Infinity, aboveMemoryMb = Infinity } = this.#options.rebuild ?? {}
    return instance.streamsMade >= afterRequests || instance.vm.memoryBytes > aboveMemoryMb * 1_048_576
  }

  #renew(old: Serving): Serving {
    this.#source.drop(old.instance)
    try {
      this.#serving = this.#source.serve(this.#user)
      old.instance.retire(old.root)
      return this.#serving
    } catch (thrown) {
      // A worn-out VM is better than none.
      this.#backOff()
      this.#events.failed(toGuestFailure(thrown))
      return old
    }
  }
}

function toGuestFailure(thrown: unknown): GuestFailure {
  if (thrown instanceof GuestFailure) return thrown
  if (thrown instanceof RefusedModule) return new GuestFailure('start', thrown.message, thrown)
  throw thrown
}
