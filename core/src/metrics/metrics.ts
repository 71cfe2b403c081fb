// The numbers of one thread: counters, gauges and histograms in memory that other threads can read.
import { checkFamily, checkSuffixes, labelValues, otherLabel, sameFamily, seriesKey, widthOf, type FamilyDeclaration, type GaugeMerge, type MetricLabels, type MetricType } from './family.ts'
import { SlotCounter, SlotGauge, SlotHistogram, type Counter, type Gauge, type Histogram } from './handle.ts'
import type { MergedMetrics } from './merged.ts'
import { Tally, type MetricFamily } from './tally.ts'

/**
 * Something new in a store, to be posted to whoever reads it. A series comes after its family and its page.
 * Structured-clonable; a clone shares the page's memory.
 */
export type MetricDescriptor =
  | { readonly kind: 'page'; readonly page: number; readonly buffer: SharedArrayBuffer }
  | { readonly kind: 'family'; readonly family: FamilyDeclaration }
  | { readonly kind: 'series'; readonly name: string; readonly labels: readonly string[]; readonly page: number; readonly at: number }

/** How much a store may hold. */
export interface MetricsLimits {
  /** Series of one metric name, 1..; default 1000. Further ones become the one whose labels are all "other". */
  readonly maxSeries?: number
  /** Metric names, 1..; default 1000. Declaring more throws a RangeError. */
  readonly maxFamilies?: number
}

interface Series {
  readonly labels: readonly string[]
  readonly page: number
  readonly at: number
  readonly handle: Counter | Gauge | Histogram
}

interface Family {
  readonly declaration: FamilyDeclaration
  readonly series: Map<string, Series>
}

const pageSlots = 4096
const droppedName = 'mesh_metrics_series_dropped_total'

/**
 * A thread's own store. Each number is an eight-byte slot of a SharedArrayBuffer that only this thread writes, without
 * locks; a reader in another thread may see a value some microseconds old, and a histogram between its two stores.
 *
 * Declaring is for set-up: keep the handle. The same name and labels give the same handle. A name that breaks
 * Prometheus' rules, or is declared again with another type, labels or bounds, throws a TypeError.
 */
export class Metrics {
  readonly #families = new Map<string, Family>()
  readonly #pages: Float64Array[] = []
  readonly #log: MetricDescriptor[] = []
  readonly #listeners = new Set<(descriptor: MetricDescriptor) => void>()
  readonly #maxSeries: number
  readonly #maxFamilies: number
  #used = pageSlots
  #merged: MergedMetrics | undefined

  constructor(limits: MetricsLimits = {}) {
    this.#maxSeries = limits.maxSeries ?? 1000
    this.#maxFamilies = limits.maxFamilies ?? 1000
  }

  /** By convention the name ends with `_total`. */
  counter(name: string, help: string, labels: MetricLabels = {}): Counter {
    return this.#declare('counter', name, help, labels, [], 'sum') as Counter
  }

  /** @param merge how the threads' values become one: their sum (default), or the greatest */
  gauge(name: string, help: string, labels: MetricLabels = {}, merge: GaugeMerge = 'sum'): Gauge {
    return this.#declare('gauge', name, help, labels, [], merge) as Gauge
  }

  /** @param bounds upper bounds of the buckets, 1 to 100, ascending and finite; +Inf is added */
  histogram(name: string, help: string, bounds: readonly number[], labels: MetricLabels = {}): Histogram {
    return this.#declare('histogram', name, help, labels, bounds, 'sum') as Histogram
  }

  /** What all numbers are now, families ordered by name: this thread's own, or everybody's after `mergeInto`. */
  collect(): MetricFamily[] {
    if (this.#merged) return this.#merged.collect()
    const tally = new Tally()
    for (const { declaration, series } of this.#families.values()) {
      tally.declare(declaration)
      for (const one of series.values()) tally.add(declaration, one.labels, this.#pages[one.page] as Float64Array, one.at)
    }
    return tally.families()
  }

  /** Calls `listener` with everything declared so far, in order, then with everything new. Returns how to stop. */
  onDeclare(listener: (descriptor: MetricDescriptor) => void): () => void {
    for (const descriptor of this.#log) listener(descriptor)
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Makes this store one of `merged`'s sources; from now on `collect()` answers for all of them. Once per store. */
  mergeInto(merged: MergedMetrics, source: string): void {
    this.#merged = merged
    this.onDeclare((descriptor) => merged.attach(source, [descriptor]))
  }

  #declare(type: MetricType, name: string, help: string, labels: MetricLabels, bounds: readonly number[], merge: GaugeMerge): Counter | Gauge | Histogram {
    const family = this.#family({ name, type, help, labelNames: Object.keys(labels), bounds: [...bounds], merge }, labels)
    const values = labelValues(family.declaration, labels)
    return (family.series.get(seriesKey(values)) ?? this.#newSeries(family, values)).handle
  }

  #family(wanted: FamilyDeclaration, labels: MetricLabels): Family {
    const known = this.#families.get(wanted.name)
    if (!known) return this.#newFamily(wanted)
    // Labels may be given in any order: labelValues checks their names.
    labelValues(known.declaration, labels)
    if (!sameFamily(known.declaration, { ...wanted, labelNames: known.declaration.labelNames })) throw new TypeError(`${wanted.name} is already declared in another way`)
    return known
  }

  #newFamily(declaration: FamilyDeclaration): Family {
    checkFamily(declaration)
    checkSuffixes(declaration, (name) => this.#families.get(name)?.declaration)
    if (this.#families.size >= this.#maxFamilies) throw new RangeError(`${declaration.name}: more than ${this.#maxFamilies} metric names`)
    const family: Family = { declaration, series: new Map() }
    this.#families.set(declaration.name, family)
    this.#tell({ kind: 'family', family: declaration })
    return family
  }

  #newSeries(family: Family, values: readonly string[]): Series {
    const { declaration, series } = family
    const { name } = declaration
    // The counter of dropped series has at most one series per name, and must not count itself.
    if (series.size < this.#maxSeries || name === droppedName) return this.#addSeries(family, values)
    this.counter(droppedName, 'Series that were not made because their metric had as many as it may', { metric: name }).inc()
    const other = values.map(() => otherLabel)
    return series.get(seriesKey(other)) ?? this.#addSeries(family, other)
  }

  #addSeries({ declaration, series }: Family, labels: readonly string[]): Series {
    const at = this.#allocate(widthOf(declaration))
    const page = this.#pages.length - 1
    const made: Series = { labels, page, at, handle: toHandle(declaration, this.#pages[page] as Float64Array, at) }
    series.set(seriesKey(labels), made)
    this.#tell({ kind: 'series', name: declaration.name, labels, page, at })
    return made
  }

  #allocate(width: number): number {
    if (this.#used + width > pageSlots) {
      const buffer = new SharedArrayBuffer(pageSlots * Float64Array.BYTES_PER_ELEMENT)
      this.#pages.push(new Float64Array(buffer))
      this.#used = 0
      this.#tell({ kind: 'page', page: this.#pages.length - 1, buffer })
    }
    const at = this.#used
    this.#used += width
    return at
  }

  #tell(descriptor: MetricDescriptor): void {
    this.#log.push(descriptor)
    for (const listener of this.#listeners) listener(descriptor)
  }
}

function toHandle({ type, bounds }: FamilyDeclaration, slots: Float64Array, at: number): Counter | Gauge | Histogram {
  if (type === 'counter') return new SlotCounter(slots, at)
  return type === 'gauge' ? new SlotGauge(slots, at) : new SlotHistogram(slots, at, bounds)
}
