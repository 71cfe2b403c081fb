// loadFilter: a compiled filter on the real host, without a mesh.
import { readFile } from 'node:fs/promises'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadBytes } from '../host/load.ts'
import { isOnlyFor } from '../host/tcp-callbacks.ts'
import { VmPool } from '../host/vm-pool.ts'
import { RefusedModule } from '../meter/refused-module.ts'
import { modulePath } from '../module-path.ts'
import { fuelOf, settingsOf, type WasmOptions } from '../options.ts'
import { TestClock } from './clock.ts'
import { TestQueues, TestSharedData } from './guest-state.ts'
import { TestFilter, type Neighbourhood } from './test-filter.ts'
import type { TestWorld } from './test-surroundings.ts'

/** The options of the filter as a mesh takes them, but for a few, and what only a test can say. */
export interface LoadFilterOptions extends Omit<WasmOptions, 'module' | 'logLevel' | 'rebuild' | 'onFailure' | 'sharedDataMb' | 'isolation'>, TestWorld {
  /** Whether it is to take requests, as on a route, or connections, as on a listener that carries TCP. Default: TCP for a module that has callbacks for nothing else, and HTTP. */
  readonly protocol?: 'HTTP' | 'TCP' | undefined
  /** As in a mesh. Default: a guest that fails rejects what the test is doing, with a FilterFailure that says why. */
  readonly onFailure?: WasmOptions['onFailure']
  /** Another filter of this test: both have the same clock, share data and queues, and one VM if module, `vmId` and `vmConfiguration` are the same. */
  readonly beside?: TestFilter
  /** What the clock shows, in milliseconds since 1970. It stands still until the test moves it. Default: 2026-01-01T00:00:00Z. */
  readonly nowMs?: number
}

const startMs = Date.UTC(2026, 0, 1)

/**
 * Loads a module, starts it and gives it its configuration.
 * @param module its path, relative to the working directory, `npm:` and the name of a package, its URL, or its bytes
 * @throws FilterFailure if it does not start or refuses its configuration; Error if there is no such file, or the host refuses the module
 */
export async function loadFilter(module: string | URL | Uint8Array, options: LoadFilterOptions = {}): Promise<TestFilter> {
  const file = module instanceof Uint8Array ? undefined : module instanceof URL ? fileURLToPath(module) : modulePath(module)
  const bytes = module instanceof Uint8Array ? new Uint8Array(module) : await read(file as string)
  const fuel = fuelOf(options)
  const { logLevel: _, protocol: _protocol, ...settable } = options
  const path = file ?? 'filter.wasm'
  const settings = settingsOf({ ...(settable as Omit<WasmOptions, 'module'>), module: path }, path)
  try {
    const loaded = loadBytes(bytes, { maxPages: (options.memoryMb ?? 64) * 16, startFuel: fuel.startFuel, sha256: options.sha256 })
    const protocol = options.protocol ?? (isOnlyFor('TCP', loaded.exports) ? 'TCP' : 'HTTP')
    if (protocol === 'TCP' && isOnlyFor('HTTP', loaded.exports)) throw new RefusedModule('it has callbacks for HTTP only')
    const filter = new TestFilter({
      loaded,
      settings,
      protocol,
      instance: { ...fuel, capabilities: options.capabilities, allowUnknown: options.allowUnknownImports ?? false },
      onFailure: options.onFailure,
      world: options,
      neighbourhood: options.beside?.neighbourhood ?? newNeighbourhood(options.nowMs ?? startMs),
    })
    await filter.settled()
    return filter
  } catch (thrown) {
    if (thrown instanceof RefusedModule) throw new Error(`${file ?? 'the module'} cannot be run: ${thrown.message}`, { cause: thrown })
    throw thrown
  }
}

function newNeighbourhood(nowMs: number): Neighbourhood {
  return { clock: new TestClock(nowMs), sharedData: new TestSharedData(), queues: new TestQueues(), pool: new VmPool(), filters: [] }
}

async function read(file: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await readFile(file))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    const near = relative('.', file)
    throw new Error(`there is no ${near.startsWith('..') ? file : near}: build the filter first, with: meshwright filter build`, { cause: error })
  }
}
