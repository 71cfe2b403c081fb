// A filter that runs a proxy-wasm module: its streams, its failures, and how it comes back.
import { MeshError, type Exchange, type Filter, type Reply } from '@meshwright/core'
import { GuestFailure } from './host/failure.ts'
import { HttpStream } from './host/http-stream.ts'
import type { LoadedModule } from './host/load.ts'
import type { RootContext } from './host/root-context.ts'
import type { Surroundings } from './host/surroundings.ts'
import { VmInstance, type InstanceOptions, type InstanceUser } from './host/vm-instance.ts'

/** What becomes of exchanges when the guest fails. */
export type OnFailure = 'closed' | 'open' | 'reload'

export interface WasmFilterOptions extends InstanceOptions {
  readonly name: string
  readonly onFailure: OnFailure
  /** A new VM for new streams after so many, or when the memory has grown beyond that. Default: never. */
  readonly rebuild?: { readonly afterRequests?: number | undefined; readonly aboveMemoryMb?: number | undefined } | undefined
}

/** What a filter reports of itself. */
export interface WasmEvents {
  failed(failure: GuestFailure): void
  reloaded(): void
  used(fuel: number): void
}

/** A VM that several filters may share; made when it is needed. */
export interface InstanceSource {
  /** @throws GuestFailure, RefusedModule */
  take(): VmInstance
  /** It is dead, or was used enough: the next one is a new one. */
  drop(instance: VmInstance): void
}

/** How long a filter that fails again and again waits before its next VM. */
const firstDelayMs = 1_000
const maxDelayMs = 60_000

interface Serving {
  readonly instance: VmInstance
  readonly root: RootContext
}

export class WasmFilter implements Filter, InstanceUser {
  readonly name: string
  readonly streamError: MeshError | undefined
  onRequestHeaders?: NonNullable<Filter['onRequestHeaders']>
  onRequestBody?: NonNullable<Filter['onRequestBody']>
  onResponseHeaders?: NonNullable<Filter['onResponseHeaders']>
  onResponseBody?: NonNullable<Filter['onResponseBody']>
  onEnd?: NonNullable<Filter['onEnd']>
  readonly #source: InstanceSource
  readonly #surroundings: Surroundings
  readonly #options: WasmFilterOptions
  readonly #events: WasmEvents
  readonly #reroute: (exchange: Exchange) => void
  readonly #streams = new WeakMap<Exchange, HttpStream>()
  #serving: Serving | undefined
  #failedMs = -Infinity
  #delayMs = 0
  #retired = false

  /** @throws GuestFailure, RefusedModule: the first VM is started and configured here */
  constructor(loaded: LoadedModule, source: InstanceSource, surroundings: Surroundings, options: WasmFilterOptions, events: WasmEvents, reroute: (exchange: Exchange) => void) {
    this.name = options.name
    this.#source = source
    this.#surroundings = surroundings
    this.#options = options
    this.#events = events
    this.#reroute = reroute
    this.streamError = options.onFailure === 'open' ? undefined : new MeshError('MESH_WASM_FAILED', `filter "${options.name}"`)
    this.#serving = this.#serve()
    this.#takePhases(loaded.exports)
  }

  retire(): void {
    this.#retired = true
    this.#serving?.instance.retire(this)
    this.#serving = undefined
  }

  vmFailed(instance: VmInstance, failure: GuestFailure): void {
    this.#source.drop(instance)
    this.#events.failed(failure)
    if (this.#serving?.instance !== instance) return
    this.#serving = undefined
    const nowMs = performance.now()
    // Whoever held out for a while begins anew; whoever fails at once waits longer each time.
    this.#delayMs = nowMs - this.#failedMs > maxDelayMs ? 0 : Math.min(maxDelayMs, Math.max(firstDelayMs, this.#delayMs * 2))
    this.#failedMs = nowMs
  }

  used(fuel: number): void {
    this.#events.used(fuel)
  }

  /** Only the phases that the module has: one that is absent costs nothing. */
  #takePhases(exports: ReadonlySet<string>): void {
    const has = (...names: string[]): boolean => names.some((name) => exports.has(name))
    if (has('proxy_on_request_headers')) this.onRequestHeaders = (exchange) => this.#guarded(exchange, (stream) => stream.requestHeaders(), undefined)
    if (has('proxy_on_request_body', 'proxy_on_request_trailers')) {
      this.onRequestBody = (exchange, chunk, last) => this.#guarded<Uint8Array | Reply>(exchange, (stream) => stream.requestBody(chunk, last), chunk, 'request')
    }
    if (has('proxy_on_response_headers')) this.onResponseHeaders = (exchange) => this.#guarded(exchange, (stream) => stream.responseHeaders(), undefined)
    if (has('proxy_on_response_body', 'proxy_on_response_trailers')) {
      this.onResponseBody = (exchange, chunk, last) => this.#guarded<Uint8Array>(exchange, (stream) => stream.responseBody(chunk, last), chunk, 'response')
    }
    this.onEnd = (exchange) => this.#end(exchange)
  }

  /** Runs a phase; what the guest's failure means is decided here. */
  #guarded<T>(exchange: Exchange, phase: (stream: HttpStream) => T | undefined | Promise<T | undefined>, otherwise: T | undefined, direction?: 'request' | 'response'): T | undefined | Promise<T | undefined> {
    let stream: HttpStream | undefined
    try {
      stream = this.#streamOf(exchange)
      if (stream === undefined) return otherwise
      const out = phase(stream)
      if (!(out instanceof Promise)) return out
      const waiting = stream
      return out.catch((thrown: unknown) => this.#without(thrown, waiting, otherwise, direction))
    } catch (thrown) {
      return this.#without(thrown, stream, otherwise, direction)
    }
  }

  /** The guest has failed: the exchange goes on without it, or fails. */
  #without<T>(thrown: unknown, stream: HttpStream | undefined, otherwise: T | undefined, direction: 'request' | 'response' | undefined): T | undefined {
    if (!(thrown instanceof GuestFailure)) throw thrown
    if (this.streamError !== undefined) throw this.streamError
    if (stream === undefined || direction === undefined) return otherwise
    return stream.rescue(direction) as T
  }

  /** The stream of an exchange; undefined: it goes on without this filter. @throws GuestFailure, MESH_WASM_FAILED */
  #streamOf(exchange: Exchange): HttpStream | undefined {
    const known = this.#streams.get(exchange)
    if (known !== undefined) {
      if (known.root.vm.failure === undefined) return known
      throw known.root.vm.failure
    }
    const serving = this.#current()
    if (serving === undefined) {
      if (this.streamError === undefined) return undefined
      throw this.streamError
    }
    const { instance, root } = serving
    const stream = new HttpStream(root, exchange, instance.callbacks, this.#reroute)
    this.#streams.set(exchange, stream)
    instance.opened(stream, this)
    return stream
  }

  #current(): Serving | undefined {
    if (this.#serving !== undefined) return this.#wornOut(this.#serving) ? this.#renew(this.#serving) : this.#serving
    if (this.#options.onFailure !== 'reload' || this.#retired || performance.now() - this.#failedMs < this.#delayMs) return undefined
    try {
      this.#serving = this.#serve()
      this.#events.reloaded()
    } catch {
      // The events have heard of it; the next one is tried later.
      if (this.#serving === undefined) this.#failedMs = performance.now()
    }
    return this.#serving
  }

  /** A guest that leaks gets a new VM; its streams end in the old one. */
  #wornOut({ instance }: Serving): boolean {
    const { rebuild } = this.#options
    if (rebuild === undefined) return false
    if (rebuild.afterRequests !== undefined && instance.streamsMade >= rebuild.afterRequests) return true
    return rebuild.aboveMemoryMb !== undefined && instance.vm.memoryBytes > rebuild.aboveMemoryMb * 1_048_576
  }

  #renew(old: Serving): Serving | undefined {
    this.#source.drop(old.instance)
    try {
      this.#serving = this.#serve()
    } catch (thrown) {
      if (!(thrown instanceof GuestFailure)) throw thrown
      // A worn-out VM is better than none.
      return old
    }
    old.instance.retire(this)
    return this.#serving
  }

  #serve(): Serving {
    const instance = this.#source.take()
    try {
      return { instance, root: instance.add(this, this.#surroundings) }
    } catch (thrown) {
      this.#source.drop(instance)
      throw thrown
    }
  }

  #end(exchange: Exchange): void {
    const known = this.#streams.get(exchange)
    if (known === undefined) return
    const { vm } = known.root
    try {
      if (vm.failure === undefined) known.end()
    } catch (thrown) {
      // The VM has told everybody why it failed, and the exchange is over anyway.
      if (!(thrown instanceof GuestFailure)) throw thrown
    }
    this.#instanceOf(known)?.closed(known)
  }

  #instanceOf(stream: HttpStream): VmInstance | undefined {
    return stream.root.vm.host as VmInstance
  }
}
