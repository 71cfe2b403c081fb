// What a guest finds in an exchange, and when it may change it: fields, bodies and properties.
import type { Buffer } from 'node:buffer'
import type { Exchange } from '@meshwright/core'
import { Headers } from '@meshwright/core/thread'
import type { GuestBuffer, Unavailable } from './context.ts'
import { EarlyFields } from './early-fields.ts'
import { PlainFields, type FieldMap } from './field-map.ts'
import { Half } from './half.ts'
import { keepProperty, keptProperty } from './kept-properties.ts'
import { RequestFields, ResponseFields, type ResponseHead } from './message-fields.ts'
import type { RootContext } from './root-context.ts'
import type { StreamOwner } from './stream-owner.ts'
import { BufferType, MapType, Status } from './status.ts'
import { streamProperty } from './stream-property.ts'

/** Where a stream is: what a guest may read and change depends on it. */
type Phase = 'request' | 'response' | 'over'

/** The part of a message that a body callback is about. */
export interface Message {
  trailers: Headers | undefined
}

/** What {@link HttpStream} shows to its guest. It says where the exchange is; this says what can be had there. */
export abstract class HttpView {
  readonly id: number
  readonly root: RootContext
  readonly exchange: Exchange
  readonly owner: StreamOwner
  /** Why a reply was sent, in the guest's words; undefined: it has sent none. */
  details: string | undefined = undefined
  protected readonly request: Half
  protected phase: Phase = 'request'
  #response: Half | undefined = undefined
  #requestFields: FieldMap | undefined = undefined
  #responseFields: FieldMap | undefined = undefined
  /** The response that the guest sees: that of the exchange, or a reply of its own that is still on its way. */
  #head: ResponseHead | undefined = undefined
  /** What it has made of a response that is not there yet. */
  #early: EarlyFields | undefined = undefined

  constructor(root: RootContext, exchange: Exchange, owner: StreamOwner) {
    this.root = root
    this.exchange = exchange
    this.owner = owner
    this.id = root.vm.newContextId()
    this.request = new Half(root.surroundings.settings.bufferBytes, 'MESH_REQUEST_BUFFER_FULL', owner)
  }

  fields(type: number, writing: boolean): FieldMap | Unavailable {
    switch (type) {
      case MapType.requestHeaders:
        return writing && !this.#changesRequest() ? Status.badArgument : this.mapOfRequest()
      case MapType.responseHeaders:
        if (this.#head === undefined && this.root.dialect.earlyResponses && this.phase === 'request') return (this.#early ??= new EarlyFields())
        if (this.#head === undefined || (writing && (this.response.headSent || this.phase === 'over'))) return this.#missing()
        return this.mapOfResponse(this.#head)
      case MapType.requestTrailers:
        return this.#trailers(this.request, this.exchange.request, writing)
      case MapType.responseTrailers:
        return this.exchange.response === undefined ? this.#missing() : this.#trailers(this.response, this.exchange.response, writing)
      default: {
        const fields = this.root.fields(type, writing)
        return fields === Status.badArgument ? this.#missing() : fields
      }
    }
  }

  buffer(type: number): GuestBuffer | undefined {
    if (type === BufferType.requestBody) return this.request.buffer
    return type === BufferType.responseBody ? this.response.buffer : this.root.buffer(type)
  }

  property(path: readonly string[]): Uint8Array | undefined {
    const { properties } = this.root.dialect
    return properties?.read(this.exchange, path.join('.'), this.#head?.status) ?? streamProperty(this.exchange, path, this.details, this.#head?.status) ?? keptProperty(this.exchange, path) ?? this.root.property(path)
  }

  setProperty(path: string, value: Buffer): Status {
    const { properties } = this.root.dialect
    if (properties?.owns(path) !== true) return keepProperty(this.exchange, path, value) ? Status.ok : Status.notFound
    if (!this.#changesRequest() || !properties.write(this.exchange.request, path, value)) return Status.badArgument
    this.clearRouteCache()
    return Status.ok
  }

  abstract clearRouteCache(): void

  // -- where the exchange is

  /** hot: many guests never look at a response. */
  protected get response(): Half {
    return (this.#response ??= new Half(this.root.surroundings.settings.bufferBytes, 'MESH_RESPONSE_BUFFER_FULL', this.owner))
  }

  /** Everybody who waits for the guest goes on, with what it has held back. */
  protected releaseAll(): void {
    this.request.release()
    this.#response?.release()
  }

  /** From now on the guest sees this response. */
  protected respondWith(head: ResponseHead): void {
    this.phase = 'response'
    this.#early?.addTo(head)
    this.#early = undefined
    this.#see(head)
  }

  /** Whatever there was of it can still be read, for the log. */
  protected close(): void {
    this.phase = 'over'
    this.#see(this.exchange.response)
  }

  protected mapOfRequest(): FieldMap {
    return (this.#requestFields ??= new RequestFields(this.exchange))
  }

  protected mapOfResponse(head: ResponseHead): FieldMap {
    return (this.#responseFields ??= new ResponseFields(head))
  }

  // -- private

  /** Its head has not gone yet. */
  #changesRequest(): boolean {
    return this.phase === 'request' && !this.request.headSent
  }

  #see(head: ResponseHead | undefined): void {
    this.#head = head
    this.#responseFields = undefined
  }

  /** Trailers can be read where they have come, and made at the end of a body that has none. */
  #trailers(half: Half, message: Message, writing: boolean): FieldMap | Unavailable {
    // They have gone once the guest has answered for them, and does not hold them.
    if (writing && !(half.last && (half.inCallback || half.stopped) && this.phase !== 'over')) return Status.badArgument
    if (writing) message.trailers ??= new Headers()
    return message.trailers === undefined ? this.#missing() : new PlainFields(message.trailers)
  }

  /** When all is over, what is not there is like a field that is not there. */
  #missing(): Unavailable {
    return this.phase === 'over' ? Status.notFound : Status.badArgument
  }
}
