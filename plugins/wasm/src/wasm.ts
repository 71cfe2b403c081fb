// A filter that runs a proxy-wasm module: its streams, its failures, and how it comes back.
import { MeshError, type Exchange, type Filter, type Reply } from '@meshwright/core'
import { GuestFailure } from './host/failure.ts'
import type { HttpStream } from './host/http-stream.ts'
import type { LoadedModule } from './host/load.ts'
import type { VmInstance, InstanceOptions, InstanceUser } from './host/vm-instance.ts'
import type { InstanceSource, Serving } from './host/vm-pool.ts'
import { RefusedModule } from './meter/refused-module.ts'

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
  /** What one call has cost: fuel, and CPU time in milliseconds where that was measured. */
  used(fuel: number, ms: number): void
  /** A stream has waited for the guest. Milliseconds. */
  paused(ms: number): void
  /** How many streams pass through it now, and how much memory its VM has. */
  served(streams: number, memoryBytes: number): void
}

/** How long a filter that fails again and again waits before its next VM. The first one is made at once. */
const firstDelayMs = 1_000
const maxDelayMs = 60_000

export class WasmFilter implements Filter, InstanceUser {
  readonly name: string
  readonly streamError: MeshError | undefined
  readonly paused: (ms: number) => void
  readonly reroute: (exchange: Exchange) => void
  onRequestHeaders?: NonNullable<Filter['onRequestHeaders']>
  onRequestBody?: NonNullable<Filter['onRequestBody']>
  onResponseHeaders?: NonNullable<Filter['onResponseHeaders']>
  onResponseBody?: NonNullable<Filter['onResponseBody']>
  readonly #source: InstanceSource
  readonly #options: WasmFilterOptions
  readonly #events: WasmEvents
  /** A request that has never reached the guest is told to it at its end. */
  readonly #logsAll: boolean
  #serving: Serving | undefined
  #streams = 0
  #failedMs = -Infinity
  #delayMs = 0
  #retired = false

  /** @throws GuestFailure, RefusedModule: the first VM is started and configured here */
  constructor(loaded: LoadedModule, source: InstanceSource, options: WasmFilterOptions, events: WasmEvents, reroute: (exchange: Exchange) => void) {
    this.name = options.name
    this.reroute = reroute
    this.paused = (ms) => events.paused(ms)
    this.#source = source
    this.#options = options
    this.#events = events
    this.streamError = options.onFailure === 'open' ? undefined : new MeshError('MESH_WASM_FAILED', `filter "${options.name}"`)
    this.#logsAll = loaded.exports.has('proxy_on_log')
    this.#serving = source.serve(this)
    this.#tellServed()
    this.#takePhases(loaded.exports)
  }

  onEnd(exchange: Exchange): void {
    const stream = this.#find(exchange) ?? (this.#logsAll ? this.#openIfServing(exchange) : undefined)
    if (stream === undefined) return
    stream.end()
    const instance = stream.root.vm.host as VmInstance
    instance.close(stream)
    this.#streams--
    this.#tellServed()
  }

  /** Exchanges that have entered the chain still come through; the VM ends with the last that it knows of. */
  retire(): void {
    this.#retired = true
    this.#serving?.instance.retire(this.#serving.root)
    this.#tellServed()
  }

  answer(exchange: Exchange, answer: Reply | MeshError): void {
    exchange.answer(this, answer)
  }

  // -- InstanceUser

  vmFailed(instance: VmInstance, failure: GuestFailure): void {
    this.#events.failed(failure)
    if (this.#serving?.instance !== instance) return
    this.#serving = undefined
    this.#tellServed()
    this.#backOff()
  }

  used(fuel: number, ms: number): void {
    this.#events.used(fuel, ms)
  }

  // -- private

  #tellServed(): void {
    this.#events.served(this.#streams, this.#retired ? 0 : (this.#serving?.instance.vm.memoryBytes ?? 0))
  }

  /** Only the phases that the module has: one that is absent costs nothing. */
  #takePhases(exports: ReadonlySet<string>): void {
    if (exports.has('proxy_on_request_headers')) this.onRequestHeaders = (exchange) => this.#stream(exchange)?.requestHeaders()
    if (exports.has('proxy_on_request_body') || exports.has('proxy_on_request_trailers')) {
      this.onRequestBody = (exchange, chunk, last) => this.#stream(exchange)?.requestBody(chunk, last)
    }
    if (exports.has('proxy_on_response_headers')) this.onResponseHeaders = (exchange) => this.#stream(exchange)?.responseHeaders()
    if (exports.has('proxy_on_response_body') || exports.has('proxy_on_response_trailers')) {
      this.onResponseBody = (exchange, chunk, last) => this.#stream(exchange)?.responseBody(chunk, last)
    }
  }

  #find(exchange: Exchange): HttpStream | undefined {
    let stream = exchange.state.wasm
    while (stream !== undefined && stream.owner !== this) stream = stream.next
    return stream
  }

  /** The stream of an exchange; undefined: it goes on without this filter. @throws MESH_WASM_FAILED */
  #stream(exchange: Exchange): HttpStream | undefined {
    const stream = this.#find(exchange) ?? this.#openIfServing(exchange)
    if (stream === undefined && this.streamError !== undefined) throw this.streamError
    return stream
  }

  #openIfServing(exchange: Exchange): HttpStream | undefined {
    const serving = this.#current()
    if (serving === undefined) return undefined
    const { instance, root } = serving
    const stream = instance.open(root, this, exchange)
    stream.next = exchange.state.wasm
    exchange.state.wasm = stream
    this.#streams++
    this.#tellServed()
    if (this.#retired) instance.retire(root)
    return stream
  }

  #current(): Serving | undefined {
    const serving = this.#serving
    if (serving !== undefined && !serving.root.ended) return this.#options.rebuild !== undefined && this.#isWornOut(serving) ? this.#renew(serving) : serving
    // Retired, and yet an exchange comes that was held up before it got here: it is served all the same.
    if (serving === undefined && this.#isResting()) return undefined
    try {
      this.#serving = this.#source.serve(this)
      if (serving === undefined) this.#events.reloaded()
    } catch (thrown) {
      this.#serving = undefined
      this.#backOff()
      this.#events.failed(toGuestFailure(thrown))
    }
    return this.#serving
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
      this.#serving = this.#source.serve(this)
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
