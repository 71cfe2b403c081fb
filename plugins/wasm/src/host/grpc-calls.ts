// The gRPC calls of one plugin: their ids, what they have just told, and how they end.
import type { Buffer } from 'node:buffer'
import { IdTable } from '../id-table.ts'
import { GuestFailure } from './failure.ts'
import { fieldsOf, type FieldMap } from './field-map.ts'
import type { RootContext } from './root-context.ts'
import { MapType, Status } from './status.ts'
import type { GrpcCall } from './surroundings.ts'

interface Entry {
  readonly call: GrpcCall
  /** A call has one message each way; only a stream may send more. */
  readonly streaming: boolean
  /** Of a call: told when it has gone well. */
  answer: Buffer | undefined
}

const maxCalls = 10_000
/** gRPC's status for what breaks its rules. */
const internal = 13

export class GrpcCalls {
  readonly #root: RootContext
  readonly #calls = new IdTable<Entry>()
  #initial: FieldMap | undefined = undefined
  #trailing: FieldMap | undefined = undefined
  #message: Buffer | undefined = undefined
  #next = 1

  constructor(root: RootContext) {
    this.#root = root
  }

  /** The message that the guest is told of now. */
  get message(): Uint8Array | undefined {
    return this.#message
  }

  fields(type: number, writing: boolean): FieldMap | undefined {
    if (writing) return undefined
    if (type === MapType.grpcInitialMetadata) return this.#initial
    return type === MapType.grpcTrailingMetadata ? this.#trailing : undefined
  }

  /** @param message of a call that is not a stream. @returns its id, or why there is none */
  open(service: string, path: string, metadata: readonly string[], timeoutMs: number, message: Buffer | undefined): number | { readonly refused: Status } {
    if (this.#calls.size >= maxCalls) return { refused: Status.internalFailure }
    const id = this.#next++
    const call = this.#root.surroundings.grpc(service, path, metadata, timeoutMs, {
      initialMetadata: (fields) => this.#tellFields('proxy_on_grpc_receive_initial_metadata', id, fields, 'initial'),
      message: (bytes) => this.#receive(id, bytes),
      trailingMetadata: (fields) => this.#tellFields('proxy_on_grpc_receive_trailing_metadata', id, fields, 'trailing'),
      closed: (status, text) => this.#tellClosed(id, status, text),
    })
    if (call === undefined) return { refused: Status.parseFailure }
    this.#calls.set(id, { call, streaming: message === undefined, answer: undefined })
    if (message !== undefined) call.send(message, true)
    return id
  }

  send(id: number, message: Buffer, last: boolean): Status {
    const entry = this.#calls.get(id)
    if (entry === undefined) return Status.notFound
    if (!entry.streaming) return Status.badArgument
    entry.call.send(message, last)
    return Status.ok
  }

  /** No more messages: a stream goes on in the other direction, a call is given up. */
  close(id: number): Status {
    const entry = this.#calls.get(id)
    if (entry === undefined) return Status.notFound
    if (!entry.streaming) return this.cancel(id)
    entry.call.end()
    return Status.ok
  }

  /** Nothing more is heard of it. */
  cancel(id: number): Status {
    const entry = this.#calls.get(id)
    if (entry === undefined) return Status.notFound
    this.#calls.delete(id)
    entry.call.cancel()
    return Status.ok
  }

  abandon(): void {
    for (const { call } of this.#calls.values()) call.cancel()
    this.#calls.clear()
  }

  /** Of a call, a guest hears only the answer, or the failure. */
  #tellFields(callback: string, id: number, fields: readonly string[], which: 'initial' | 'trailing'): void {
    if (this.#calls.get(id)?.streaming !== true) return
    const map = fieldsOf(fields)
    if (which === 'initial') this.#initial = map
    else this.#trailing = map
    this.#tell(callback, id, map.size)
    this.#initial = this.#trailing = undefined
  }

  #receive(id: number, bytes: Buffer): void {
    const entry = this.#calls.get(id)
    if (entry === undefined) return
    if (entry.streaming) this.#tellMessage(id, bytes)
    else entry.answer ??= bytes
  }

  #tellMessage(id: number, bytes: Buffer): void {
    this.#message = bytes
    this.#tell('proxy_on_grpc_receive', id, bytes.byteLength)
    this.#message = undefined
  }

  #tellClosed(id: number, status: number, message: string): void {
    const entry = this.#calls.get(id)
    if (entry === undefined) return
    this.#root.status = { code: status, message }
    if (entry.streaming || status !== 0) this.#tell('proxy_on_grpc_close', id, status)
    else if (entry.answer !== undefined) this.#tellMessage(id, entry.answer)
    else this.#tellUnanswered(id)
    this.#calls.delete(id)
  }

  /** A call that went well has an answer, or has not gone well. */
  #tellUnanswered(id: number): void {
    this.#root.status = { code: internal, message: 'a call without an answer' }
    this.#tell('proxy_on_grpc_close', id, internal)
  }

  #tell(callback: string, id: number, number: number): void {
    const { vm } = this.#root
    const target = vm.find(callback)
    if (target === undefined || vm.failure !== undefined || !this.#calls.has(id)) return
    try {
      vm.call(target, this.#root, this.#root.id, id, number)
    } catch (thrown) {
      // The VM has told everybody why it failed.
      if (!(thrown instanceof GuestFailure)) throw thrown
    }
  }
}
