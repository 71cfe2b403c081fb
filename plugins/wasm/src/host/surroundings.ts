// What surrounds a guest: everything a host function reaches that is neither memory nor a stream. The seam for tests.
import type { Buffer } from 'node:buffer'
import type { CallRequest, CallResponse } from '@meshwright/core'
import type { DialectName } from './dialect.ts'
import type { Status } from './status.ts'

/** What one plugin (root context) was configured with. */
export interface PluginSettings {
  /** For logs, metrics and the property `plugin_name`. */
  readonly name: string
  readonly rootId: string
  readonly vmId: string
  readonly configuration: Uint8Array
  readonly vmConfiguration: Uint8Array
  /** What the guest sees as its environment, and nothing else of it. */
  readonly environment: Readonly<Record<string, string>>
  /** Whether body callbacks go on while a header callback has stopped. */
  readonly allowHeadersStop: boolean
  /** Bytes of a body that may be held back for the guest. */
  readonly bufferBytes: number
  /** Whose host the guest was written for. */
  readonly dialect: DialectName
}

/** Numbers that guests keep. Ids carry their type in the lowest two bits. */
export interface GuestMetrics {
  define(type: number, name: string): number | undefined
  increment(id: number, by: bigint): Status
  record(id: number, value: bigint): Status
  get(id: number): bigint | Status
}

/** Data that all VMs of one id share, in every thread. */
export interface SharedData {
  get(key: string): { readonly value: Buffer; readonly cas: number } | undefined
  /** @param cas 0: whatever is there. */
  set(key: string, value: Buffer, cas: number): Status
}

/** Queues between VMs, in every thread. */
export interface SharedQueues {
  /** Makes it or finds it; from now on `ready` is called, later, once for each message. Undefined: there are too many. */
  register(vmId: string, name: string, ready: (id: number) => void): number | undefined
  resolve(vmId: string, name: string): number | undefined
  enqueue(id: number, message: Buffer): Status
  dequeue(id: number): Buffer | Status
  /** Nothing is called any more that was registered with this. */
  unregister(ready: (id: number) => void): void
}

/** A stream of gRPC messages to a service. */
export interface GrpcCall {
  send(message: Buffer, last: boolean): void
  /** No more messages; answers still come. */
  end(): void
  cancel(): void
}

/** What becomes of it, each later than the call that made it. */
export interface GrpcEvents {
  initialMetadata(fields: readonly string[]): void
  message(bytes: Buffer): void
  trailingMetadata(fields: readonly string[]): void
  /** The last event. */
  closed(status: number, message: string): void
}

/** A function that plugins offer to guests by name. Answers a status, or bytes. */
export type ForeignFunction = (argument: Buffer) => Uint8Array | Status

export interface Surroundings {
  readonly settings: PluginSettings
  log(level: number, text: string): void
  /** The least level that is worth formatting a line for. */
  readonly logLevel: number
  /** Nanoseconds since 1970. */
  now(): bigint
  /** Nanoseconds of a clock that never goes back. */
  monotonic(): bigint
  random(bytes: Uint8Array): void
  /** Calls back again and again, not while a guest runs; returns how to stop. */
  every(ms: number, tick: () => void): () => void
  hasService(name: string): boolean
  call(service: string, request: CallRequest): Promise<CallResponse>
  /** The same for a plugin that is only being started: waits, within bounds, until there is such a service. */
  callLater(service: string, request: CallRequest): Promise<CallResponse>
  /** Undefined: there is no such service. */
  grpc(service: string, path: string, metadata: readonly string[], timeoutMs: number, events: GrpcEvents): GrpcCall | undefined
  readonly metrics: GuestMetrics
  readonly sharedData: SharedData
  readonly queues: SharedQueues
  foreign(name: string): ForeignFunction | undefined
  /** Properties that do not depend on a stream, by their first segment. */
  property(path: readonly string[]): Uint8Array | undefined
}
