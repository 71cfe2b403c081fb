// The door: provides the filter `wasm`.
import { definePlugin, MeshError, type AnswerContext, type Exchange, type Filter, type Mesh, type MeshPlugin } from '@meshwright/core'
import { GuestFailure } from './host/failure.ts'
import { MeshGuestMetrics } from './host/guest-metrics.ts'
import { loadFile } from './host/load.ts'
import { GrpcClient } from './grpc/client.ts'
import { MeshSurroundings, type VmCommons } from './host/mesh-surroundings.ts'
import type { GuestMetrics } from './host/surroundings.ts'
import { VmPool } from './host/vm-pool.ts'
import { Isolation } from './isolated/isolation.ts'
import { makeIsolated } from './isolated/make.ts'
import { RefusedModule } from './meter/refused-module.ts'
import { eventsOf, filtersSchema, shownFilters } from './filter-metrics.ts'
import { commonMemory, countFull, ThreadCommons, type CommonMemory } from './shared/commons.ts'
import { schema, settingsOf, type WasmOptions } from './options.ts'
import { modulePath } from './module-path.ts'
import { WasmFilter } from './wasm.ts'

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
  mesh.provide('filter', 'wasm', (options: WasmOptions, context: AnswerContext) => wasm(options, context, { mesh, pool, commonsOf, isolation }), schema)
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

/** Makes the filter. @throws MESH_WASM_REFUSED for a module that cannot be run, or does not take its configuration */
function wasm(options: WasmOptions, context: AnswerContext, { mesh, pool, commonsOf, isolation }: Parts): Filter {
  const path = modulePath(options.module)
  const settings = settingsOf(options, path)
  const fuel = Math.round((options.fuelMs ?? 20) * 1_000_000)
  try {
    const loaded = loadFile(path, { maxPages: (options.memoryMb ?? 64) * 16, startFuel: fuel, sha256: options.sha256 })
    const memory = commonMemory(loaded.module, context, settings.vmId, options.sharedDataMb ?? 16)
    const surroundings = new MeshSurroundings(mesh, settings, commonsOf(settings.vmId, memory), options.logLevel ?? 2)
    const instanceOptions = { fuel, capabilities: options.capabilities, allowUnknown: options.allowUnknownImports ?? false }
    if (options.isolation === 'worker' && mesh.side !== 'control') {
      const parts = { surroundings, memory, events: eventsOf(settings.name, mesh), reroute: (exchange: Exchange) => reroute(exchange, mesh) }
      return makeIsolated(path, options, { loaded, instanceOptions, ...parts }, isolation)
    }
    const source = pool.source(loaded, surroundings, instanceOptions)
    return new WasmFilter(loaded, source, { ...instanceOptions, name: settings.name, onFailure: options.onFailure ?? 'closed', rebuild: options.rebuild }, eventsOf(settings.name, mesh), (exchange) => reroute(exchange, mesh))
  } catch (thrown) {
    if (thrown instanceof RefusedModule || thrown instanceof GuestFailure) throw new MeshError('MESH_WASM_REFUSED', `${path}: ${thrown.message}`, thrown)
    throw thrown
  }
}

/** Looks for the route again, as the guest has changed what it was found by. The filters stay those that run already. */
function reroute(exchange: Exchange, mesh: Mesh): void {
  const found = mesh.snapshot.match(exchange.request)
  if (found !== undefined) exchange.route = found
}
