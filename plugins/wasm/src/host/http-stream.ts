// One exchange as a guest sees it: a context with two halves, each of which may pause, be changed, and be answered by a reply.
import { Buffer } from 'node:buffer'
import { Headers, MeshError, type Exchange, type Reply } from '@meshwright/core'
import type { Context, GuestBuffer, LocalResponse, Unavailable } from './context.ts'
import { MessageFields, type FieldMap } from './field-map.ts'
import { Half } from './half.ts'
import type { HttpCallbacks } from './http-callbacks.ts'
import { requestFields, responseFields } from './message-fields.ts'
import { grpcReply, toReply } from './local-reply.ts'
import type { RootContext } from './root-context.ts'
import { BodyAction, BufferType, HeadersAction, MapType, StreamType } from './status.ts'
import { streamProperty } from './stream-property.ts'

/** What a phase makes of an exchange: nothing (go on), a reply, or an error. */
export type Outcome = Reply | undefined

const empty = new Uint8Array(0)

/** Where a stream is: what a guest may read and change depends on it. */
type Phase = 'request' | 'response' | 'over'

export class HttpStream implements Context {
  readonly id: number
  readonly root: RootContext
  readonly exchange: Exchange
  readonly #callbacks: HttpCallbacks
  readonly #reroute: (exchange: Exchange) => void
  readonly #request: Half
  readonly #response: Half
  #requestFields: FieldMap | undefined = undefined
  #responseFields: FieldMap | undefined = undefined
  #phase: Phase = 'request'
  /** The request head has been let go: it can be read, and no longer changed. */
  #requestSent = false
  #reply: Reply | undefined = undefined
  #details = ''
  #replying = false
  #putOff = false
  #deleted = false

  /** @param reroute looks for the route again */
  constructor(root: RootContext, exchange: Exchange, callbacks: HttpCallbacks, reroute: (exchange: Exchange) => void) {
    const { bufferBytes } = root.surroundings.settings
    this.root = root
    this.exchange = exchange
    this.#callbacks = callbacks
    this.#reroute = reroute
    this.id = root.vm.newContextId()
    this.#request = new Half(bufferBytes, 'MESH_REQUEST_BUFFER_FULL')
    this.#response = new Half(bufferBytes, 'MESH_RESPONSE_BUFFER_FULL')
    root.vm.contexts.set(this.id, this)
    if (callbacks.create !== undefined) root.vm.call(callbacks.create, this, this.id, root.id)
  }

  /** Why a reply was sent, in the guest's words; for the access log. */
  get details(): string {
    return this.#details
  }

  // -- the phases, as the chain calls them. All of them throw GuestFailure if the guest fails.

  requestHeaders(): Outcome | Promise<Outcome> {
    const { requestHeaders } = this.#callbacks
    if (requestHeaders === undefined) return undefined
    const { body } = this.exchange
    const fields = this.#mapOfRequest()
    const action = this.root.vm.call(requestHeaders, this, this.id, fields.size, body === undefined ? 1 : 0)
    if (this.#reply !== undefined) return this.#replied()
    if (action === HeadersAction.continue || action === HeadersAction.continueAndEnd) return undefined
    if (action === HeadersAction.stop && body !== undefined && this.root.surroundings.settings.allowHeadersStop) return this.#readAhead()
    return this.#request.pause().then(() => this.#replied())
  }

  /** Changed bytes, or a reply. */
  requestBody(chunk: Uint8Array, last: boolean): Uint8Array | Reply | Promise<Uint8Array | Reply> {
    this.#requestSent = true
    if (this.#request.seen) return last ? this.#request.take() : empty
    const { requestBody, requestTrailers } = this.#callbacks
    const out = this.#half(this.#request, requestBody, requestTrailers, this.exchange.request.trailers, chunk, last)
    return this.#orReply(out)
  }

  responseHeaders(): Outcome | Promise<Outcome> {
    this.#phase = 'response'
    const { responseHeaders } = this.#callbacks
    if (responseHeaders === undefined) return undefined
    const fields = this.#mapOfResponse()
    if (fields === undefined) return undefined
    const action = this.root.vm.call(responseHeaders, this, this.id, fields.size, this.#isBodyless() ? 1 : 0)
    if (this.#reply !== undefined) return this.#replied()
    if (action === HeadersAction.continue || action === HeadersAction.continueAndEnd) return undefined
    return this.#response.pause().then(() => this.#replied())
  }

  responseBody(chunk: Uint8Array, last: boolean): Uint8Array | Promise<Uint8Array> {
    const { responseBody, responseTrailers } = this.#callbacks
    return this.#half(this.#response, responseBody, responseTrailers, this.exchange.response?.trailers, chunk, last)
  }

  /** The exchange is over: the guest may log it, and lets go of it. */
  end(): void {
    this.#phase = 'over'
    this.#request.release()
    this.#response.release()
    const { log, done } = this.#callbacks
    const { vm } = this.root
    if (log !== undefined) vm.call(log, this, this.id)
    if (done !== undefined && vm.call(done, this, this.id) === 0) this.#putOff = true
    else this.#delete()
  }

  /** The VM is dead: whoever waits for it is let go, or fails. */
  abandon(error: MeshError | undefined): void {
    for (const half of [this.#request, this.#response]) {
      if (error === undefined) half.release()
      else half.fail(error)
    }
    this.root.vm.contexts.delete(this.id)
  }

  /** What the guest holds of a body, for a stream that goes on without it. */
  rescue(direction: 'request' | 'response'): Uint8Array {
    return (direction === 'request' ? this.#request : this.#response).take()
  }

  // -- Context

  fields(type: number, writing: boolean): FieldMap | Unavailable {
    switch (type) {
      case MapType.requestHeaders:
        return writing && (this.#requestSent || this.#phase !== 'request') ? 'forbidden' : this.#mapOfRequest()
      case MapType.responseHeaders:
        return this.#mapWhen(this.#phase === 'response' || (this.#phase === 'over' && !writing), this.#mapOfResponse())
      case MapType.requestTrailers:
        return this.#trailers(this.#request, this.exchange.request, writing)
      case MapType.responseTrailers:
        return this.exchange.response === undefined ? this.#missing() : this.#trailers(this.#response, this.exchange.response, writing)
      default:
        return this.root.fields(type, writing)
    }
  }

  buffer(type: number): GuestBuffer | undefined {
    if (type === BufferType.requestBody) return bufferOf(this.#request)
    return type === BufferType.responseBody ? bufferOf(this.#response) : this.root.buffer(type)
  }

  property(path: readonly string[]): Uint8Array | undefined {
    const name = path.join('.')
    return keptWith(this.exchange).get(name.replace(/^filter_state\.wasm\./, '')) ?? streamProperty(this.exchange, path) ?? this.root.property(path)
  }

  setProperty(path: string, value: Buffer): boolean {
    keptWith(this.exchange).set(path, value)
    return true
  }

  sendLocalResponse(response: LocalResponse): boolean {
    // One at a time; a head that has gone cannot be taken back.
    if (this.#reply !== undefined || this.#replying || this.#phase === 'over') return false
    this.#reply = toReply(response, grpcReply(this.exchange))
    this.#details = response.details
    this.root.vm.defer(() => {
      this.#request.release()
      this.#response.release()
    })
    return true
  }

  continueStream(type: number): boolean {
    const half = type === StreamType.request ? this.#request : type === StreamType.response ? this.#response : undefined
    if (half === undefined) return false
    if (half === this.#request) this.#requestSent = true
    this.root.vm.defer(() => half.release())
    return true
  }

  closeStream(type: number): boolean {
    if (type !== StreamType.request && type !== StreamType.response) return false
    this.#details = 'wasm_close_stream'
    const error = new MeshError('MESH_WASM_CLOSED')
    this.root.vm.defer(() => {
      this.#request.fail(error)
      this.#response.fail(error)
    })
    return true
  }

  clearRouteCache(): void {
    if (this.#phase === 'request' && !this.#requestSent) this.#reroute(this.exchange)
  }

  done(): boolean {
    if (!this.#putOff) return false
    this.#putOff = false
    this.root.vm.defer(() => this.#delete())
    return true
  }

  // -- private

  /** The head waits while the guest looks at the body: it is read whole first. */
  async #readAhead(): Promise<Outcome> {
    const { requestBody, requestTrailers } = this.#callbacks
    const { body } = this.exchange
    if (body === undefined || requestBody === undefined) return this.#request.pause().then(() => this.#replied())
    const whole = await body.read(this.root.surroundings.settings.bufferBytes)
    const out = await this.#half(this.#request, requestBody, requestTrailers, this.exchange.request.trailers, whole, true)
    this.#request.keep(out)
    return this.#replied()
  }

  /** One direction's body: what the guest makes of a chunk, now or when it goes on. */
  #half(half: Half, onBody: HttpCallbacks['requestBody'], onTrailers: HttpCallbacks['requestTrailers'], trailers: Headers | undefined, chunk: Uint8Array, last: boolean): Uint8Array | Promise<Uint8Array> {
    const { vm } = this.root
    const ends = last && trailers === undefined
    half.arrived(chunk, last)
    if (onBody !== undefined && (ends || chunk.byteLength > 0)) {
      const action = vm.call(onBody, this, this.id, half.bytes.byteLength, ends ? 1 : 0)
      const waits = this.#after(half, action, ends)
      if (waits !== undefined) return waits
    }
    if (last && trailers !== undefined && onTrailers !== undefined && half.flowing) {
      const action = vm.call(onTrailers, this, this.id, trailers.size)
      if (action !== 0) return half.pause().then(() => half.take())
    }
    return half.flowing || last ? half.take() : empty
  }

  /** What a body callback has answered. */
  #after(half: Half, action: number, ends: boolean): Uint8Array | Promise<Uint8Array> | undefined {
    if (this.#reply !== undefined) return empty
    switch (action) {
      case BodyAction.continue:
        half.flowing = true
        return undefined
      case BodyAction.buffer:
        half.flowing = false
        // There is no more to come: it goes on when the guest says so.
        return ends ? half.pause().then(() => half.take()) : empty
      case BodyAction.watermark:
        half.flowing = false
        return half.pause().then(() => half.take())
      default:
        half.flowing = false
        half.take()
        return ends ? half.pause().then(() => half.take()) : empty
    }
  }

  #orReply(out: Uint8Array | Promise<Uint8Array>): Uint8Array | Reply | Promise<Uint8Array | Reply> {
    if (out instanceof Uint8Array) return this.#reply === undefined ? out : this.#replyOr(out)
    return out.then((bytes) => this.#replyOr(bytes))
  }

  #replyOr(bytes: Uint8Array): Uint8Array | Reply {
    return this.#replied() ?? bytes
  }

  /** The reply that the guest has asked for, after the guest has seen it as a response. */
  #replied(): Outcome {
    const made = this.#reply
    if (made === undefined) {
      return undefined
    }
    this.#reply = undefined
    this.#replying = true
    return this.#throughGuest(made)
  }

  /** A reply goes through the guest's own response callbacks, as any response does. */
  #throughGuest(made: Reply): Reply {
    const { responseHeaders, responseBody } = this.#callbacks
    const { vm } = this.root
    this.#phase = 'response'
    const status = { value: made.status }
    this.#responseFields = responseFields({ status, headers: made.headers })
    if (responseHeaders !== undefined) vm.call(responseHeaders, this, this.id, this.#responseFields.size, made.body.byteLength === 0 ? 1 : 0)
    let { body } = made
    if (responseBody !== undefined && body.byteLength > 0) {
      this.#response.arrived(body, true)
      vm.call(responseBody, this, this.id, body.byteLength, 1)
      body = this.#response.take()
    }
    return { status: status.value, headers: made.headers, body }
  }

  #mapOfRequest(): FieldMap {
    return (this.#requestFields ??= requestFields(this.exchange))
  }

  #mapOfResponse(): FieldMap | undefined {
    const { response } = this.exchange
    if (this.#responseFields === undefined && response !== undefined) this.#responseFields = responseFields({ status: statusOf(response), headers: response.headers })
    return this.#responseFields
  }

  #mapWhen(there: boolean, map: FieldMap | undefined): FieldMap | Unavailable {
    return there && map !== undefined ? map : this.#missing()
  }

  /** Trailers can be read where they have come, and made at the end of a body that has none. */
  #trailers(half: Half, message: { trailers: Headers | undefined }, writing: boolean): FieldMap | Unavailable {
    if (writing && !(half.last && this.#phase !== 'over')) return 'forbidden'
    if (writing) message.trailers ??= new Headers()
    return message.trailers === undefined ? this.#missing() : new MessageFields(message.trailers)
  }

  /** When all is over, what is not there is like a field that is not there. */
  #missing(): Unavailable {
    return this.#phase === 'over' ? 'absent' : 'forbidden'
  }

  #isBodyless(): boolean {
    const { request, response } = this.exchange
    return request.method === 'HEAD' || response?.status === 204 || response?.status === 304 || response?.headers.get('content-length') === '0'
  }

  #delete(): void {
    if (this.#deleted) return
    this.#deleted = true
    const { vm } = this.root
    vm.contexts.delete(this.id)
    if (this.#callbacks.delete !== undefined && vm.failure === undefined) vm.call(this.#callbacks.delete, this, this.id)
  }
}

function bufferOf(half: Half): GuestBuffer | undefined {
  if (!half.there) return undefined
  return { bytes: half.bytes, write: (bytes) => half.replace(bytes) }
}

/** The status of a response as something that can be read and set. */
function statusOf(response: { status: number }): { value: number } {
  return {
    get value() {
      return response.status
    },
    set value(status: number) {
      response.status = status
    },
  }
}

const properties = new WeakMap<Exchange, Map<string, Buffer>>()

/** What guests have kept with a stream, for themselves and those behind them. */
function keptWith(exchange: Exchange): Map<string, Buffer> {
  let own = properties.get(exchange)
  if (own === undefined) properties.set(exchange, (own = new Map()))
  return own
}


