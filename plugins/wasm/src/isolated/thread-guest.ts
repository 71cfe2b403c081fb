// What the filters of a thread have in common, whatever passes through them: their guest, and what is told of it.
import type { GuestFailure } from '../host/failure.ts'
import type { LoadedModule } from '../host/load.ts'
import type { SharedData, SharedQueues } from '../host/surroundings.ts'
import { VmPool, type InstanceSource } from '../host/vm-pool.ts'
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

/** A filter as its thread knows it. */
export interface ThreadResident {
  /** Runs a phase. Undefined: nothing comes of it, or it is told. */
  run(call: PhaseCall): Outcome | Promise<Outcome> | undefined
  retire(): void
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
