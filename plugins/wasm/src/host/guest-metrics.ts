// The numbers that guests keep, as metrics of the mesh; a bounded number of them.
import type { Counter, Gauge, Histogram, Metrics } from '@meshwright/core'
import { MetricType, Status } from './status.ts'
import type { GuestMetrics } from './surroundings.ts'

/** How many names the guests of one VM id may define. */
const maxMetrics = 500

/** Upper bounds of every histogram: guests cannot say others. */
const bounds: readonly number[] = [0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000]

type Handle = { readonly type: number; readonly counter?: Counter; readonly gauge?: Gauge; readonly histogram?: Histogram }

/** Is it the id of something that has a value, a counter or a gauge? The lowest two bits say so, also of ids that nobody has. */
function isNumber(id: number): boolean {
  return (id & 3) === MetricType.counter || (id & 3) === MetricType.gauge
}

/** Metrics of one VM id in one thread; the mesh adds the threads up. */
export class MeshGuestMetrics implements GuestMetrics {
  readonly #metrics: Metrics
  readonly #vmId: string
  readonly #ids = new Map<string, number>()
  readonly #handles = new Map<number, Handle>()

  constructor(metrics: Metrics, vmId: string) {
    this.#metrics = metrics
    this.#vmId = vmId
  }

  define(type: number, name: string): number | undefined {
    const known = this.#ids.get(`${type} ${name}`)
    if (known !== undefined) return known
    if (this.#ids.size >= maxMetrics) return undefined
    const id = (this.#ids.size + 1) * 4 + type
    try {
      this.#handles.set(id, this.#make(type, name))
    } catch {
      // Another guest has that name with another type: Prometheus can have it only once.
      return undefined
    }
    this.#ids.set(`${type} ${name}`, id)
    return id
  }

  increment(id: number, by: bigint): Status {
    if (!isNumber(id)) return Status.badArgument
    const handle = this.#handles.get(id)
    if (handle === undefined) return Status.notFound
    if (handle.counter !== undefined && by <= 0n) return Status.badArgument
    handle.counter?.add(Number(by))
    handle.gauge?.add(Number(by))
    return Status.ok
  }

  record(id: number, value: bigint): Status {
    const handle = this.#handles.get(id)
    if (handle === undefined) return Status.notFound
    const number = Number(BigInt.asUintN(64, value))
    handle.counter?.add(number)
    handle.gauge?.set(number)
    handle.histogram?.observe(number)
    return Status.ok
  }

  get(id: number): bigint | Status {
    if (!isNumber(id)) return Status.badArgument
    const handle = this.#handles.get(id)
    if (handle === undefined) return Status.notFound
    return BigInt(Math.trunc(handle.counter?.value ?? handle.gauge?.value ?? 0))
  }

  #make(type: number, name: string): Handle {
    const metric = `mesh_wasm_custom_${name.replaceAll(/[^a-zA-Z0-9_]/g, '_')}`
    const help = 'Defined by a WASM filter'
    const labels = { vm_id: this.#vmId }
    if (type === MetricType.counter) return { type, counter: this.#metrics.counter(metric, help, labels) }
    if (type === MetricType.gauge) return { type, gauge: this.#metrics.gauge(metric, help, labels) }
    return { type, histogram: this.#metrics.histogram(metric, help, bounds, labels) }
  }
}
