// What a guest acts for: a plugin as a whole (root) or one stream; what all of them can be asked.
import type { Buffer } from 'node:buffer'
import type { FieldMap } from './field-map.ts'
import type { RootContext } from './root-context.ts'
import type { Status } from './status.ts'

/** Why something cannot be had, as guests are told it: it is not there, or may not be asked for. */
export type Unavailable = typeof Status.notFound | typeof Status.badArgument

/** Bytes that a guest may read, and change if `write` is there. */
export interface GuestBuffer {
  readonly bytes: Uint8Array
  /** Replaces the whole. */
  readonly write?: (bytes: Buffer) => void
}

/** Where host functions find what belongs to the context that a callback is for. */
export interface Context {
  readonly id: number
  readonly root: RootContext
  /** A map of fields now; `writing`: to be changed. */
  fields(type: number, writing: boolean): FieldMap | Unavailable
  buffer(type: number): GuestBuffer | undefined
  /** The bytes of a property; undefined: there is none. */
  property(path: readonly string[]): Uint8Array | undefined
  /** Answers `notFound` where there is nothing to keep it in, `badArgument` for what belongs to the host. */
  setProperty(path: string, value: Buffer): Status
  /** Without effect where no reply can be sent (any more). */
  sendLocalResponse(response: LocalResponse): void
  /** Without effect where there is nothing to go on with. */
  continueStream(type: number): void
  closeStream(type: number): void
  clearRouteCache(): void
  /** The last of the calls that were made for it is answered, and the guest has been told. */
  callsAnswered?(): void
  /** The guest has done what it put off in `on_done`. Answers whether it had put something off. */
  done(): boolean
}

/** An answer that a guest gives instead of an endpoint. */
export interface LocalResponse {
  readonly status: number
  readonly details: string
  readonly body: Buffer
  /** Name, value, name, value, … */
  readonly headers: readonly string[]
  /** 0..16; undefined: none. */
  readonly grpcStatus: number | undefined
}
