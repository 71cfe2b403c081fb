// What the slices of a proxy say about it, and about it beside another one.
import type { Slice } from './measure.ts'
import type { Found } from './slices.ts'

/** The middle of some values and the half of them that lies around it. */
export interface Spread {
  readonly median: number
  /** Lower and upper quartile. */
  readonly quartiles: readonly [number, number]
  /** How far off the median may be, more or less: two standard errors, if the values have nothing to do with each other. */
  readonly margin: number
}

/** What is reported of a proxy. */
export interface Summary {
  /** The figure: the lower quartile of the slices of each process, and of the processes the middle one. */
  readonly cpuUsPerRequest: number
  /** Of all slices. */
  readonly cpu: Spread
  /** The upper quartile of the slices of each process, and of the processes the middle one. */
  readonly requestsPerSecond: number
  readonly rssBytes: number
  readonly peakBytes: number
  readonly slices: number
}

/** One proxy beside another: slice by slice, each against what the other cost at that moment. */
export interface Comparison {
  /** CPU: how many times the other's. */
  readonly times: Spread
  /** CPU: microseconds more than the other's. */
  readonly moreUs: Spread
  /** Requests per second: how many times the other's. */
  readonly throughput: Spread
}

/** The value that a part of all lie below, between two of them where it falls there; NaN for none. @param part 0..1 */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const place = (sorted.length - 1) * part
  const below = sorted[Math.floor(place)] ?? NaN
  const above = sorted[Math.ceil(place)] ?? NaN
  return below + (above - below) * (place - Math.floor(place))
}

/** The middle value; the mean of the two middle ones for an even number. NaN for none. */
export const median = (values: readonly number[]): number => quantile(values, 0.5)

/**
 * Median, quartiles and margin.
 * @source the standard error of a median is 1.253 times that of a mean, and quartiles are 1.349 standard deviations apart, for a normal distribution
 */
export function spreadOf(values: readonly number[]): Spread {
  const quartiles = [quantile(values, 0.25), quantile(values, 0.75)] as const
  return { median: median(values), quartiles, margin: (2 * 1.253 * (quartiles[1] - quartiles[0])) / 1.349 / Math.sqrt(values.length) }
}

/** All slices of a proxy in a few figures. What else runs on the machine only ever adds, so the quiet quarter is nearest to the truth. */
export function summarise({ generations, memory }: Found): Summary {
  const ofEach = (figure: (slice: Slice) => number, part: number): number => median(generations.map((slices) => quantile(slices.map(figure), part)))
  const all = generations.flat()
  return {
    cpuUsPerRequest: ofEach((slice) => slice.cpuUsPerRequest, 0.25),
    cpu: spreadOf(all.map((slice) => slice.cpuUsPerRequest)),
    requestsPerSecond: ofEach((slice) => slice.requestsPerSecond, 0.75),
    ...memory,
    slices: all.length,
  }
}

/** Compares two proxies that took turns: what slows the machine for longer than a turn cancels out. */
export function beside(found: Found, other: Found): Comparison {
  const pairs = found.generations.flatMap((slices, generation) => slices.map((slice) => [slice, at(other.generations[generation] ?? [], slice.atMs)] as const))
  return {
    times: spreadOf(pairs.map(([one, base]) => one.cpuUsPerRequest / base.cpuUsPerRequest)),
    moreUs: spreadOf(pairs.map(([one, base]) => one.cpuUsPerRequest - base.cpuUsPerRequest)),
    throughput: spreadOf(pairs.map(([one, base]) => one.requestsPerSecond / base.requestsPerSecond)),
  }
}

/** What slices say about a moment: the two around it, the nearer one counting more; at either end the last one. */
export function at(slices: readonly Slice[], atMs: number): Pick<Slice, 'cpuUsPerRequest' | 'requestsPerSecond'> {
  const before = slices.findLast((slice) => slice.atMs <= atMs) ?? slices[0]
  const after = slices.find((slice) => slice.atMs > atMs) ?? slices.at(-1)
  if (before === undefined || after === undefined) return { cpuUsPerRequest: NaN, requestsPerSecond: NaN }
  const part = after.atMs === before.atMs ? 0 : (atMs - before.atMs) / (after.atMs - before.atMs)
  const between = (figure: 'cpuUsPerRequest' | 'requestsPerSecond'): number => before[figure] + (after[figure] - before[figure]) * Math.min(1, Math.max(0, part))
  return { cpuUsPerRequest: between('cpuUsPerRequest'), requestsPerSecond: between('requestsPerSecond') }
}
