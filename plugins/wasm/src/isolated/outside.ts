// Does for a filter in another thread what it cannot do there: log lines, metrics, callouts, bodies read ahead, functions of plugins.
import type { Exchange } from '@meshwright/core'
import type { GrpcCall, Surroundings } from '../host/surroundings.ts'
import { IdTable } from '../id-table.ts'
import { packFields, packTrailers, sendError, unpackFields, unpackTrailers } from './fields.ts'
import type { Lane } from './lane.ts'
import type { ForeignReply, News } from './messages.ts'
import { toBuffer } from './thread-surroundings.ts'
import { Status } from '../host/status.ts'

type Of<K extends News['kind']> = Extract<News, { kind: K }>
export type Wish = Of<'log' | 'define' | 'increment' | 'record' | 'call' | 'abort' | 'read' | 'grpc' | 'grpcSend' | 'grpcEnd' | 'grpcCancel' | 'foreign'>

/** Whom a wish concerns. */
export interface WishPlaces {
  surroundings(filter: number): Surroundings | undefined
  exchange(stream: number): Exchange | undefined
  log(filter: number, level: Of<'log'>['level'], text: string): void
}

/** The wishes of one lane; whoever gives the lane up gives up what is under way for it. */
export class OutsideWorld {
  readonly #lane: Lane
  readonly #places: WishPlaces
  readonly #calls = new IdTable<AbortController>()
  readonly #grpc = new IdTable<GrpcCall>()
  /** Ids of metrics: those of the thread, by filter, and ours. */
  readonly #metrics = new Map<string, number>()

  constructor(lane: Lane, places: WishPlaces) {
    this.#lane = lane
    this.#places = places
  }

  fulfil(wish: Wish): void {
    switch (wish.kind) {
      case 'log':
        return this.#places.log(wish.filter, wish.level, wish.text)
      case 'define':
      case 'increment':
      case 'record':
        return this.#count(wish)
      case 'call':
        return void this.#call(wish)
      case 'abort':
        return this.#calls.get(wish.id)?.abort()
      case 'read':
        return void this.#read(wish)
      case 'grpc':
        return this.#openGrpc(wish)
      case 'grpcSend':
        return this.#grpc.get(wish.id)?.send(toBuffer(wish.message), wish.last)
      case 'grpcEnd':
        return this.#grpc.get(wish.id)?.end()
      case 'grpcCancel':
        this.#grpc.get(wish.id)?.cancel()
        this.#grpc.delete(wish.id)
        return
      default:
        this.#lane.reply(this.#foreign(wish), wish.ranMs)
    }
  }

  giveUp(): void {
    for (const given of this.#calls.values()) given.abort()
    for (const call of this.#grpc.values()) call.cancel()
    this.#calls.clear()
    this.#grpc.clear()
  }

  #count(wish: Of<'define' | 'increment' | 'record'>): void {
    const metrics = this.#places.surroundings(wish.filter)?.metrics
    const key = `${wish.filter} ${wish.id}`
    if (wish.kind === 'define') {
      const id = metrics?.define(wish.type, wish.name)
      if (id !== undefined) this.#metrics.set(key, id)
      return
    }
    const id = this.#metrics.get(key)
    if (id !== undefined) metrics?.[wish.kind](id, wish.by)
  }

  async #call({ filter, id, service, request }: Of<'call'>): Promise<void> {
    const surroundings = this.#places.surroundings(filter)
    if (surroundings === undefined) return
    const given = new AbortController()
    this.#calls.set(id, given)
    const { headers, trailers, ...rest } = request
    const unpacked = unpackTrailers(trailers)
    try {
      const answer = await surroundings.call(service, { ...rest, headers: unpackFields(headers), ...(unpacked === undefined ? {} : { trailers: unpacked }), signal: given.signal })
      this.#lane.tell({ kind: 'answer', id, status: answer.status, headers: packFields(answer.headers), body: answer.body, trailers: packTrailers(answer.trailers) })
    } catch (thrown) {
      this.#lane.tell({ kind: 'failed', id, error: sendError(thrown) })
    } finally {
      this.#calls.delete(id)
    }
  }

  async #read({ id, stream, of, maxBytes }: Of<'read'>): Promise<void> {
    const exchange = this.#places.exchange(stream)
    const source = of === 'request' ? exchange?.body : exchange?.response
    try {
      if (source === undefined) throw new Error('the exchange is over')
      const body = await source.read(maxBytes)
      this.#lane.tell({ kind: 'body', id, body, trailers: packTrailers(source.trailers) })
    } catch (thrown) {
      this.#lane.tell({ kind: 'failed', id, error: sendError(thrown) })
    }
  }

  #openGrpc({ filter, id, service, path, metadata, timeoutMs }: Of<'grpc'>): void {
    const call = this.#places.surroundings(filter)?.grpc(service, path, metadata, timeoutMs, {
      initialMetadata: (fields) => this.#lane.tell({ kind: 'grpcFields', id, which: 'initial', fields }),
      message: (message) => this.#lane.tell({ kind: 'grpcMessage', id, message }),
      trailingMetadata: (fields) => this.#lane.tell({ kind: 'grpcFields', id, which: 'trailing', fields }),
      closed: (status, message) => {
        this.#grpc.delete(id)
        this.#lane.tell({ kind: 'grpcClosed', id, status, message })
      },
    })
    if (call === undefined) this.#lane.tell({ kind: 'grpcClosed', id, status: unavailable, message: 'there is no such service' })
    else this.#grpc.set(id, call)
  }

  #foreign({ filter, name, argument }: Of<'foreign'>): ForeignReply {
    try {
      const result = this.#places.surroundings(filter)?.foreign(name)?.(toBuffer(argument)) ?? Status.notFound
      return typeof result === 'number' ? { status: result } : { bytes: result }
    } catch (thrown) {
      return { thrown: thrown instanceof Error ? thrown.message : 'something that is no error was thrown' }
    }
  }
}

/** gRPC's status for that. */
const unavailable = 14
