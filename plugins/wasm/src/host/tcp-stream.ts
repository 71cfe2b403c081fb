// One TCP connection as a guest sees it: a context with the bytes of both directions.
import type { Buffer } from 'node:buffer'
import type { DataFrom, MeshError, TcpConnection } from '@meshwright/core'
import type { Context, GuestBuffer, Unavailable } from './context.ts'
import { DataHalf } from './data-half.ts'
import { GuestFailure } from './failure.ts'
import type { FieldMap } from './field-map.ts'
import { keepProperty, keptProperty } from './kept-properties.ts'
import type { RootContext } from './root-context.ts'
import { BufferType, Status, StreamType } from './status.ts'
import type { TcpCallbacks } from './tcp-callbacks.ts'
import { tcpProperty } from './tcp-property.ts'
import type { GuestFunction } from './vm.ts'

/** What a stream needs of the filter that it passes through. */
export interface TcpStreamOwner {
  /** What its connections fail with when the guest does; undefined: they go on without it. */
  readonly streamError: MeshError | undefined
  /** Lets bytes go on that were held back. */
  pass(connection: TcpConnection, from: DataFrom, bytes: Uint8Array): void
}

/** Who closed a connection, as guests are told. */
const Peer = { unknown: 0, local: 1, remote: 2 } as const

/** Contexts of a VM up to which a guest may put their end off. */
const maxContexts = 50_000

/**
 * The phases are those of a network filter. When the VM dies in one of them, or has died before, the stream decides what that
 * means: the connection fails, or it goes on with every byte that the guest held back.
 */
export class TcpStream implements Context {
  readonly id: number
  readonly root: RootContext
  readonly connection: TcpConnection
  readonly #owner: TcpStreamOwner
  readonly #callbacks: TcpCallbacks
  readonly #fromClient: DataHalf
  readonly #fromEndpoint: DataHalf
  #toldOfUpstream = false
  #over = false
  #putOff = false

  constructor(root: RootContext, connection: TcpConnection, callbacks: TcpCallbacks, owner: TcpStreamOwner) {
    const { bufferBytes } = root.surroundings.settings
    this.root = root
    this.connection = connection
    this.#callbacks = callbacks
    this.#owner = owner
    this.id = root.vm.newContextId()
    this.#fromClient = new DataHalf(bufferBytes)
    this.#fromEndpoint = new DataHalf(bufferBytes)
  }

  // -- the phases, as the chain calls them

  newConnection(): Promise<void> | undefined {
    const { create, newConnection } = this.#callbacks
    const { vm } = this.root
    vm.contexts.set(this.id, this)
    try {
      if (create !== undefined) vm.call(create, this, this.id, this.root.id)
      if (newConnection === undefined) return undefined
      return this.#fromClient.stop(this.#tell(this.#fromClient, newConnection, 0, 0))
    } catch (thrown) {
      return this.#without(thrown)
    }
  }

  downstreamData(chunk: Uint8Array, last: boolean): Uint8Array | Promise<Uint8Array> {
    return this.#data(this.#fromClient, this.#callbacks.downstreamData, chunk, last)
  }

  upstreamData(chunk: Uint8Array, last: boolean): Uint8Array | Promise<Uint8Array> {
    const out = this.#data(this.#fromEndpoint, this.#callbacks.upstreamData, chunk, last)
    // Envoy tells of it here, and does not know who closed it.
    if (last) this.#quietly(() => this.#tellOfUpstream())
    return out
  }

  /** The connection is over: the guest is told, may log it, and lets go of it. */
  end(): void {
    const { vm } = this.root
    this.#over = true
    if (vm.failure === undefined) this.#quietly(() => this.#sayGoodBye())
    if (!this.#putOff) vm.contexts.delete(this.id)
  }

  /** The guest has stopped this side. */
  holds(from: DataFrom): boolean {
    return (from === 'client' ? this.#fromClient : this.#fromEndpoint).stopped
  }

  /** The VM is dead: whoever waits for it is let go, or fails. */
  abandon(): void {
    const { streamError } = this.#owner
    this.root.vm.contexts.delete(this.id)
    if (streamError === undefined) return this.#letGo()
    this.#fromClient.fail(streamError)
    this.#fromEndpoint.fail(streamError)
  }

  // -- Context

  fields(type: number, writing: boolean): FieldMap | Unavailable {
    return this.root.fields(type, writing)
  }

  buffer(type: number): GuestBuffer | undefined {
    if (type === BufferType.downstreamData) return bufferOf(this.#fromClient, this.#over)
    return type === BufferType.upstreamData ? bufferOf(this.#fromEndpoint, this.#over) : this.root.buffer(type)
  }

  property(path: readonly string[]): Uint8Array | undefined {
    const { connection } = this
    return tcpProperty(connection, path) ?? keptProperty(connection.exchange, path) ?? this.root.property(path)
  }

  setProperty(path: string, value: Buffer): Status {
    return keepProperty(this.connection.exchange, path, value) ? Status.ok : Status.notFound
  }

  continueStream(type: number): void {
    if (type !== StreamType.downstream || this.#over) return
    if (this.#fromClient.inCallback) return void this.#fromClient.goOn()
    // Until its callback is over the guest may still change them; and another filter may be one of the same VM.
    this.root.vm.defer(() => this.#owner.pass(this.connection, 'client', this.#fromClient.goOn()))
  }

  closeStream(type: number): void {
    if ((type === StreamType.downstream || type === StreamType.upstream) && !this.#over) this.root.vm.defer(() => this.connection.close())
  }

  // There is no request: Envoy answers that all is well.

  sendLocalResponse(): void {}

  clearRouteCache(): void {}

  done(): boolean {
    if (!this.#putOff) return false
    this.#putOff = false
    this.root.vm.defer(() => this.#delete())
    return true
  }

  // -- private

  #data(half: DataHalf, onData: GuestFunction | undefined, chunk: Uint8Array, last: boolean): Uint8Array | Promise<Uint8Array> {
    half.arrived(chunk)
    try {
      const { failure } = this.root.vm
      if (failure !== undefined) throw failure
      return onData === undefined ? half.take() : half.apply(this.#tell(half, onData, half.size, last ? 1 : 0), last)
    } catch (thrown) {
      this.#without(thrown)
      return half.take()
    }
  }

  #tell(half: DataHalf, callback: GuestFunction, size: number, last: number): number {
    half.enter()
    try {
      return this.root.vm.call(callback, this, this.id, size, last)
    } finally {
      half.leave()
    }
  }

  #tellOfUpstream(): void {
    const { upstreamClose } = this.#callbacks
    if (this.#toldOfUpstream || this.root.vm.failure !== undefined) return
    this.#toldOfUpstream = true
    if (upstreamClose !== undefined) this.root.vm.call(upstreamClose, this, this.id, Peer.unknown)
  }

  /** In Envoy's order for TCP. */
  #sayGoodBye(): void {
    const { downstreamClose, done, log } = this.#callbacks
    const { vm } = this.root
    if (!vm.contexts.has(this.id)) return
    if (downstreamClose !== undefined) vm.call(downstreamClose, this, this.id, this.connection.closedByClient ? Peer.remote : Peer.local)
    if (this.connection.upstream !== undefined) this.#tellOfUpstream()
    const isDone = done === undefined || vm.call(done, this, this.id) !== 0
    if (log !== undefined) vm.call(log, this, this.id)
    if (isDone || vm.contexts.size >= maxContexts) this.#delete()
    else this.#putOff = true
  }

  #delete(): void {
    const { vm } = this.root
    vm.contexts.delete(this.id)
    if (this.#callbacks.delete !== undefined && vm.failure === undefined) this.#quietly(() => vm.call(this.#callbacks.delete as GuestFunction, this, this.id))
  }

  /** What goes on without the guest. @throws MESH_WASM_FAILED where it may not */
  #without(thrown: unknown): undefined {
    if (!(thrown instanceof GuestFailure)) throw thrown
    if (this.#owner.streamError !== undefined) throw this.#owner.streamError
    return undefined
  }

  #letGo(): void {
    this.#owner.pass(this.connection, 'client', this.#fromClient.goOn())
    this.#owner.pass(this.connection, 'endpoint', this.#fromEndpoint.goOn())
  }

  /** The VM has told everybody why it failed. */
  #quietly(work: () => void): void {
    try {
      work()
    } catch (thrown) {
      if (!(thrown instanceof GuestFailure)) throw thrown
    }
  }
}

function bufferOf(half: DataHalf, over: boolean): GuestBuffer | undefined {
  return half.readable && !over ? { bytes: half.bytes, write: (bytes) => half.replace(bytes) } : undefined
}
