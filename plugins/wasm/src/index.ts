// The door: provides the filter `wasm`, for requests and for connections.
import { definePlugin, MeshError, type AnswerContext, type Exchange, type Filter, type Mesh, type MeshPlugin, type NetworkFilter } from '@meshwright/core'
import { GuestFailure } from './host/failure.ts'
import { MeshGuestMetrics } from './host/guest-metrics.ts'
import { isHostFunction } from './host/imports/imports.ts'
import { loadFile } from './host/load.ts'
import { GrpcClient } from './grpc/client.ts'
import { MeshSurroundings, type VmCommons } from './host/mesh-surroundings.ts'
import type { GuestMetrics } from './host/surroundings.ts'
import { isOnlyFor } from './host/tcp-callbacks.ts'
import { VmPool } from './host/vm-pool.ts'
import { IsolatedFilter } from './isolated/isolated-filter.ts'
import { IsolatedNetworkFilter } from './isolated/isolated-network-filter.ts'
import { Isolation } from './isolated/isolation.ts'
import { isolatedParts } from './isolated/make.ts'
import { RefusedModule } from './meter/refused-module.ts'
import { eventsOf, filtersSchema, shownFilters } from './filter-metrics.ts'
import { commonMemory, countFull, ThreadCommons, type CommonMemory } from './shared/commons.ts'
import { checkIsolation, fuelOf, schema, settingsOf, type WasmOptions } from './options.ts'
import { modulePath } from './module-path.ts'
import { WasmFilter } from './wasm.ts'
import { WasmNetworkFilter } from './wasm-network-filter.ts'

const plugin: MeshPlugin = definePlugin({ name: '@meshwright/wasm', mesh: '^0.1.0' }, (mesh) => {
  const vms = mesh.metrics.gauge('mesh_wasm_vms', 'VMs that WASM filters work in')
  const pool = new VmPool((change) => vms.add(change))
  const shared = new ThreadCommons(countFull(mesh))
  const grpc = new GrpcClient(mesh)
  mesh.onClose(() => grpc.close())
  const metrics = new Map<string, GuestMetrics>()
  const commonsOf = (vmId: string, memory: CommonMemory): VmCommons => {
    const known = metrics.get(vmId) ?? new MeshGuestMetrics(mesh.metrics, vmId)
    metrics.set(vmId, known)
    return { metrics: known, grpc, ...shared.of(memory) }
  }
  const isolation = new Isolation(mesh)
  mesh.onClose(async () => isolation.close())
  const parts = { mesh, pool, commonsOf, isolation }
  mesh.provide('filter', 'wasm', (options: WasmOptions, context: AnswerContext) => wasm(options, context, parts), schema)
  mesh.provide('networkFilter', 'wasm', (options: WasmOptions, context: AnswerContext) => wasmForTcp(options, context, parts), schema)
  if (mesh.side === 'data') return
  mesh.onAdmin((admin) => {
    admin.get('/v1/filters', { schema: { summary: 'How are the WASM filters?', response: { 200: filtersSchema } } }, () => shownFilters(mesh.collect()))
  })
})

export default plugin
export { provideForeignFunction } from './host/foreign-functions.ts'
export type { ForeignFunction } from './host/surroundings.ts'
export type { WasmOptions } from './options.ts'

/** What all filters of one thread have in common. */
interface Parts {
  readonly mesh: Mesh
  readonly pool: VmPool
  readonly isolation: Isolation
  readonly commonsOf: (vmId: string, memory: CommonMemory) => VmCommons
}

/** What a filter is made of, whatever it is for. */
function prepared(options: WasmOptions, context: AnswerContext, { mesh, commonsOf }: Parts) {
  const path = modulePath(options.module)
  for (const [at, name] of (options.capabilities ?? []).entries()) if (!isHostFunction(name)) throw new Error(`capabilities[${at}]: there is no host function "${name}"`)
  checkIsolation(options)
  const settings = settingsOf(options, path)
  const fuel = fuelOf(options)
  const loaded = loadFile(path, { maxPages: (options.memoryMb ?? 64) * 16, startFuel: fuel.startFuel, sha256: options.sha256 })
  const memory = commonMemory(loaded.module, context, settings.vmId, options.sharedDataMb ?? 16)
  const surroundings = new MeshSurroundings(mesh, settings, commonsOf(settings.vmId, memory), options.logLevel ?? 2)
  const instanceOptions = { ...fuel, capabilities: options.capabilities, allowUnknown: options.allowUnknownImports ?? false }
  const filterOptions = { ...instanceOptions, name: settings.name, onFailure: options.onFailure ?? 'closed', rebuild: options.rebuild } as const
  return { path, loaded, memory, surroundings, instanceOptions, filterOptions }
}

/** Makes the filter. @throws MESH_WASM_REFUSED for a module that cannot be run, or does not take its configuration */
function wasm(options: WasmOptions, context: AnswerContext, parts: Parts): Filter {
  return orRefused(options, () => {
    const { mesh, pool, isolation } = parts
    const made = prepared(options, context, parts)
    const { loaded, surroundings, instanceOptions, filterOptions } = made
    if (isOnlyFor('TCP', loaded.exports)) throw new RefusedModule('it has callbacks for TCP only: name it at a listener that carries TCP')
    const again = (exchange: Exchange): void => reroute(exchange, mesh)
    const events = eventsOf(filterOptions.name, mesh)
    if (isIsolated(options, mesh)) return new IsolatedFilter(isolatedParts('HTTP', options, { ...made, events }, isolation), again)
    return new WasmFilter(loaded, pool.source(loaded, surroundings, instanceOptions), filterOptions, events, again)
  })
}

/** The same for connections. */
function wasmForTcp(options: WasmOptions, context: AnswerContext, parts: Parts): NetworkFilter {
  return orRefused(options, () => {
    const { mesh, pool, isolation } = parts
    const made = prepared(options, context, parts)
    const { loaded, surroundings, instanceOptions, filterOptions } = made
    if (isOnlyFor('HTTP', loaded.exports)) throw new RefusedModule('it has callbacks for HTTP only, and this listener carries TCP')
    const events = eventsOf(filterOptions.name, mesh)
    if (isIsolated(options, mesh)) return new IsolatedNetworkFilter(isolatedParts('TCP', options, { ...made, events }, isolation))
    return new WasmNetworkFilter(loaded, pool.source(loaded, surroundings, instanceOptions), filterOptions, events)
  })
}

/** Where nothing passes through it, it needs no thread. */
function isIsolated({ isolation }: WasmOptions, { side }: Mesh): boolean {
  return isolation === 'worker' && side !== 'control'
}

function orRefused<T>({ module }: WasmOptions, make: () => T): T {
  try {
    return make()
  } catch (thrown) {
    if (thrown instanceof RefusedModule || thrown instanceof GuestFailure) throw new MeshError('MESH_WASM_REFUSED', `${modulePath(module)}: ${thrown.message}`, thrown)
    throw thrown
  }
}

/** Looks for the route again, as the guest has changed what it was found by. The filters stay those that run already. */
function reroute(exchange: Exchange, mesh: Mesh): void {
  const found = mesh.snapshot.match(exchange.request)
  if (found !== undefined) exchange.route = found
}
