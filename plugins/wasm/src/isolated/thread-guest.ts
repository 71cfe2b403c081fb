// What the filters of a thread have in common, whatever passes through them: their guest, and what is told of it.
import type { GuestFailure } from '../host/failure.ts'
import type { LoadedModule } from '../host/load.ts'
import type { SharedData, SharedQueues } from '../host/surroundings.ts'
import { VmPool, type InstanceSource } from '../host/vm-pool.ts'
import { IdTable } from '../id-table.ts'
import type { WasmEvents, WasmFilterOptions } from '../wasm.ts'
import type { ReadAhead } from './exchange-view.ts'
import type { FilterStart, Outcome, PhaseCall, Side } from './messages.ts'
import { ThreadSurroundings, type Outside } from './thread-surroundings.ts'

/** Filters of one thread that may share a VM do. */
const pool = new VmPool()

/** Of which a filter needs somebody who reads bodies for it. */
export interface FilterThread extends Outside {
  read(stream: number, of: Side, maxBytes: number): ReturnType<ReadAhead>
}

/** A filter as its thread knows it: it is over when it was retired and its last view has gone. */
export abstract class ThreadResident<View> {
  protected readonly thread: FilterThread
  protected readonly views: IdTable<View> = new IdTable()
  readonly #id: number
  #retired = false

  constructor(id: number, thread: FilterThread) {
    this.#id = id
    this.thread = thread
  }

  /** Runs a phase. Undefined: nothing comes of it, or it is told. */
  abstract run(call: PhaseCall): Outcome | Promise<Outcome> | undefined

  /** The filter itself. */
  protected abstract readonly filter: { retire(): void }

  retire(): void {
    this.#retired = true
    this.filter.retire()
    this.#tellIfOver()
  }

  protected ended(stream: number): undefined {
    this.views.delete(stream)
    this.#tellIfOver()
  }

  /** Then nobody needs it any more. */
  #tellIfOver(): void {
    if (this.#retired && this.views.size === 0) this.thread.tell({ kind: 'retired', filter: this.#id })
  }
}

/** What a filter of the host is made of. */
export interface ThreadGuest {
  readonly loaded: LoadedModule
  readonly source: InstanceSource
  readonly options: WasmFilterOptions
  readonly events: WasmEvents
}

export function threadGuest(start: FilterStart, thread: FilterThread, commons: { readonly sharedData: SharedData; readonly queues: SharedQueues }): ThreadGuest {
  const { key, module, sha256, abi, capabilities, allowUnknown, onFailure, rebuild, settings } = start
  const surroundings = new ThreadSurroundings(start, thread, commons.sharedData, entering(commons.queues, thread))
  const loaded: LoadedModule = { key, module, sha256, abi, exports: new Set(WebAssembly.Module.exports(module).map(({ name }) => name)) }
  const options = { fuel: 0, startFuel: 0, capabilities, allowUnknown }
  return { loaded, source: pool.source(loaded, surroundings, options), options: { ...options, name: settings.name, onFailure, rebuild }, events: eventsOf(start.filter, thread) }
}

function eventsOf(filter: number, thread: FilterThread): WasmEvents {
  let calls = 0
  let ms = 0
  return {
    used: (_fuel, callMs) => {
      ms += callMs
      if (calls++ > 0) return
      setImmediate(() => {
        thread.tell({ kind: 'used', filter, calls, ms })
        calls = ms = 0
      })
    },
    paused: (pausedMs) => thread.tell({ kind: 'paused', filter, ms: pausedMs }),
    served: (streams, memoryBytes) => thread.tell({ kind: 'served', filter, streams, memoryBytes }),
    failed: ({ reason, message }: GuestFailure) => thread.tell({ kind: 'failed', filter, reason, message }),
    reloaded: () => thread.tell({ kind: 'reloaded', filter }),
  }
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
