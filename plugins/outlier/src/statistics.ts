// Which endpoints stand out among their peers.
import type { Rate } from './tally.ts'

export interface SuccessRate {
  /** Endpoints with enough attempts that there have to be. 1..; default 5. */
  readonly minEndpoints?: number
  /** Attempts of an endpoint in one interval that are enough. 1..; default 100. */
  readonly minRequests?: number
  /** How many standard deviations below the mean is too low. 0..100; default 1.9. */
  readonly stdevFactor?: number
  /**
   * Failed attempts of an endpoint in one interval without which it is no outlier: where nothing else fails, a single failure
   * is far below the mean. 0..; default 5.
   */
  readonly minFailures?: number
}

export interface FailurePercentage {
  /** Failed attempts that are too many. Percent, 0..100; default 85. */
  readonly percent?: number
  /** Endpoints with enough attempts that there have to be. 1..; default 5. */
  readonly minEndpoints?: number
  /** Attempts of an endpoint in one interval that are enough. 1..; default 50. */
  readonly minRequests?: number
}

export const defaultSuccessRate: Required<SuccessRate> = { minEndpoints: 5, minRequests: 100, stdevFactor: 1.9, minFailures: 5 }
export const defaultFailurePercentage: Required<FailurePercentage> = { percent: 85, minEndpoints: 5, minRequests: 50 }

/**
 * Those whose rate is below mean - factor × σ, where σ is that of the whole population.
 * @source Envoy's outlier detection, whose factor is in thousandths and which asks for no failures
 */
export function lowRates(rates: readonly Rate[], { minEndpoints, minRequests, stdevFactor, minFailures }: Required<SuccessRate>): Rate[] {
  const enough = rates.filter(({ total }) => total >= minRequests)
  if (enough.length === 0 || enough.length < minEndpoints) return []
  const percents = enough.map(({ percent }) => percent)
  const mean = percents.reduce((sum, percent) => sum + percent, 0) / percents.length
  const variance = percents.reduce((sum, percent) => sum + (percent - mean) ** 2, 0) / percents.length
  const threshold = mean - stdevFactor * Math.sqrt(variance)
  return enough.filter(({ percent, total, good }) => percent < threshold && total - good >= minFailures)
}

/** Those of whose attempts at least that many have failed. */
export function highFailures(rates: readonly Rate[], { minEndpoints, minRequests, percent }: Required<FailurePercentage>): Rate[] {
  const enough = rates.filter(({ total }) => total >= minRequests)
  if (enough.length < minEndpoints) return []
  return enough.filter((rate) => 100 - rate.percent >= percent)
}
