// What WASM filters tell of themselves: as metrics, and out of these as a list for the admin API.
import type { Mesh, MetricFamily } from '@meshwright/core'
import { Type, type TSchema } from 'typebox'
import type { WasmEvents } from './wasm.ts'

/** One filter, all threads together; those of one name are one. */
export interface ShownFilter {
  readonly name: string
  readonly calls: number
  /** Estimated. */
  readonly cpuSeconds: number
  /** In units of about a nanosecond. */
  readonly fuel: number
  /** That exchanges have waited for it. */
  readonly pausedSeconds: number
  /** How often it failed, by reason. */
  readonly failures: Readonly<Record<string, number>>
  readonly reloads: number
  readonly memoryBytes: number
  /** Exchanges that pass through it now. */
  readonly streams: number
}

const number: TSchema = Type.Number()

export const filtersSchema: TSchema = Type.Object({
  filters: Type.Array(
    Type.Object({ name: Type.String(), calls: number, cpuSeconds: number, fuel: number, pausedSeconds: number, failures: Type.Record(Type.String(), number), reloads: number, memoryBytes: number, streams: number }),
  ),
})

/** Where each number of a {@link ShownFilter} stands. */
const families: Readonly<Record<Exclude<keyof ShownFilter, 'name' | 'failures'>, string>> = {
  calls: 'mesh_wasm_calls_total',
  cpuSeconds: 'mesh_wasm_cpu_seconds_total',
  fuel: 'mesh_wasm_fuel_total',
  pausedSeconds: 'mesh_wasm_paused_seconds_total',
  reloads: 'mesh_wasm_reloads_total',
  memoryBytes: 'mesh_wasm_memory_bytes',
  streams: 'mesh_wasm_streams',
}
const failures = 'mesh_wasm_failures_total'

/** Counts and logs what becomes of a filter in this thread. */
export function eventsOf(filter: string, { metrics, log }: Mesh): WasmEvents {
  const calls = metrics.counter(families.calls, 'Calls into WASM filters', { filter })
  const fuel = metrics.counter(families.fuel, 'Fuel that WASM filters have used, in units of about a nanosecond', { filter })
  const cpu = metrics.counter(families.cpuSeconds, 'CPU time of WASM filters, estimated from every sixteenth call', { filter })
  const paused = metrics.counter(families.pausedSeconds, 'Time that exchanges have waited for WASM filters', { filter })
  const streams = metrics.gauge(families.streams, 'Exchanges that pass through WASM filters now', { filter })
  const memory = metrics.gauge(families.memoryBytes, 'Linear memory of the VMs of WASM filters', { filter })
  const reloads = metrics.counter(families.reloads, 'Times that a WASM filter was started again after it had failed', { filter })
  // Filters of one name share the gauges.
  let [ownStreams, ownMemory] = [0, 0]
  return {
    used(units, ms) {
      calls.inc()
      fuel.add(units)
      if (ms > 0) cpu.add(ms / 1_000)
    },
    paused(ms) {
      paused.add(ms / 1_000)
    },
    served(now, memoryBytes) {
      streams.add(now - ownStreams)
      ownStreams = now
      if (memoryBytes === ownMemory) return
      memory.add(memoryBytes - ownMemory)
      ownMemory = memoryBytes
    },
    failed(failure) {
      metrics.counter(failures, 'Times that a WASM filter failed, by reason', { filter, reason: failure.reason }).inc()
      log.error({ filter, reason: failure.reason }, `WASM filter "${filter}" failed: ${failure.message}`)
    },
    reloaded() {
      reloads.inc()
      log.info({ filter }, `WASM filter "${filter}" was started again`)
    },
  }
}

/** The filters by name, out of the metrics of all threads. */
export function shownFilters(collected: readonly MetricFamily[]): { readonly filters: readonly ShownFilter[] } {
  const names = [...new Set(seriesOf(collected, families.calls).map(({ labels }) => labels['filter'] ?? ''))]
  return { filters: names.toSorted((a, b) => a.localeCompare(b)).map((name) => shown(collected, name)) }
}

function shown(collected: readonly MetricFamily[], name: string): ShownFilter {
  const own = (family: string): readonly Series[] => seriesOf(collected, family).filter(({ labels }) => labels['filter'] === name)
  const sum = (family: string): number => own(family).reduce((all, { value }) => all + value, 0)
  const numbers = Object.fromEntries(Object.entries(families).map(([key, family]) => [key, sum(family)])) as Record<keyof typeof families, number>
  return { name, ...numbers, failures: Object.fromEntries(own(failures).map(({ labels, value }) => [labels['reason'] ?? '', value])) }
}

interface Series {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

function seriesOf(collected: readonly MetricFamily[], name: string): Series[] {
  const family = collected.find((one) => one.name === name)
  if (family === undefined || family.type === 'histogram') return []
  return family.series.map(({ labels, value }) => ({ value, labels: Object.fromEntries(family.labelNames.map((label, at) => [label, labels[at] ?? ''])) }))
}
