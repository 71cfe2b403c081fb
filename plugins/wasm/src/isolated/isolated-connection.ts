// One TCP connection on its way through a network filter in another thread: what crosses of it, and what comes back.
import { Buffer } from 'node:buffer'
import type { DataFrom, Exchange, MeshError, NetworkFilter, TcpConnection } from '@meshwright/core'
import { connectionProgressOf } from './connection-view.ts'
import { applyOutcome, openingOf, progressOf, propertiesOf } from './exchange-view.ts'
import { owned, packRequest } from './fields.ts'
import { IsolatedStream } from './isolated-stream.ts'
import type { Outcome, Phase, PhaseCall, Side, StreamNews } from './messages.ts'

/** The filter that it goes through. */
interface ConnectionOwner extends NetworkFilter {
  readonly start: { readonly filter: number }
}

const whose: Readonly<Record<Side, DataFrom>> = { request: 'client', response: 'endpoint' }

export class IsolatedConnection extends IsolatedStream {
  readonly exchange: Exchange
  readonly #connection: TcpConnection
  readonly #owner: ConnectionOwner
  #opened = false
  #toldOfUpstream = false
  /** The guest has ended it. */
  #closes = false

  /** @param error what it fails with when the guest does; undefined: it goes on without the filter */
  constructor(owner: ConnectionOwner, connection: TcpConnection, error: MeshError | undefined) {
    super(error)
    this.exchange = connection.exchange
    this.#connection = connection
    this.#owner = owner
  }

  /** What crosses for a phase. */
  call(phase: Phase, chunk?: Uint8Array, last?: boolean): PhaseCall {
    const { exchange } = this
    const call: { -readonly [K in keyof PhaseCall]: PhaseCall[K] } = { stream: this.id, filter: this.#owner.start.filter, phase }
    if (!this.#opened) {
      this.#opened = true
      call.opening = openingOf(exchange)
      call.request = packRequest(exchange.request)
    }
    call.progress = progressOf(exchange)
    call.connection = connectionProgressOf(this.#connection, this.#toldOfUpstream)
    this.#toldOfUpstream = this.#connection.upstream !== undefined
    if (chunk !== undefined) call.chunk = owned(chunk)
    if (last !== undefined) call.last = last
    const properties = propertiesOf(exchange)
    if (properties !== undefined) call.properties = properties
    return call
  }

  hear(news: StreamNews): void {
    if (this.#closes) return
    if (news.kind === 'closed') this.#close()
    else if (news.kind === 'passed') this.#pass(news.of, news.bytes)
  }

  protected apply(outcome: Outcome): void {
    applyOutcome(outcome, this.exchange)
  }

  protected giveBack(side: Side): void {
    this.#pass(side, Buffer.concat(this.takeHeld(side)))
  }

  /** What the guest had let go before goes before, though it goes by promises; what it answers afterwards does not. */
  #close(): void {
    this.#closes = true
    this.stop()
    setImmediate(() => this.#connection.close())
  }

  /** They stand for all that the guest has held back of this side. */
  #pass(side: Side, bytes: Uint8Array): void {
    this.takeHeld(side)
    this.#connection.pass(this.#owner, whose[side], bytes)
  }
}
