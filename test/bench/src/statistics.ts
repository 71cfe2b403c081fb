// Medians and spreads of a few rounds.
import type { Round } from './measure.ts'

/** The median of some rounds, and how far the CPU figures lie apart. */
export interface Summary extends Round {
  readonly rounds: number
  /** Lowest and highest CPU microseconds per request. */
  readonly cpuSpread: readonly [number, number]
}

/** The middle value; the mean of the two middle ones for an even number. NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  return sorted.length % 2 === 1 ? (sorted[Math.floor(middle)] as number) : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2
}

/** The median of every figure by itself. */
export function summarise(rounds: readonly Round[]): Summary {
  const of = (figure: keyof Round): number => median(rounds.map((round) => round[figure]))
  const cpu = rounds.map((round) => round.cpuUsPerRequest)
  return {
    cpuUsPerRequest: of('cpuUsPerRequest'),
    requestsPerSecond: of('requestsPerSecond'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    rssBytes: of('rssBytes'),
    peakBytes: of('peakBytes'),
    rounds: rounds.length,
    cpuSpread: [Math.min(...cpu), Math.max(...cpu)],
  }
}
