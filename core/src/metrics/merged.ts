// The numbers of many threads as one: what the supervisor reads without asking anybody.
import type { FamilyDeclaration } from './family.ts'
import type { MetricDescriptor } from './metrics.ts'
import { Tally, type MetricFamily } from './tally.ts'

interface Source {
  readonly pages: Map<number, Float64Array>
  readonly families: Map<string, FamilyDeclaration>
  readonly series: { readonly family: FamilyDeclaration; readonly labels: readonly string[]; readonly slots: Float64Array; readonly at: number }[]
}

/**
 * Adds up the stores of several threads. Counters, histograms and most gauges are summed, gauges declared with `max`
 * give the greatest. What a thread counted stays counted after it has ended; its gauges vanish with it.
 */
export class MergedMetrics {
  readonly #sources = new Map<string, Source>()
  readonly #base: Tally

  /** @param maxSeries of one metric name kept from ended threads, 1..; default 1000. Further ones are added to "other" */
  constructor(maxSeries: number = 1000) {
    this.#base = new Tally(maxSeries)
  }

  /**
   * Takes descriptors of a source's store (`Metrics.onDeclare`), in the order they were told, all at once or in parts.
   * @throws TypeError on a series whose page or family was not told before
   */
  attach(source: string, descriptors: readonly MetricDescriptor[]): void {
    const known = this.#sources.get(source) ?? { pages: new Map(), families: new Map(), series: [] }
    this.#sources.set(source, known)
    for (const descriptor of descriptors) take(known, source, descriptor)
  }

  /** The source has ended: keeps what it counted and forgets the rest. A source of the same name may come again. */
  retire(source: string): void {
    const known = this.#sources.get(source)
    if (!known) return
    this.#sources.delete(source)
    for (const { family, labels, slots, at } of known.series) {
      if (family.type !== 'gauge') this.#base.add(family, labels, slots, at)
    }
  }

  /**
   * What all numbers are now, families ordered by name. Where two sources declare a name in different ways, the one
   * that was attached first is shown and the other left out.
   */
  collect(): MetricFamily[] {
    const tally = new Tally()
    tally.addAll(this.#base)
    for (const { families, series } of this.#sources.values()) {
      for (const family of families.values()) tally.declare(family)
      for (const { family, labels, slots, at } of series) tally.add(family, labels, slots, at)
    }
    return tally.families()
  }
}

function take(source: Source, name: string, descriptor: MetricDescriptor): void {
  if (descriptor.kind === 'page') source.pages.set(descriptor.page, new Float64Array(descriptor.buffer))
  else if (descriptor.kind === 'family') source.families.set(descriptor.family.name, descriptor.family)
  else {
    const family = source.families.get(descriptor.name)
    const slots = source.pages.get(descriptor.page)
    if (!family || !slots) throw new TypeError(`${name}: the series of ${descriptor.name} came before its ${family ? 'page' : 'family'}`)
    source.series.push({ family, labels: descriptor.labels, slots, at: descriptor.at })
  }
}
