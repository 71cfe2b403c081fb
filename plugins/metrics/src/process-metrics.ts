// What the process itself uses, under the names that Prometheus' client libraries give it.
import type { MetricFamily } from '@meshwright/core'

const startedSeconds = performance.timeOrigin / 1000

/** CPU time, memory and start of the whole process, all its threads together, as of now. */
export function processFamilies(): MetricFamily[] {
  const { user, system } = process.cpuUsage()
  return [
    family('process_cpu_seconds_total', 'counter', 'User and system CPU time used', (user + system) / 1e6),
    family('process_resident_memory_bytes', 'gauge', 'Resident memory', process.memoryUsage.rss()),
    family('process_start_time_seconds', 'gauge', 'When the process started, in seconds since 1970', startedSeconds),
  ]
}

function family(name: string, type: 'counter' | 'gauge', help: string, value: number): MetricFamily {
  return { name, type, help, labelNames: [], bounds: [], merge: 'sum', series: [{ labels: [], value }] }
}
