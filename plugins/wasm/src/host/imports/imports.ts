// Everything a guest may import, put together for one VM.
import { RefusedModule } from '../../meter/refused-module.ts'
import { dialects } from '../dialect.ts'
import { Status } from '../status.ts'
import type { Surroundings } from '../surroundings.ts'
import type { Vm } from '../vm.ts'
import { functionBeyond } from './beyond.ts'
import { bufferFunctions } from './buffers.ts'
import { callFunctions } from './calls.ts'
import { fieldFunctions } from './fields.ts'
import { guarded, type HostFunction, type HostFunctions } from './host-function.ts'
import { loggingFunctions } from './logging.ts'
import { propertyFunctions } from './properties.ts'
import { sharedFunctions } from './shared.ts'
import { streamFunctions } from './streams.ts'
import { wasiFault, wasiFunctions, wasiNotCapable } from './wasi.ts'

/** What may be called while a guest initialises itself or allocates memory. */
const early = new Set([
  'proxy_log', 'fd_write', 'args_sizes_get', 'args_get', 'environ_sizes_get', 'environ_get', 'clock_time_get', 'clock_res_get', 'random_get', 'poll_oneoff', 'fd_fdstat_get',
  'fd_fdstat_set_flags', 'fd_prestat_get', 'fd_prestat_dir_name', 'fd_read', 'fd_seek', 'fd_close', 'sched_yield', 'proc_exit', 'emscripten_notify_memory_growth', 'pthread_equal',
])

/** Modules that guests import WASI from; both have the same functions. */
const wasiModules: readonly string[] = ['wasi_snapshot_preview1', 'wasi_unstable']

export interface ImportOptions {
  /** The ABI as the module's marker says it. */
  readonly abi: string
  /** Names of functions that may be called; undefined: all. */
  readonly capabilities?: readonly string[] | undefined
  /** What nobody knows answers `unimplemented` instead of keeping the module out. */
  readonly allowUnknown: boolean
  /** Called once for each function that is only a stub. */
  stubbed?(name: string): void
}

/** The names that can be imported, by module. */
export function knownImports(abi = 'proxy_abi_version_0_2_1'): ReadonlyMap<string, ReadonlySet<string>> {
  const none = {} as never
  const vm = none as Vm
  const surroundings = { settings: { environment: {}, dialect: 'envoy' } } as unknown as Surroundings
  const { env, wasi } = functionsOf(vm, surroundings, abi)
  return new Map([['env', new Set(Object.keys(env))], ...wasiModules.map((name) => [name, new Set(Object.keys(wasi))] as const)])
}

/** Whether some host has a function of this name, in any ABI and dialect. */
export function isHostFunction(name: string): boolean {
  const known = ['proxy_abi_version_0_1_0', 'proxy_abi_version_0_2_1'].flatMap((abi) => [...knownImports(abi).values()])
  return known.some((names) => names.has(name)) || Object.values(dialects).some(({ without, beyond }) => without.has(name) || beyond.some((beginning) => name.startsWith(beginning)))
}

/**
 * The imports of one module.
 * @throws RefusedModule that lists what is not known
 */
export function importsOf(module: WebAssembly.Module, vm: Vm, surroundings: Surroundings, options: ImportOptions): WebAssembly.Imports {
  const { env, wasi } = functionsOf(vm, surroundings, options.abi)
  const { without, beyond } = dialects[surroundings.settings.dialect]
  const inEnv = (name: string): HostFunction | undefined => env[name] ?? (beyond.some((beginning) => name.startsWith(beginning)) ? functionBeyond(vm, surroundings, name) : undefined)
  const unknown: string[] = []
  const imports: Record<string, Record<string, HostFunction>> = {}
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    const known = from === 'env' ? inEnv(name) : wasiModules.includes(from) ? wasi[name] : undefined
    if (known === undefined) unknown.push(`${from}.${name}`)
    ;(imports[from] ??= {})[name] = entryOf(known, from, name)
  }
  if (unknown.length > 0 && !options.allowUnknown) throw new RefusedModule(`the module imports what this host does not have: ${unknown.join(', ')}`)
  return imports

  function entryOf(known: HostFunction | undefined, from: string, name: string): HostFunction {
    const isWasi = from !== 'env'
    const fault = isWasi ? wasiFault : Status.invalidMemoryAccess
    if (without.has(name)) return guarded({ vm, early: early.has(name), fault }, name, () => Status.unimplemented)
    const allowed = options.capabilities === undefined || options.capabilities.includes(name) || alwaysAllowed.has(name)
    if (known !== undefined && allowed) return guarded({ vm, early: early.has(name), fault }, name, known)
    options.stubbed?.(`${from}.${name}`)
    const answer = known === undefined ? Status.unimplemented : isWasi ? wasiNotCapable : Status.internalFailure
    return guarded({ vm, early: true, fault }, name, () => answer)
  }
}

/** Without it a guest could not even die. */
const alwaysAllowed = new Set(['proc_exit', 'emscripten_notify_memory_growth', 'pthread_equal'])

function functionsOf(vm: Vm, surroundings: Surroundings, abi: string): { env: HostFunctions; wasi: HostFunctions } {
  const { emptiesFields } = dialects[surroundings.settings.dialect]
  const env: HostFunctions = {
    ...loggingFunctions(vm),
    ...fieldFunctions(vm, abi !== 'proxy_abi_version_0_1_0' && !emptiesFields, emptiesFields),
    ...bufferFunctions(vm),
    ...streamFunctions(vm),
    ...callFunctions(vm),
    ...sharedFunctions(vm, surroundings),
    ...propertyFunctions(vm),
    emscripten_notify_memory_growth(): void {},
    pthread_equal: (a: number, b: number) => (a === b ? 1 : 0),
  }
  return { env, wasi: wasiFunctions(vm, surroundings) }
}
