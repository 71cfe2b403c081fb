// What a filter that lives in a thread of its own is made of, once its module has shown that it would start.
import { unitsPerMs } from '../host/fuel-gauge.ts'
import { loadFile, type LoadedModule } from '../host/load.ts'
import type { Surroundings } from '../host/surroundings.ts'
import type { InstanceOptions } from '../host/vm-instance.ts'
import { nobody, VmPool } from '../host/vm-pool.ts'
import type { WasmOptions } from '../options.ts'
import type { CommonMemory } from '../shared/commons.ts'
import type { WasmEvents } from '../wasm.ts'
import type { IsolatedParts } from './isolated-guest.ts'
import type { Isolation } from './isolation.ts'
import type { FilterStart } from './messages.ts'

const defaultDeadlineMs = 100

export interface IsolationParts {
  readonly path: string
  /** Metered, for the trial. */
  readonly loaded: LoadedModule
  readonly instanceOptions: InstanceOptions
  readonly surroundings: Surroundings
  readonly memory: CommonMemory
  readonly events: WasmEvents
}

/** @throws GuestFailure, RefusedModule: it is started and configured here, metered, before a thread is given to it */
export function isolatedParts(protocol: FilterStart['protocol'], options: WasmOptions, parts: IsolationParts, isolation: Isolation): IsolatedParts {
  const { path, loaded, instanceOptions, surroundings, memory, events } = parts
  tryOut(loaded, surroundings, instanceOptions)
  const { key, module, sha256, abi } = loadFile(path, { maxPages: (options.memoryMb ?? 64) * 16, startFuel: 0, sha256: loaded.sha256, charges: false })
  const start: FilterStart = {
    filter: isolation.nextFilter(),
    protocol,
    key,
    module,
    sha256,
    abi,
    settings: surroundings.settings,
    logLevel: surroundings.logLevel,
    onFailure: options.onFailure ?? 'closed',
    capabilities: options.capabilities,
    allowUnknown: options.allowUnknownImports ?? false,
    rebuild: options.rebuild,
    memory,
    startMs: startMsOf(instanceOptions),
  }
  const deadlineMs = options.deadlineMs ?? defaultDeadlineMs
  return { start, exports: loaded.exports, surroundings, events, move: (resident) => isolation.move(resident, deadlineMs) }
}

/** Forty times the fuel it may take, as the machine may be busy; from a second to a minute. */
function startMsOf({ startFuel }: InstanceOptions): number {
  return Math.min(60_000, Math.max(1_000, (40 * startFuel) / unitsPerMs))
}

function tryOut(loaded: LoadedModule, surroundings: Surroundings, options: InstanceOptions): void {
  const { instance, root } = new VmPool().source(loaded, surroundings, options).serve(nobody)
  instance.retire(root)
}
