// The surroundings of a guest in a thread of its own: the mesh is in another thread, and is asked by messages.
import { Buffer } from 'node:buffer'
import type { CallRequest, CallResponse, Mesh } from '@meshwright/core'
import { Headers, Metrics } from '@meshwright/core/thread'
import { MeshGuestMetrics } from '../host/guest-metrics.ts'
import { MeshSurroundings } from '../host/mesh-surroundings.ts'
import { foreignFunction } from '../host/foreign-functions.ts'
import { Status } from '../host/status.ts'
import type { ForeignFunction, GrpcCall, GrpcEvents, GuestMetrics, SharedData, SharedQueues } from '../host/surroundings.ts'
import { owned, packFields, packTrailers } from './fields.ts'
import type { FilterStart, News } from './messages.ts'

/** What a filter reaches of the other thread. */
export interface Outside {
  tell(news: News): void
  /** Sends `news` with a number of its own; resolves with what is answered. */
  ask(news: (id: number) => News, signal: AbortSignal | undefined): Promise<CallResponse>
  /** Waits, and does nothing else meanwhile. */
  foreign(filter: number, name: string, argument: Uint8Array): Uint8Array | Status
  grpc(news: (id: number) => News, events: GrpcEvents): GrpcCall
  /** The guest is entered from here. */
  enter<T>(work: () => T): T
  readonly services: ReadonlySet<string>
}

export class ThreadSurroundings extends MeshSurroundings {
  readonly #outside: Outside
  readonly #filter: number

  constructor({ filter, settings, logLevel }: FilterStart, outside: Outside, sharedData: SharedData, queues: SharedQueues) {
    super(meshOver(filter, outside), settings, { metrics: new ThreadMetrics(filter, settings.vmId, outside), sharedData, queues }, logLevel)
    this.#outside = outside
    this.#filter = filter
  }

  override every(ms: number, tick: () => void): () => void {
    return super.every(ms, () => this.#outside.enter(tick))
  }

  override grpc(service: string, path: string, metadata: readonly string[], timeoutMs: number, events: GrpcEvents): GrpcCall | undefined {
    if (!this.hasService(service)) return undefined
    return this.#outside.grpc((id) => ({ kind: 'grpc', filter: this.#filter, id, service, path, metadata, timeoutMs }), events)
  }

  /** Functions of plugins are where the plugins are. */
  override foreign(name: string): ForeignFunction | undefined {
    return foreignFunction(name) ?? ((argument) => this.#outside.foreign(this.#filter, name, owned(argument)))
  }
}

/** As much of a mesh as surroundings ask. */
function meshOver(filter: number, outside: Outside): Mesh {
  const log = (level: 'debug' | 'info' | 'warn' | 'error') => (_fields: object, text: string) => outside.tell({ kind: 'log', filter, level, text })
  return {
    log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
    snapshot: { services: { has: (name: string) => outside.services.has(name) } },
    async call(service: string, { headers = new Headers(), trailers, body, signal, ...rest }: CallRequest) {
      const request = { ...rest, headers: packFields(headers), trailers: packTrailers(trailers), ...(body === undefined ? {} : { body: owned(body) }) }
      return outside.ask((id) => ({ kind: 'call', filter, id, service, request }), signal)
    },
  } as unknown as Mesh
}

/** Metrics that are also kept where they are read; what a guest reads back is what this thread has counted. */
class ThreadMetrics implements GuestMetrics {
  readonly #own: MeshGuestMetrics
  readonly #filter: number
  readonly #outside: Outside

  constructor(filter: number, vmId: string, outside: Outside) {
    this.#own = new MeshGuestMetrics(new Metrics(), vmId)
    this.#filter = filter
    this.#outside = outside
  }

  define(type: number, name: string): number | undefined {
    const id = this.#own.define(type, name)
    if (id !== undefined) this.#outside.tell({ kind: 'define', filter: this.#filter, id, type, name })
    return id
  }

  increment(id: number, by: bigint): Status {
    return this.#told('increment', id, by, this.#own.increment(id, by))
  }

  record(id: number, value: bigint): Status {
    return this.#told('record', id, value, this.#own.record(id, value))
  }

  get(id: number): bigint | Status {
    return this.#own.get(id)
  }

  #told(kind: 'increment' | 'record', id: number, by: bigint, status: Status): Status {
    if (status === Status.ok) this.#outside.tell({ kind, filter: this.#filter, id, by })
    return status
  }
}

/** Buffers of what has crossed. */
export function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
