// One filter in a thread of its own: the same filter as in a data-plane thread, given views of exchanges.
import type { Awaitable, Exchange, Reply } from '@meshwright/core'
import { MeshError } from '@meshwright/core/thread'
import type { GuestFailure } from '../host/failure.ts'
import type { LoadedModule } from '../host/load.ts'
import type { SharedData, SharedQueues } from '../host/surroundings.ts'
import { VmPool } from '../host/vm-pool.ts'
import { IdTable } from '../id-table.ts'
import { WasmFilter, type WasmEvents } from '../wasm.ts'
import { ExchangeView, type ReadAhead } from './exchange-view.ts'
import { owned, sendError, sendReply } from './fields.ts'
import { sideOf, type FilterStart, type Outcome, type PhaseCall } from './messages.ts'
import { ThreadSurroundings, type Outside } from './thread-surroundings.ts'

/** Filters of one thread that may share a VM do. */
const pool = new VmPool()

type Out = Uint8Array | Reply | void

/** Of which a filter needs somebody who reads bodies for it. */
export interface FilterThread extends Outside {
  read(stream: number, of: 'request' | 'response', maxBytes: number): ReturnType<ReadAhead>
}

export class ThreadFilter {
  readonly #start: FilterStart
  readonly #thread: FilterThread
  readonly #filter: WasmFilter
  readonly #views = new IdTable<ExchangeView>()
  #calls = 0
  #retired = false

  /** @throws GuestFailure, RefusedModule */
  constructor(start: FilterStart, thread: FilterThread, commons: { readonly sharedData: SharedData; readonly queues: SharedQueues }) {
    this.#start = start
    this.#thread = thread
    const queues = entering(commons.queues, thread)
    const surroundings = new ThreadSurroundings(start, thread, commons.sharedData, queues)
    const { key, module, sha256, abi, capabilities, allowUnknown, onFailure, rebuild } = start
    const loaded: LoadedModule = { key, module, sha256, abi, exports: new Set(WebAssembly.Module.exports(module).map(({ name }) => name)) }
    const options = { fuel: 0, startFuel: 0, capabilities, allowUnknown }
    const source = pool.source(loaded, surroundings, options)
    this.#filter = new WasmFilter(loaded, source, { ...options, name: start.settings.name, onFailure, rebuild }, this.#events(), reroute)
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

  retire(): void {
    this.#retired = true
    this.#filter.retire()
    this.#tellIfOver()
  }

  #viewOf({ stream, opening, request }: PhaseCall): ExchangeView | undefined {
    const known = this.#views.get(stream)
    if (known !== undefined || opening === undefined || request === undefined) return known
    const view = new ExchangeView(opening, request, async (of, most) => this.#thread.read(stream, of, most))
    view.exchange.run = this.#outOfTurn(stream)
    this.#views.set(stream, view)
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
        this.#thread.tell({ kind: 'answered', stream, reply: isError ? undefined : sendReply(answer), error: isError ? sendError(answer) : undefined })
      },
      wake: (_filter, of) => this.#thread.tell({ kind: 'wake', stream, of }),
    }
  }

  #phase({ phase, chunk, last }: PhaseCall, exchange: Exchange): Awaitable<Out> {
    const filter = this.#filter
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
    this.#filter.onEnd(view.exchange)
    this.#views.delete(stream)
    this.#tellIfOver()
  }

  /** Then nobody needs it any more. */
  #tellIfOver(): void {
    if (this.#retired && this.#views.size === 0) this.#thread.tell({ kind: 'retired', filter: this.#start.filter })
  }

  #events(): WasmEvents {
    const { filter } = this.#start
    const thread = this.#thread
    let ms = 0
    return {
      used: (_fuel, callMs) => {
        ms += callMs
        if (this.#calls++ > 0) return
        setImmediate(() => {
          thread.tell({ kind: 'used', filter, calls: this.#calls, ms })
          this.#calls = ms = 0
        })
      },
      paused: (pausedMs) => thread.tell({ kind: 'paused', filter, ms: pausedMs }),
      served: (streams, memoryBytes) => thread.tell({ kind: 'served', filter, streams, memoryBytes }),
      failed: ({ reason, message }: GuestFailure) => thread.tell({ kind: 'failed', filter, reason, message }),
      reloaded: () => thread.tell({ kind: 'reloaded', filter }),
    }
  }
}

function reroute({ state }: Exchange): void {
  if (state.wasmView !== undefined) state.wasmView.rerouted = true
}

function failed({ stream, phase }: PhaseCall, view: ExchangeView, thrown: unknown): Outcome {
  return { stream, of: sideOf(phase), ...view.changes(), kind: 'error', error: sendError(thrown) }
}

/** Queues whose readers are guests that may never come back. */
function entering(queues: SharedQueues, outside: Outside): SharedQueues {
  const entered = new Map<(id: number) => void, (id: number) => void>()
  return {
    register(vmId, name, ready) {
      const own = entered.get(ready) ?? ((id: number) => outside.enter(() => ready(id)))
      entered.set(ready, own)
      return queues.register(vmId, name, own)
    },
    resolve: (vmId, name) => queues.resolve(vmId, name),
    enqueue: (id, message) => queues.enqueue(id, message),
    dequeue: (id) => queues.dequeue(id),
    unregister(ready) {
      const own = entered.get(ready)
      if (own !== undefined) queues.unregister(own)
      entered.delete(ready)
    },
  }
}

declare module '@meshwright/core' {
  interface ExchangeState {
    /** What an exchange in a thread of isolated filters is a view of. */
    wasmView?: ExchangeView
  }
}
