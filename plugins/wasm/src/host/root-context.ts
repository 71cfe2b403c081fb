// A plugin as a whole in one VM: configuration, ticks, callouts and queues belong to it, and its streams come from it.
import { Buffer } from 'node:buffer'
import type { CallRequest, CallResponse } from '@meshwright/core'
import { MeshError } from '@meshwright/core/thread'
import { IdTable } from '../id-table.ts'
import type { Context, GuestBuffer, Unavailable } from './context.ts'
import { dialects, type Dialect } from './dialect.ts'
import { GuestFailure } from './failure.ts'
import { fieldsOf, type FieldMap } from './field-map.ts'
import { GrpcCalls } from './grpc-calls.ts'
import { propertyText } from './property-value.ts'
import { BufferType, MapType, Status } from './status.ts'
import type { Surroundings } from './surroundings.ts'
import type { GuestFunction, Vm } from './vm.ts'

/** What a callout has answered, while the guest is told of it. */
interface CallAnswer {
  readonly headers: FieldMap
  readonly trailers: FieldMap
  readonly body: Uint8Array
}

const nothing = Buffer.alloc(0)
const noAnswer: CallAnswer = { headers: fieldsOf([]), trailers: fieldsOf([]), body: nothing }

/** How many callouts one plugin may have under way in one thread. */
const maxCalls = 10_000
/** Characters of what a guest says that refuses its configuration. */
const maxComplaint = 500

export class RootContext implements Context {
  readonly id: number
  readonly vm: Vm
  readonly surroundings: Surroundings
  readonly grpc: GrpcCalls
  readonly dialect: Dialect
  readonly used: (fuel: number, ms: number) => void
  /** Exchanges that pass through it now. */
  streams = 0
  /** It ends when they have. */
  retiring = false
  /** Code and message of the last callout that ended badly, or of the last gRPC call that ended. */
  status: { readonly code: number; readonly message: string } = { code: 0, message: '' }
  /** What `proxy_call_foreign_function` hands to a guest that is called back. */
  foreignData: Uint8Array | undefined = undefined
  readonly #onTick: GuestFunction | undefined
  readonly #onHttpCallResponse: GuestFunction | undefined
  readonly #onQueueReady: GuestFunction | undefined
  readonly #calls = new IdTable<{ readonly given: AbortController; readonly by: Context }>()
  readonly #queueReady = (queue: number): void => this.#tellQueueReady(queue)
  #configuring = false
  #starting = false
  #complaint = ''
  #answer: CallAnswer | undefined = undefined
  #stopTick: (() => void) | undefined = undefined
  #nextCall = 1
  #putOff = false
  #ended = false
  #deleted = false

  /** @param used told what each call from outside has cost: fuel, and CPU time in milliseconds where that was measured */
  constructor(vm: Vm, surroundings: Surroundings, used: (fuel: number, ms: number) => void = () => {}) {
    this.vm = vm
    this.surroundings = surroundings
    this.used = used
    this.dialect = dialects[surroundings.settings.dialect]
    this.id = vm.newContextId()
    this.grpc = new GrpcCalls(this)
    this.#onTick = vm.find('proxy_on_tick')
    this.#onHttpCallResponse = vm.find('proxy_on_http_call_response')
    this.#onQueueReady = vm.find('proxy_on_queue_ready')
    vm.contexts.set(this.id, this)
  }

  get root(): RootContext {
    return this
  }

  /** Bytes that the guest reads as its configuration now: the plugin's while it configures itself, the VM's otherwise. */
  get configuration(): Uint8Array {
    const { configuration, vmConfiguration } = this.surroundings.settings
    return this.#configuring ? configuration : vmConfiguration
  }

  /** Creates, starts and configures it. @throws GuestFailure if the guest refuses or fails */
  start(): void {
    this.#starting = true
    try {
      this.vm.starting(() => this.#start())
    } finally {
      this.#starting = false
    }
  }

  #start(): void {
    const { configuration, vmConfiguration } = this.surroundings.settings
    this.callback('proxy_on_context_create', this.id, 0)
    if (this.callback('proxy_on_vm_start', this.id, vmConfiguration.byteLength) === 0) throw new GuestFailure('start', `its proxy_on_vm_start answered no${this.#complaint}`)
    this.#configuring = true
    try {
      if (this.callback('proxy_on_configure', this.id, configuration.byteLength) === 0) throw new GuestFailure('configure', `its proxy_on_configure answered no: it does not take this configuration${this.#complaint}`)
    } finally {
      this.#configuring = false
    }
  }

  /** It has logged an error: while it starts, that is why it refuses to. */
  complained(text: string): void {
    if (this.#starting) this.#complaint = ` (it says: ${text.slice(0, maxComplaint)})`
  }

  /** Calls an exported function if there is one; what is not there has answered yes. @throws GuestFailure */
  callback(name: string, a: number, b = 0, c = 0, d = 0, e = 0): number {
    const target = this.vm.find(name)
    return target === undefined ? 1 : this.vm.call(target, this, a, b, c, d, e)
  }

  /** It has said good-bye: nothing can be made of it any more. */
  get ended(): boolean {
    return this.#ended
  }

  /** No more streams come from it, and those there were are over: says good-bye. */
  end(): void {
    this.#ended = true
    this.setTick(0)
    this.surroundings.queues.unregister(this.#queueReady)
    if (this.vm.failure !== undefined) return this.#delete()
    try {
      if (this.callback('proxy_on_done', this.id) !== 0) this.#delete()
      else this.#putOff = true
    } catch (thrown) {
      ignoreFailure(thrown)
      this.#delete()
    }
  }

  /** Gives up what is under way. */
  abandon(): void {
    this.#ended = true
    this.setTick(0)
    this.surroundings.queues.unregister(this.#queueReady)
    this.#delete()
  }

  /** @param ms 0: no more */
  setTick(ms: number): void {
    this.#stopTick?.()
    this.#stopTick = ms > 0 && this.#onTick !== undefined ? this.surroundings.every(ms, () => this.#tick()) : undefined
  }

  /** Calls a service, for a stream or for itself. @returns the id under which the answer comes; undefined when too many are under way */
  httpCall(service: string, request: CallRequest, by: Context): number | undefined {
    if (this.#calls.size >= maxCalls) return undefined
    const id = this.#nextCall++
    const given = new AbortController()
    this.#calls.set(id, { given, by })
    const asked = { ...request, signal: given.signal }
    const answer = this.#starting ? this.surroundings.callLater(service, asked) : this.surroundings.call(service, asked)
    answer.then(
      (response) => this.#answered(id, response),
      (thrown: unknown) => this.#failed(id, thrown),
    )
    return id
  }

  /** Whether it may be called. While the plugin starts, the configuration that has the services may not be in force yet: then nobody knows. */
  mayCall(service: string): boolean {
    return this.#starting || this.surroundings.hasService(service)
  }

  /** Undefined: there are too many. */
  registerQueue(name: string): number | undefined {
    return this.surroundings.queues.register(this.surroundings.settings.vmId, name, this.#queueReady)
  }

  // -- Context

  fields(type: number, writing: boolean): FieldMap | Unavailable {
    if (type === MapType.callHeaders || type === MapType.callTrailers) {
      if (this.#answer === undefined || writing) return Status.badArgument
      return type === MapType.callHeaders ? this.#answer.headers : this.#answer.trailers
    }
    return this.grpc.fields(type, writing) ?? Status.badArgument
  }

  buffer(type: number): GuestBuffer | undefined {
    const { configuration, vmConfiguration } = this.surroundings.settings
    switch (type) {
      case BufferType.callBody:
        return toBuffer(this.#answer?.body)
      case BufferType.grpcMessage:
        return toBuffer(this.grpc.message)
      case BufferType.vmConfiguration:
        return { bytes: vmConfiguration }
      case BufferType.pluginConfiguration:
        return { bytes: configuration }
      case BufferType.foreignData:
        return toBuffer(this.foreignData)
      default:
        return undefined
    }
  }

  property(path: readonly string[]): Uint8Array | undefined {
    const { name, rootId, vmId } = this.surroundings.settings
    switch (path.length === 1 ? path[0] : undefined) {
      case 'plugin_name':
        return propertyText(name)
      case 'plugin_root_id':
        return propertyText(rootId)
      case 'plugin_vm_id':
        return propertyText(vmId)
      default:
        return this.surroundings.property(path)
    }
  }

  setProperty(): Status {
    return Status.notFound
  }

  // There is no stream: Envoy answers that all is well, and so do SDKs expect it.

  sendLocalResponse(): void {}

  continueStream(): void {}

  closeStream(): void {}

  clearRouteCache(): void {}

  done(): boolean {
    if (!this.#putOff) return false
    this.#putOff = false
    this.vm.defer(() => this.#delete())
    return true
  }

  // -- private

  #tick(): void {
    if (this.#onTick !== undefined) this.#tell(this.#onTick, this.id)
  }

  #tellQueueReady(queue: number): void {
    if (this.#onQueueReady !== undefined) this.#tell(this.#onQueueReady, this.id, queue)
  }

  #answered(id: number, { status, headers, body, trailers }: CallResponse): void {
    const list = [':status', String(status), ...headers.toList().map((text, at) => (at % 2 === 0 ? text.toLowerCase() : text))]
    this.#tellAnswer(id, { headers: fieldsOf(list), trailers: fieldsOf(trailers?.toList() ?? []), body })
  }

  /** What a proxy would have answered stays an answer; a connection that broke is none. */
  #failed(id: number, thrown: unknown): void {
    const status = thrown instanceof MeshError ? statusOf(thrown) : undefined
    if (status !== undefined) return this.#tellAnswer(id, { ...noAnswer, headers: fieldsOf([':status', String(status)]) })
    this.status = { code: 11, message: 'reset' }
    this.#tellAnswer(id, noAnswer)
  }

  #tellAnswer(id: number, answer: CallAnswer): void {
    // Given up: nobody waits for it.
    const call = this.#calls.get(id)
    if (call === undefined) return
    this.#calls.delete(id)
    if (this.#onHttpCallResponse !== undefined) {
      this.#answer = answer
      this.#tell(this.#onHttpCallResponse, this.id, id, answer.headers.size, answer.body.byteLength, answer.trailers.size)
      this.#answer = undefined
    }
    this.#called(call.by)
  }

  /** Hosts differ in what they make of a stream whose calls are all answered. */
  #called(by: Context): void {
    if (this.dialect.afterCalls === 'wait' || this.vm.failure !== undefined) return
    for (const other of this.#calls.values()) if (other.by === by) return
    by.callsAnswered?.()
  }

  #tell(target: GuestFunction, a: number, b = 0, c = 0, d = 0, e = 0): void {
    if (this.#deleted || this.vm.failure !== undefined) return
    try {
      this.vm.call(target, this, a, b, c, d, e)
    } catch (thrown) {
      ignoreFailure(thrown)
    }
  }

  #delete(): void {
    if (this.#deleted) return
    this.#deleted = true
    for (const { given } of this.#calls.values()) given.abort()
    this.#calls.clear()
    this.grpc.abandon()
    this.vm.contexts.delete(this.id)
    const target = this.vm.find('proxy_on_delete')
    if (target === undefined || this.vm.failure !== undefined) return
    try {
      this.vm.call(target, this, this.id)
    } catch (thrown) {
      ignoreFailure(thrown)
    }
  }
}

/** The VM has told everybody why it failed. */
function ignoreFailure(thrown: unknown): void {
  if (!(thrown instanceof GuestFailure)) throw thrown
}

function toBuffer(bytes: Uint8Array | undefined): GuestBuffer | undefined {
  return bytes === undefined ? undefined : { bytes }
}

/** The status that a proxy in between would have answered; undefined where the connection broke off. */
function statusOf(error: MeshError): number | undefined {
  switch (error.code) {
    case 'MESH_DEADLINE_EXCEEDED':
    case 'MESH_REQUEST_TIMEOUT':
    case 'MESH_ATTEMPT_TIMEOUT':
    case 'MESH_RESPONSE_HEADERS_TIMEOUT':
    case 'MESH_RESPONSE_IDLE_TIMEOUT':
      return 504
    case 'MESH_CONNECT_FAILED':
    case 'MESH_CONNECT_TIMEOUT':
    case 'MESH_NO_ENDPOINT':
    case 'MESH_OVERFLOW':
      return 503
    default:
      return undefined
  }
}
