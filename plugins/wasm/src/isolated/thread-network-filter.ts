// One network filter in a thread of its own: the same filter as in a data-plane thread, given views of connections.
import type { Awaitable, DataFrom } from '@meshwright/core'
import { WasmNetworkFilter } from '../wasm-network-filter.ts'
import { ConnectionView } from './connection-view.ts'
import { owned, sendError } from './fields.ts'
import { sideOf, type Outcome, type PhaseCall } from './messages.ts'
import { ThreadResident, type FilterThread, type ThreadGuest } from './thread-guest.ts'

type Out = Uint8Array | void

export class ThreadNetworkFilter extends ThreadResident<ConnectionView> {
  protected readonly filter: WasmNetworkFilter

  /** @throws GuestFailure, RefusedModule */
  constructor(id: number, { loaded, source, options, events }: ThreadGuest, thread: FilterThread) {
    super(id, thread)
    this.filter = new WasmNetworkFilter(loaded, source, options, events)
  }

  /** Runs a phase. What comes of it is told on the way of everything else about connections, as bytes must stay in their order. */
  run(call: PhaseCall): undefined {
    const view = this.#viewOf(call)
    if (view === undefined) return this.#tell({ stream: call.stream, of: sideOf(call.phase), kind: 'pass' })
    view.update(call)
    if (call.phase === 'end') return this.#end(call.stream, view)
    const failed = (thrown: unknown): undefined => this.#tell({ ...this.#base(call, view), kind: 'error', error: sendError(thrown) })
    try {
      const out = this.#phase(call, view)
      if (out instanceof Promise) out.then((later) => this.#answer(call, view, later), failed)
      else this.#answer(call, view, out)
    } catch (thrown) {
      failed(thrown)
    }
  }

  #viewOf({ stream, opening, request }: PhaseCall): ConnectionView | undefined {
    const known = this.views.get(stream)
    if (known !== undefined || opening === undefined || request === undefined) return known
    const view: ConnectionView = new ConnectionView(opening, request, {
      pass: (_filter, from, bytes) => this.#pass(view, stream, from, bytes),
      close: () => this.thread.tell({ kind: 'closed', stream }),
    })
    this.views.set(stream, view)
    return view
  }

  /** What filters do with a connection between its phases is done where it is under way: also to let nothing go of what was held. */
  #pass({ held }: ConnectionView, stream: number, from: DataFrom, bytes: Uint8Array): void {
    const of = from === 'client' ? 'request' : 'response'
    if (bytes.byteLength > 0 || held.has(of)) this.thread.tell({ kind: 'passed', stream, of, bytes: owned(bytes) })
    held.delete(of)
  }

  #phase({ phase, chunk, last }: PhaseCall, { connection }: ConnectionView): Awaitable<Out> {
    const filter = this.filter
    if (phase === 'newConnection') return filter.onNewConnection(connection)
    const onData = phase === 'downstreamData' ? filter.onDownstreamData : filter.onUpstreamData
    return onData?.(connection, chunk as Uint8Array, last === true)
  }

  #answer(call: PhaseCall, view: ConnectionView, out: Out): void {
    const base = this.#base(call, view)
    if (out === undefined || out === call.chunk) this.#tell({ ...base, kind: call.chunk === undefined ? 'pass' : 'same' })
    else this.#tell({ ...base, kind: 'bytes', bytes: owned(out) })
  }

  #base({ stream, phase }: PhaseCall, view: ConnectionView): Pick<Outcome, 'stream' | 'of' | 'holds'> {
    const of = sideOf(phase)
    const holds = this.filter.holds(view.connection, of === 'request' ? 'client' : 'endpoint')
    if (holds) view.held.add(of)
    else view.held.delete(of)
    return { stream, of, ...view.changes(), holds }
  }

  #tell(outcome: Outcome): undefined {
    this.thread.tell({ kind: 'outcome', outcome })
  }

  #end(stream: number, { connection }: ConnectionView): undefined {
    this.filter.onEnd(connection)
    return this.ended(stream)
  }
}
