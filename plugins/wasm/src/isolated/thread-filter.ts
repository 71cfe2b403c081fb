// One filter in a thread of its own: the same filter as in a data-plane thread, given views of exchanges.
import type { Awaitable, Exchange, Reply } from '@meshwright/core'
import { MeshError } from '@meshwright/core/thread'
import { WasmFilter } from '../wasm.ts'
import { ExchangeView } from './exchange-view.ts'
import { owned, sendError, sendReply } from './fields.ts'
import { sideOf, type Outcome, type PhaseCall, type Side } from './messages.ts'
import { ThreadResident, type FilterThread, type ThreadGuest } from './thread-guest.ts'

type Out = Uint8Array | Reply | void

const nothing = new Uint8Array(0)

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
      if (!(out instanceof Promise)) return this.#now(call, view, out)
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
    view.exchange.run = this.#outOfTurn(stream, view)
    this.views.set(stream, view)
    view.exchange.state.wasmView = view
    return view
  }

  /** What filters do with an exchange between its phases is done where it is under way. */
  #outOfTurn(stream: number, view: ExchangeView): NonNullable<Exchange['run']> {
    return {
      front: 0,
      turn: 0,
      answerFrom: (_filter, answer) => {
        const isError = answer instanceof MeshError
        this.thread.tell({ kind: 'answered', stream, reply: isError ? undefined : sendReply(answer), error: isError ? sendError(answer) : undefined })
      },
      wake: (_filter, of) => this.#pass(stream, view, of),
    }
  }

  /** Also that it has let nothing go of what was held: otherwise that would come back when the thread ends. */
  #pass(stream: number, view: ExchangeView, of: Side): void {
    const out = this.#phase({ phase: of === 'request' ? 'requestBody' : 'responseBody', chunk: nothing, last: false }, view.exchange)
    if (!(out instanceof Uint8Array) || (out.byteLength === 0 && !view.held.has(of))) return
    view.held.add(of)
    this.thread.tell({ kind: 'passed', stream, of, bytes: owned(out) })
  }

  #phase({ phase, chunk, last }: Pick<PhaseCall, 'phase' | 'chunk' | 'last'>, exchange: Exchange): Awaitable<Out> {
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

  /** Undefined: it is told, behind what the guest has let go before and before what it lets go later. */
  #now(call: PhaseCall, view: ExchangeView, out: Out): Outcome | undefined {
    const isBehind = view.held.has(sideOf(call.phase))
    const outcome = this.#outcome(call, view, out)
    if (!isBehind && outcome.holds !== true) return outcome
    this.thread.tell({ kind: 'outcome', outcome })
    return undefined
  }

  #outcome({ stream, phase, chunk }: PhaseCall, view: ExchangeView, out: Out): Outcome {
    const guest = view.exchange.state.wasm
    const of = sideOf(phase)
    const holds = guest?.holds(of) ?? false
    if (holds) view.held.add(of)
    else view.held.delete(of)
    const base = { stream, of, ...view.changes(), holds }
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
