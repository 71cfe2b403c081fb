// A WASM filter whose VM lives in a thread of its own: the same phases, each of them crossing over.
import { MeshError, type Exchange, type Filter, type Reply } from '@meshwright/core'
import { dialects } from '../host/dialect.ts'
import { meetsRequests, meetsResponses } from '../host/http-callbacks.ts'
import type { Surroundings } from '../host/surroundings.ts'
import type { WasmEvents } from '../wasm.ts'
import type { Home, Resident } from './home.ts'
import { IsolatedStream } from './isolated-stream.ts'
import type { FilterStart, Phase } from './messages.ts'

export interface IsolatedParts {
  readonly start: FilterStart
  readonly exports: ReadonlySet<string>
  readonly surroundings: Surroundings
  readonly events: WasmEvents
  readonly reroute: (exchange: Exchange) => void
  /** Where it lives, and where it comes to when an exchange arrives late, after it had left. */
  readonly move: (resident: Resident) => Home
}

let lastStream = 0

export class IsolatedFilter implements Filter, Resident {
  readonly name: string
  readonly start: FilterStart
  readonly surroundings: Surroundings
  readonly events: WasmEvents
  readonly reroute: (exchange: Exchange) => void
  onRequestHeaders?: NonNullable<Filter['onRequestHeaders']>
  onRequestBody?: NonNullable<Filter['onRequestBody']>
  onResponseHeaders?: NonNullable<Filter['onResponseHeaders']>
  onResponseBody?: NonNullable<Filter['onResponseBody']>
  readonly #streamError: MeshError | undefined
  readonly #logsAll: boolean
  readonly #move: (resident: Resident) => Home
  /** Exchanges that it knows of. */
  #streams = 0
  #home: Home | undefined
  #retired = false
  /** Its guest has failed, and no other has taken its place. */
  #dead = false

  constructor({ start, exports, surroundings, events, reroute, move }: IsolatedParts) {
    this.name = start.settings.name
    this.start = start
    this.surroundings = surroundings
    this.events = {
      ...events,
      failed: (failure) => {
        this.#dead = true
        events.failed(failure)
      },
      reloaded: () => {
        this.#dead = false
        events.reloaded()
      },
    }
    this.reroute = reroute
    this.#move = move
    this.#streamError = start.onFailure === 'open' ? undefined : new MeshError('MESH_WASM_FAILED', `filter "${this.name}"`)
    this.#logsAll = exports.has('proxy_on_log')
    this.#takePhases(exports)
    this.#home = move(this)
  }

  onEnd(exchange: Exchange): void {
    const stream = this.#find(exchange) ?? (this.#logsAll ? this.#open(exchange) : undefined)
    if (stream === undefined) return
    if (!stream.lost) {
      this.#home?.cross(stream, this, stream.call('end'))
      this.#home?.forget(stream)
    }
    stream.forget()
    this.#streams--
    this.#leaveIfOver()
  }

  retire(): void {
    this.#retired = true
    this.#leaveIfOver()
  }

  answer(exchange: Exchange, answer: Reply | MeshError): void {
    exchange.answer(this, answer)
  }

  wake(exchange: Exchange, of: 'request' | 'response'): void {
    exchange.wake(this, of)
  }

  /** Only the phases that the module has: one that is absent does not cross. */
  #takePhases(exports: ReadonlySet<string>): void {
    const dialect = dialects[this.start.settings.dialect]
    if (meetsRequests(exports, dialect)) this.onRequestHeaders = (exchange) => this.#head(exchange, 'requestHeaders')
    // What it was to look at later does not reach an endpoint when it is dead.
    else if (this.#streamError !== undefined) this.onRequestHeaders = () => this.#checkServing()
    if (exports.has('proxy_on_request_body') || exports.has('proxy_on_request_trailers')) this.onRequestBody = (exchange, chunk, last) => this.#body(exchange, 'requestBody', chunk, last)
    if (meetsResponses(exports, dialect)) this.onResponseHeaders = (exchange) => this.#head(exchange, 'responseHeaders')
    if (exports.has('proxy_on_response_body') || exports.has('proxy_on_response_trailers')) {
      // The head is gone, so there is never a reply.
      this.onResponseBody = (exchange, chunk, last) => this.#body(exchange, 'responseBody', chunk, last) as Uint8Array | Promise<Uint8Array>
    }
  }

  #head(exchange: Exchange, phase: Phase): Promise<Reply | void> | undefined {
    const stream = this.#stream(exchange)
    if (stream === undefined) return undefined
    const out = stream.wait(phase)
    this.#home?.cross(stream, this, stream.call(phase))
    return out as Promise<Reply | void>
  }

  #body(exchange: Exchange, phase: Phase, chunk: Uint8Array, last: boolean): Uint8Array | Promise<Uint8Array | Reply> {
    const stream = this.#stream(exchange)
    if (stream === undefined) return this.#find(exchange)?.without(phase, chunk) ?? chunk
    const out = stream.wait(phase, chunk)
    this.#home?.cross(stream, this, stream.call(phase, chunk, last))
    return out as Promise<Uint8Array | Reply>
  }

  #find(exchange: Exchange): IsolatedStream | undefined {
    let stream = exchange.state.isolated
    while (stream !== undefined && stream.owner !== this) stream = stream.next
    return stream
  }

  /** Undefined: it goes on without this filter. @throws MESH_WASM_FAILED */
  #stream(exchange: Exchange): IsolatedStream | undefined {
    const stream = this.#find(exchange) ?? this.#open(exchange)
    if (stream !== undefined && !stream.lost) return stream
    if (this.#streamError !== undefined) throw this.#streamError
    return undefined
  }

  /** @throws MESH_WASM_FAILED */
  #checkServing(): undefined {
    this.#home ??= this.#move(this)
    // With `reload` it comes back when the next exchange asks for it.
    const gone = !this.#home.isOpen || (this.#dead && this.start.onFailure === 'closed')
    if (gone && this.#streamError !== undefined) throw this.#streamError
  }

  #open(exchange: Exchange): IsolatedStream | undefined {
    this.#home ??= this.#move(this)
    if (!this.#home.isOpen) return undefined
    const stream = new IsolatedStream(++lastStream, this, exchange, this.#streamError)
    stream.next = exchange.state.isolated
    exchange.state.isolated = stream
    this.#streams++
    return stream
  }

  #leaveIfOver(): void {
    if (!this.#retired || this.#streams > 0) return
    this.#home?.leave(this)
    this.#home = undefined
  }
}

declare module '@meshwright/core' {
  interface ExchangeState {
    /** The streams of an exchange through isolated filters, linked by `next`. */
    isolated?: IsolatedStream
  }
}
