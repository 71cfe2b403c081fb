// A VM and all that lives in it: the plugins that share it, and their streams.
import { MeshError } from '@meshwright/core'
import type { GuestFailure } from './failure.ts'
import type { HttpStream } from './http-stream.ts'
import { httpCallbacks, type HttpCallbacks } from './http-callbacks.ts'
import { importsOf } from './imports/imports.ts'
import type { LoadedModule } from './load.ts'
import { RootContext } from './root-context.ts'
import type { Surroundings } from './surroundings.ts'
import { Vm, type VmHost } from './vm.ts'

export interface InstanceOptions {
  readonly fuel: number
  readonly capabilities: readonly string[] | undefined
  readonly allowUnknown: boolean
}

/** Told of the end of a VM, and of what its calls cost. */
export interface InstanceUser {
  vmFailed(instance: VmInstance, failure: GuestFailure): void
  used(fuel: number): void
  /** What becomes of streams that wait when the VM dies; undefined: they go on without it. */
  readonly streamError: MeshError | undefined
}

export class VmInstance implements VmHost {
  readonly vm: Vm
  readonly callbacks: HttpCallbacks
  readonly fuel: number
  readonly #users = new Map<InstanceUser, RootContext>()
  readonly #streams = new Map<HttpStream, InstanceUser>()
  readonly #retiring = new Set<InstanceUser>()
  /** Streams that were ever made in it. */
  streamsMade = 0

  /** @throws GuestFailure, RefusedModule */
  constructor(loaded: LoadedModule, surroundings: Surroundings, options: InstanceOptions) {
    this.fuel = options.fuel
    this.vm = new Vm(this)
    const stubs: string[] = []
    const imports = importsOf(loaded.module, this.vm, surroundings, { abi: loaded.abi, capabilities: options.capabilities, allowUnknown: options.allowUnknown, stubbed: (name) => stubs.push(name) })
    if (stubs.length > 0) surroundings.log(3, `these imports only answer that they are not there: ${stubs.join(', ')}`)
    this.vm.start(loaded.module, imports)
    this.callbacks = httpCallbacks(this.vm)
  }

  get dead(): boolean {
    return this.vm.failure !== undefined
  }

  /** Whether nobody uses it any more. */
  get idle(): boolean {
    return this.#users.size === 0
  }

  /** Makes, starts and configures a plugin. @throws GuestFailure */
  add(user: InstanceUser, surroundings: Surroundings): RootContext {
    const root = new RootContext(this.vm, surroundings)
    this.#users.set(user, root)
    try {
      root.start()
    } catch (thrown) {
      this.#users.delete(user)
      root.abandon()
      throw thrown
    }
    return root
  }

  opened(stream: HttpStream, user: InstanceUser): void {
    this.streamsMade++
    this.#streams.set(stream, user)
  }

  closed(stream: HttpStream): void {
    const user = this.#streams.get(stream)
    this.#streams.delete(stream)
    if (user !== undefined && this.#retiring.has(user)) this.#endIfUnused(user)
  }

  /** No more streams for this plugin: it ends with its last one. */
  retire(user: InstanceUser): void {
    this.#retiring.add(user)
    this.#endIfUnused(user)
  }

  // -- VmHost

  failed(_vm: Vm, failure: GuestFailure): void {
    for (const [stream, user] of this.#streams) stream.abandon(user.streamError)
    this.#streams.clear()
    for (const [user, root] of this.#users) {
      root.abandon()
      user.vmFailed(this, failure)
    }
    this.#users.clear()
  }

  used(fuel: number): void {
    for (const user of this.#users.keys()) user.used(fuel)
  }

  #endIfUnused(user: InstanceUser): void {
    for (const owner of this.#streams.values()) if (owner === user) return
    this.#retiring.delete(user)
    const root = this.#users.get(user)
    this.#users.delete(user)
    root?.end()
  }
}
