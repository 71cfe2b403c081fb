// How many further attempts a service may have at a time, so that failures do not multiply its load.
import type { Exchange } from '@meshwright/core'

export interface BudgetOptions {
  /** Further attempts at a time, in percent of all attempts under way. 0..100; default 20. */
  readonly percent?: number
  /** So many are allowed however little is under way. 0..10000; default 3. */
  readonly min?: number
}

/** Is there room for another attempt of this exchange, whose last one has failed? */
export type Budget = (exchange: Exchange) => boolean

/**
 * Room is max(min, percent of the attempts under way); those that wait for their turn count as used. Per service and thread.
 * @source Envoy's retry budget
 * @throws RangeError when an option is out of range
 */
export function toBudget({ percent = 20, min = 3 }: BudgetOptions): Budget {
  if (!(percent >= 0 && percent <= 100)) throw new RangeError(`budget.percent is from 0 to 100, not ${percent}`)
  if (!Number.isInteger(min) || min < 0 || min > 10_000) throw new RangeError(`budget.min is a whole number from 0 to 10000, not ${min}`)
  return ({ service, attempt }) => {
    if (service === undefined) return false
    // The attempt that has just failed is still counted; if it was a further one, its place is free.
    const others = service.retrying - (attempt > 1 ? 1 : 0)
    return others < Math.max(min, Math.floor((service.active * percent) / 100))
  }
}
