// A VM and all that lives in it: the plugins that share it, and their streams.
import type { Exchange, TcpConnection } from '@meshwright/core'
import type { GuestFailure } from './failure.ts'
import { HttpStream } from './http-stream.ts'
import { httpCallbacks, type HttpCallbacks } from './http-callbacks.ts'
import { importsOf } from './imports/imports.ts'
import type { LoadedModule } from './load.ts'
import { RootContext } from './root-context.ts'
import type { StreamOwner } from './stream-owner.ts'
import type { Surroundings } from './surroundings.ts'
import { tcpCallbacks, type TcpCallbacks } from './tcp-callbacks.ts'
import { TcpStream, type TcpStreamOwner } from './tcp-stream.ts'
import { Vm, type VmHost } from './vm.ts'

export interface InstanceOptions {
  /** Units of fuel for one callback. */
  readonly fuel: number
  /** The same for starting. */
  readonly startFuel: number
  readonly capabilities: readonly string[] | undefined
  readonly allowUnknown: boolean
}

/** Told of the end of a VM, and of what its calls cost. */
export interface InstanceUser {
  vmFailed(instance: VmInstance, failure: GuestFailure): void
  /** @param ms CPU time; measured for some calls and 0 for the others */
  used(fuel: number, ms: number): void
}

export class VmInstance implements VmHost {
  readonly vm: Vm
  readonly callbacks: HttpCallbacks
  readonly fuel: number
  readonly startFuel: number
  #tcpCallbacks: TcpCallbacks | undefined = undefined
  readonly #roots = new Map<RootContext, InstanceUser>()
  readonly #ended: (instance: VmInstance) => void
  /** Streams that were ever made in it. */
  streamsMade = 0

  /**
   * @param ended called when nobody can use it any more: its last plugin has ended, or it is dead
   * @throws GuestFailure, RefusedModule
   */
  constructor(loaded: LoadedModule, surroundings: Surroundings, options: InstanceOptions, ended: (instance: VmInstance) => void = () => {}) {
    this.fuel = options.fuel
    this.startFuel = options.startFuel
    this.#ended = ended
    this.vm = new Vm(this, surroundings)
    const stubs: string[] = []
    const imports = importsOf(loaded.module, this.vm, surroundings, { abi: loaded.abi, capabilities: options.capabilities, allowUnknown: options.allowUnknown, stubbed: (name) => stubs.push(name) })
    if (stubs.length > 0) surroundings.log(3, `these imports only answer that they are not there: ${stubs.join(', ')}`)
    this.vm.start(loaded.module, imports)
    this.callbacks = httpCallbacks(this.vm)
  }

  get dead(): boolean {
    return this.vm.failure !== undefined
  }

  /** Makes, starts and configures a plugin. @throws GuestFailure; `vmFailed` is only for what comes after that */
  add(user: InstanceUser, surroundings: Surroundings): RootContext {
    const root = new RootContext(this.vm, surroundings, (fuel, ms) => user.used(fuel, ms))
    try {
      root.start()
    } catch (thrown) {
      root.abandon()
      if (this.#roots.size === 0) this.#ended(this)
      throw thrown
    }
    this.#roots.set(root, user)
    return root
  }

  /** The way of one exchange through a plugin; to be given back. */
  open(root: RootContext, owner: StreamOwner, exchange: Exchange): HttpStream {
    this.streamsMade++
    root.streams++
    return new HttpStream(root, exchange, this.callbacks, owner)
  }

  /** The same for a connection. */
  openTcp(root: RootContext, owner: TcpStreamOwner, connection: TcpConnection): TcpStream {
    this.streamsMade++
    root.streams++
    this.#tcpCallbacks ??= tcpCallbacks(this.vm)
    return new TcpStream(root, connection, this.#tcpCallbacks, owner)
  }

  close(stream: HttpStream | TcpStream): void {
    const { root } = stream
    root.streams--
    if (root.retiring) this.#endIfUnused(root)
  }

  /** No more streams for this plugin: it ends with its last one. */
  retire(root: RootContext): void {
    root.retiring = true
    this.#endIfUnused(root)
  }

  // -- VmHost

  failed(_vm: Vm, failure: GuestFailure): void {
    const users = [...this.#roots]
    this.#roots.clear()
    this.#ended(this)
    for (const context of this.vm.contexts.values()) if (context instanceof HttpStream || context instanceof TcpStream) context.abandon()
    for (const [root, user] of users) {
      root.abandon()
      user.vmFailed(this, failure)
    }
  }

  #endIfUnused(root: RootContext): void {
    if (root.streams > 0 || !this.#roots.delete(root)) return
    root.end()
    if (this.#roots.size === 0) this.#ended(this)
  }
}
