// The network filters of a TCP listener, flattened into one list per phase when the snapshot is compiled.
import { isPromise } from '../chain.ts'
import { toMeshError, type MeshError } from '../errors.ts'
import type { Awaitable, NetworkFilter } from '../questions.ts'
import type { TcpConnection } from './tcp-connection.ts'

/** One filter's part in one direction. */
export interface DataStep {
  readonly filter: NetworkFilter
  readonly call: (connection: TcpConnection, chunk: Uint8Array, last: boolean) => Awaitable<Uint8Array | void>
}

export class NetworkChain {
  readonly filters: readonly NetworkFilter[]
  /** For the client's bytes, in the order of configuration. */
  readonly downstream: readonly DataStep[]
  /** For the endpoint's bytes, in reverse. */
  readonly upstream: readonly DataStep[]
  readonly #beginners: readonly NetworkFilter[]

  constructor(filters: readonly NetworkFilter[]) {
    this.filters = filters
    this.downstream = steps(filters, (f) => f.onDownstreamData?.bind(f))
    this.upstream = steps(filters.toReversed(), (f) => f.onUpstreamData?.bind(f))
    this.#beginners = filters.filter((f) => f.onNewConnection !== undefined)
  }

  /**
   * What each filter says of a new connection, one after the other. Undefined: it may pass.
   * @param isOver whether it has ended while one of them thought about it: the others are not asked any more
   */
  begin(connection: TcpConnection, isOver: () => boolean): Awaitable<MeshError | undefined> {
    return begin(this.#beginners, connection, isOver, 0)
  }

  /** Tells every filter that it is over. `failed` hears of each that threw; the others are told all the same. */
  end(connection: TcpConnection, failed: (error: MeshError) => void): void {
    for (const filter of this.filters) {
      try {
        filter.onEnd?.(connection)
      } catch (thrown) {
        failed(filterFailed(filter, thrown))
      }
    }
  }
}

/** What a filter threw, as an error with a code. */
export function filterFailed(filter: NetworkFilter, thrown: unknown): MeshError {
  return toMeshError(thrown, 'MESH_FILTER_FAILED', `network filter "${filter.name}"`)
}

function begin(filters: readonly NetworkFilter[], connection: TcpConnection, isOver: () => boolean, from: number): Awaitable<MeshError | undefined> {
  for (let i = from; i < filters.length; i++) {
    const filter = filters[i] as NetworkFilter
    try {
      const answer = filter.onNewConnection?.(connection)
      if (answer !== undefined && isPromise(answer)) return later(filters, connection, isOver, i, answer)
    } catch (thrown) {
      return filterFailed(filter, thrown)
    }
  }
  return undefined
}

async function later(filters: readonly NetworkFilter[], connection: TcpConnection, isOver: () => boolean, at: number, pending: Promise<void>): Promise<MeshError | undefined> {
  try {
    await pending
  } catch (thrown) {
    return filterFailed(filters[at] as NetworkFilter, thrown)
  }
  return isOver() ? undefined : begin(filters, connection, isOver, at + 1)
}

function steps(filters: readonly NetworkFilter[], phase: (filter: NetworkFilter) => DataStep['call'] | undefined): DataStep[] {
  return filters.flatMap((filter) => {
    const call = phase(filter)
    return call === undefined ? [] : { filter, call }
  })
}
