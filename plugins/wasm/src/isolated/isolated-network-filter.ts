// A WASM filter for TCP whose VM lives in a thread of its own: the same phases, each of them crossing over.
import type { NetworkFilter, TcpConnection } from '@meshwright/core'
import { IsolatedConnection } from './isolated-connection.ts'
import { IsolatedGuest, type IsolatedParts } from './isolated-guest.ts'
import type { Phase } from './messages.ts'

export class IsolatedNetworkFilter extends IsolatedGuest implements NetworkFilter {
  onDownstreamData?: NonNullable<NetworkFilter['onDownstreamData']>
  onUpstreamData?: NonNullable<NetworkFilter['onUpstreamData']>
  readonly #streams = new Map<TcpConnection, IsolatedConnection>()

  constructor(parts: IsolatedParts) {
    super(parts)
    const { exports } = parts
    // A direction that the guest does not look at does not cross.
    if (exports.has('proxy_on_downstream_data')) this.onDownstreamData = (connection, chunk, last) => this.#data(connection, 'downstreamData', chunk, last)
    if (exports.has('proxy_on_upstream_data') || exports.has('proxy_on_upstream_connection_close')) {
      this.onUpstreamData = (connection, chunk, last) => this.#data(connection, 'upstreamData', chunk, last)
    }
  }

  /** Crosses also for a guest that has no callback for it: its context is made then. */
  onNewConnection(connection: TcpConnection): Promise<void> | undefined {
    if (!this.home.isOpen) {
      if (this.streamError !== undefined) throw this.streamError
      return undefined
    }
    const stream = new IsolatedConnection(this, connection, this.streamError)
    this.#streams.set(connection, stream)
    this.opened()
    const out = stream.wait('newConnection')
    this.home.cross(stream, stream.call('newConnection'))
    return out as Promise<undefined>
  }

  onEnd(connection: TcpConnection): void {
    const stream = this.#streams.get(connection)
    if (stream === undefined) return
    this.#streams.delete(connection)
    this.ended(stream, () => stream.call('end'))
  }

  #data(connection: TcpConnection, phase: Phase, chunk: Uint8Array, last: boolean): Promise<Uint8Array> | undefined {
    const stream = this.#streams.get(connection)
    if (stream === undefined || stream.lost) {
      if (stream !== undefined && this.streamError !== undefined) throw this.streamError
      return undefined
    }
    const out = stream.wait(phase, chunk)
    this.home.cross(stream, stream.call(phase, chunk, last))
    return out as Promise<Uint8Array>
  }
}
