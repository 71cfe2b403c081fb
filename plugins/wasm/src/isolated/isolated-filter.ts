// A WASM filter whose VM lives in a thread of its own: the same phases, each of them crossing over.
import type { Exchange, Filter, Reply } from '@meshwright/core'
import { dialects } from '../host/dialect.ts'
import { meetsRequests, meetsResponses } from '../host/http-callbacks.ts'
import { IsolatedExchange } from './isolated-exchange.ts'
import { IsolatedGuest, type IsolatedParts } from './isolated-guest.ts'
import { joined } from './isolated-stream.ts'
import { sideOf, type Phase } from './messages.ts'

export class IsolatedFilter extends IsolatedGuest implements Filter {
  readonly reroute: (exchange: Exchange) => void
  onRequestHeaders?: NonNullable<Filter['onRequestHeaders']>
  onRequestBody?: NonNullable<Filter['onRequestBody']>
  onResponseHeaders?: NonNullable<Filter['onResponseHeaders']>
  onResponseBody?: NonNullable<Filter['onResponseBody']>
  readonly #logsAll: boolean

  constructor(parts: IsolatedParts, reroute: (exchange: Exchange) => void) {
    super(parts)
    this.reroute = reroute
    this.#logsAll = parts.exports.has('proxy_on_log')
    this.#takePhases(parts.exports)
  }

  onEnd(exchange: Exchange): void {
    const stream = this.#find(exchange) ?? (this.#logsAll ? this.#open(exchange) : undefined)
    if (stream !== undefined) this.ended(stream, () => stream.call('end'))
  }

  /** Only the phases that the module has: one that is absent does not cross. */
  #takePhases(exports: ReadonlySet<string>): void {
    const dialect = dialects[this.start.settings.dialect]
    if (meetsRequests(exports, dialect)) this.onRequestHeaders = (exchange) => this.#head(exchange, 'requestHeaders')
    // What it was to look at later does not reach an endpoint when it is dead.
    else if (this.streamError !== undefined) this.onRequestHeaders = () => this.#checkServing()
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
    this.home.cross(stream, stream.call(phase))
    return out as Promise<Reply | void>
  }

  #body(exchange: Exchange, phase: Phase, chunk: Uint8Array, last: boolean): Uint8Array | Promise<Uint8Array | Reply> {
    const stream = this.#stream(exchange)
    if (stream === undefined) return this.#find(exchange)?.without(phase, chunk) ?? chunk
    // Woken by what the guest has let go meanwhile, which is here.
    if (chunk.byteLength === 0 && !last) return joined(stream.takePassed(sideOf(phase)), chunk)
    const out = stream.wait(phase, chunk)
    this.home.cross(stream, stream.call(phase, chunk, last))
    return out as Promise<Uint8Array | Reply>
  }

  #find(exchange: Exchange): IsolatedExchange | undefined {
    let stream = exchange.state.isolated
    while (stream !== undefined && stream.owner !== this) stream = stream.next
    return stream
  }

  /** Undefined: it goes on without this filter. @throws MESH_WASM_FAILED */
  #stream(exchange: Exchange): IsolatedExchange | undefined {
    const stream = this.#find(exchange) ?? this.#open(exchange)
    if (stream !== undefined && !stream.lost) return stream
    if (this.streamError !== undefined) throw this.streamError
    return undefined
  }

  /** @throws MESH_WASM_FAILED */
  #checkServing(): undefined {
    // With `reload` it comes back when the next exchange asks for it.
    const gone = !this.home.isOpen || (this.dead && this.start.onFailure === 'closed')
    if (gone && this.streamError !== undefined) throw this.streamError
  }

  #open(exchange: Exchange): IsolatedExchange | undefined {
    if (!this.home.isOpen) return undefined
    const stream = new IsolatedExchange(this, exchange, this.streamError)
    stream.next = exchange.state.isolated
    exchange.state.isolated = stream
    this.opened()
    return stream
  }
}

declare module '@meshwright/core' {
  interface ExchangeState {
    /** The streams of an exchange through isolated filters, linked by `next`. */
    isolated?: IsolatedExchange
  }
}
