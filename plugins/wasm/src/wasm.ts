// A filter that runs a proxy-wasm module: one stream per exchange.
import type { Exchange, Filter, Reply } from '@meshwright/core'
import { MeshError } from '@meshwright/core/thread'
import { GuestSupply } from './guest-supply.ts'
import type { Dialect } from './host/dialect.ts'
import type { GuestFailure } from './host/failure.ts'
import { meetsRequests, meetsResponses } from './host/http-callbacks.ts'
import type { HttpStream } from './host/http-stream.ts'
import type { LoadedModule } from './host/load.ts'
import type { StreamOwner } from './host/stream-owner.ts'
import type { VmInstance, InstanceOptions, InstanceUser } from './host/vm-instance.ts'
import type { InstanceSource } from './host/vm-pool.ts'

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

export class WasmFilter implements Filter, InstanceUser, StreamOwner {
  readonly name: string
  readonly streamError: MeshError | undefined
  readonly paused: (ms: number) => void
  readonly reroute: (exchange: Exchange) => void
  onRequestHeaders?: NonNullable<Filter['onRequestHeaders']>
  onRequestBody?: NonNullable<Filter['onRequestBody']>
  onResponseHeaders?: NonNullable<Filter['onResponseHeaders']>
  onResponseBody?: NonNullable<Filter['onResponseBody']>
  readonly #supply: GuestSupply
  readonly #events: WasmEvents
  /** A request that has never reached the guest is told to it at its end. */
  readonly #logsAll: boolean

  /** @throws GuestFailure, RefusedModule: the first VM is started and configured here */
  constructor(loaded: LoadedModule, source: InstanceSource, options: WasmFilterOptions, events: WasmEvents, reroute: (exchange: Exchange) => void) {
    this.name = options.name
    this.reroute = reroute
    this.paused = (ms) => events.paused(ms)
    this.#events = events
    this.streamError = options.onFailure === 'open' ? undefined : new MeshError('MESH_WASM_FAILED', `filter "${options.name}"`)
    this.#logsAll = loaded.exports.has('proxy_on_log')
    this.#supply = new GuestSupply(source, options, events, this)
    this.#takePhases(loaded.exports, source.dialect)
  }

  onEnd(exchange: Exchange): void {
    const stream = this.#find(exchange) ?? (this.#logsAll ? this.#openIfServing(exchange) : undefined)
    if (stream === undefined) return
    stream.end()
    const instance = stream.root.vm.host as VmInstance
    instance.close(stream)
    this.#supply.closed()
  }

  /** Exchanges that have entered the chain still come through; the VM ends with the last that it knows of. */
  retire(): void {
    this.#supply.retire()
  }

  answer(exchange: Exchange, answer: Reply | MeshError): void {
    exchange.answer(this, answer)
  }

  wake(exchange: Exchange, of: 'request' | 'response'): void {
    exchange.wake(this, of)
  }

  // -- InstanceUser

  vmFailed(instance: VmInstance, failure: GuestFailure): void {
    this.#supply.vmFailed(instance, failure)
  }

  used(fuel: number, ms: number): void {
    this.#events.used(fuel, ms)
  }

  // -- private

  /** Only the phases that the module has: one that is absent costs nothing. */
  #takePhases(exports: ReadonlySet<string>, dialect: Dialect): void {
    if (meetsRequests(exports, dialect)) this.onRequestHeaders = (exchange) => this.#stream(exchange)?.requestHeaders()
    // What it was to look at later does not reach an endpoint when it is dead.
    else if (this.streamError !== undefined) this.onRequestHeaders = () => this.#checkServing()
    if (exports.has('proxy_on_request_body') || exports.has('proxy_on_request_trailers')) {
      this.onRequestBody = (exchange, chunk, last) => this.#stream(exchange)?.requestBody(chunk, last)
    }
    if (exports.has('proxy_on_response_headers')) this.onResponseHeaders = (exchange) => this.#stream(exchange)?.responseHeaders()
    else if (meetsResponses(exports, dialect)) this.onResponseHeaders = (exchange) => this.#find(exchange)?.meetResponse()
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

  /** @throws MESH_WASM_FAILED */
  #checkServing(): undefined {
    if (this.#supply.current() === undefined && this.streamError !== undefined) throw this.streamError
  }

  #openIfServing(exchange: Exchange): HttpStream | undefined {
    const serving = this.#supply.current()
    if (serving === undefined) return undefined
    const stream = serving.instance.open(serving.root, this, exchange)
    stream.next = exchange.state.wasm
    exchange.state.wasm = stream
    this.#supply.opened(serving)
    return stream
  }
}
