// A network filter that runs a proxy-wasm module: one stream per TCP connection.
import type { DataFrom, NetworkFilter, TcpConnection } from '@meshwright/core'
import { MeshError } from '@meshwright/core/thread'
import { GuestSupply } from './guest-supply.ts'
import type { GuestFailure } from './host/failure.ts'
import type { LoadedModule } from './host/load.ts'
import type { TcpStream, TcpStreamOwner } from './host/tcp-stream.ts'
import type { InstanceUser, VmInstance } from './host/vm-instance.ts'
import type { InstanceSource } from './host/vm-pool.ts'
import type { WasmEvents, WasmFilterOptions } from './wasm.ts'

export class WasmNetworkFilter implements NetworkFilter, InstanceUser, TcpStreamOwner {
  readonly name: string
  readonly streamError: MeshError | undefined
  onDownstreamData?: NonNullable<NetworkFilter['onDownstreamData']>
  onUpstreamData?: NonNullable<NetworkFilter['onUpstreamData']>
  readonly #supply: GuestSupply
  readonly #events: WasmEvents
  readonly #streams = new Map<TcpConnection, TcpStream>()

  /** @throws GuestFailure, RefusedModule: the first VM is started and configured here */
  constructor({ exports }: LoadedModule, source: InstanceSource, options: WasmFilterOptions, events: WasmEvents) {
    this.name = options.name
    this.streamError = options.onFailure === 'open' ? undefined : new MeshError('MESH_WASM_FAILED', `filter "${options.name}"`)
    this.#events = events
    this.#supply = new GuestSupply(source, options, events, this)
    // A direction that the guest does not look at costs nothing.
    if (exports.has('proxy_on_downstream_data')) this.onDownstreamData = (connection, chunk, last) => this.#streams.get(connection)?.downstreamData(chunk, last)
    if (exports.has('proxy_on_upstream_data') || exports.has('proxy_on_upstream_connection_close')) {
      this.onUpstreamData = (connection, chunk, last) => this.#streams.get(connection)?.upstreamData(chunk, last)
    }
  }

  onNewConnection(connection: TcpConnection): Promise<void> | undefined {
    const serving = this.#supply.current()
    if (serving === undefined) {
      if (this.streamError !== undefined) throw this.streamError
      return undefined
    }
    const stream = serving.instance.openTcp(serving.root, this, connection)
    this.#streams.set(connection, stream)
    this.#supply.opened(serving)
    return stream.newConnection()
  }

  onEnd(connection: TcpConnection): void {
    const stream = this.#streams.get(connection)
    if (stream === undefined) return
    this.#streams.delete(connection)
    stream.end()
    const instance = stream.root.vm.host as VmInstance
    instance.close(stream)
    this.#supply.closed()
  }

  /** Whether the guest holds back bytes of this side, or for the client's the new connection. */
  holds(connection: TcpConnection, from: DataFrom): boolean {
    return this.#streams.get(connection)?.holds(from) ?? false
  }

  retire(): void {
    this.#supply.retire()
  }

  // -- TcpStreamOwner

  pass(connection: TcpConnection, from: DataFrom, bytes: Uint8Array): void {
    connection.pass(this, from, bytes)
  }

  // -- InstanceUser

  vmFailed(instance: VmInstance, failure: GuestFailure): void {
    this.#supply.vmFailed(instance, failure)
  }

  used(fuel: number, ms: number): void {
    this.#events.used(fuel, ms)
  }
}
