// One filter in a thread of its own: the same filter as in a data-plane thread, given views of exchanges.
import type { Awaitable, Exchange, Reply } from '@meshwright/core'
import { MeshError } from '@meshwright/core/thread'
import { WasmFilter } from '../wasm.ts'
import { ExchangeView } from './exchange-view.ts'
import { owned, sendError, sendReply } from './fields.ts'
import { sideOf, type Outcome, type PhaseCall } from './messages.ts'
import { ThreadResident, type FilterThread, type ThreadGuest } from './thread-guest.ts'

type Out = Uint8Array | Reply | void

export class ThreadFilter extends ThreadResident<ExchangeView> {
  protected readonly filter: WasmFilter

  /** @throws GuestFailure, RefusedModule */
  constructor(id: number, { loaded, source, options, events }: ThreadGuest, thread: FilterThread) {
    super(id, thread)
    this.filter = new WasmFilter(loaded, source, options, events, reroute)
  }

  /** Runs a phase. Nothing comes of the last one. */
  run(call: PhaseCall): Outcome | Promise<Outcome> | undefined {
    const view = this.#viewOf(call)
    if (view === undefined) return { stream: call.stream, of: sideOf(call.phase), kind: 'pass' }
    view.update(call)
    if (call.phase === 'end') return this.#end(call.stream, view)
    try {
      const out = this.#phase(call, view.exchange)
      if (!(out instanceof Promise)) return this.#outcome(call, view, out)
      return out.then(
        (later) => this.#outcome(call, view, later),
        (thrown: unknown) => failed(call, view, thrown),
      )
    } catch (thrown) {
      return failed(call, view, thrown)
    }
  }

  #viewOf({ stream, opening, request }: PhaseCall): ExchangeView | undefined {
    const known = this.views.get(stream)
    if (known !== undefined || opening === undefined || request === undefined) return known
    const view = new ExchangeView(opening, request, async (of, most) => this.thread.read(stream, of, most))
    view.exchange.run = this.#outOfTurn(stream)
    this.views.set(stream, view)
    view.exchange.state.wasmView = view
    return view
  }

  /** What filters do with an exchange between its phases is done where it is under way. */
  #outOfTurn(stream: number): NonNullable<Exchange['run']> {
    return {
      front: 0,
      turn: 0,
      answerFrom: (_filter, answer) => {
        const isError = answer instanceof MeshError
        this.thread.tell({ kind: 'answered', stream, reply: isError ? undefined : sendReply(answer), error: isError ? sendError(answer) : undefined })
      },
      wake: (_filter, of) => this.thread.tell({ kind: 'wake', stream, of }),
    }
  }

  #phase({ phase, chunk, last }: PhaseCall, exchange: Exchange): Awaitable<Out> {
    const filter = this.filter
    switch (phase) {
      case 'requestHeaders':
        return filter.onRequestHeaders?.(exchange)
      case 'requestBody':
        return filter.onRequestBody?.(exchange, chunk as Uint8Array, last === true)
      case 'responseHeaders':
        return filter.onResponseHeaders?.(exchange)
      default:
        return filter.onResponseBody?.(exchange, chunk as Uint8Array, last === true)
    }
  }

  #outcome({ stream, phase, chunk }: PhaseCall, view: ExchangeView, out: Out): Outcome {
    const guest = view.exchange.state.wasm
    const of = sideOf(phase)
    const base = { stream, of, ...view.changes(), holds: guest?.holds(of) ?? false }
    if (out === undefined || out === chunk) return { ...base, kind: chunk === undefined ? 'pass' : 'same' }
    if (out instanceof Uint8Array) return { ...base, kind: 'bytes', bytes: owned(out) }
    return { ...base, kind: 'reply', reply: sendReply(out) }
  }

  #end(stream: number, view: ExchangeView): undefined {
    this.filter.onEnd(view.exchange)
    return this.ended(stream)
  }
}

function reroute({ state }: Exchange): void {
  if (state.wasmView !== undefined) state.wasmView.rerouted = true
}

function failed({ stream, phase }: PhaseCall, view: ExchangeView, thrown: unknown): Outcome {
  return { stream, of: sideOf(phase), ...view.changes(), kind: 'error', error: sendError(thrown) }
}

declare module '@meshwright/core' {
  interface ExchangeState {
    /** What an exchange in a thread of isolated filters is a view of. */
    wasmView?: ExchangeView
  }
}
