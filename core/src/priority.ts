// How traffic spills over from one priority of endpoints to the next, and when a priority stops believing that its endpoints are unfit.

/** What there is of one priority. */
export interface Headcount {
  readonly fit: number
  readonly total: number
}

/** Percent of the endpoints that a priority may lose before the next one gets traffic: at 72 % of them it still carries all. */
const overprovisioningPercent = 140

/** What one priority can carry, in percent of all the traffic. 0..100. */
function capacityOf({ fit, total }: Headcount): number {
  return total === 0 ? 0 : Math.min(100, Math.floor((overprovisioningPercent * fit) / total))
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0)
}

/**
 * Percent of the traffic for each priority, most important first; they add up to 100 unless there is nobody at all.
 * A priority carries what it can, times 1.4; the rest goes to the next ones. If all of them together cannot carry 100,
 * each gets its share of what they can.
 *
 * When none has a fit endpoint the traffic follows their numbers of endpoints, as all of them are in panic then.
 *
 * @source Envoy, load balancing, priority levels: integer arithmetic as in its source, what rounding leaves goes to the first that can carry any
 */
export function loadsOf(priorities: readonly Headcount[]): number[] {
  const capacities = priorities.map(capacityOf)
  const whole = Math.min(100, sumOf(capacities))
  if (whole === 0) return byNumbers(priorities)
  let left = 100
  const loads = capacities.map((capacity) => {
    const load = Math.min(left, Math.floor((capacity * 100) / whole))
    left -= load
    return load
  })
  return withRest(loads, left, capacities)
}

/**
 * Which priorities are in panic: so many of their endpoints are unfit that the check is doubted rather than the endpoints,
 * and all of them are used. Only where the priorities together cannot carry the traffic.
 *
 * @param panicPercent less than this part of the endpoints being fit is a panic. 0..100; 0: never
 * @source Envoy, load balancing, panic threshold
 */
export function panicsOf(priorities: readonly Headcount[], panicPercent: number): boolean[] {
  if (sumOf(priorities.map(capacityOf)) >= 100) return priorities.map(() => false)
  return priorities.map(({ fit, total }) => total > 0 && (fit * 100) / total < panicPercent)
}

function byNumbers(priorities: readonly Headcount[]): number[] {
  const totals = priorities.map(({ total }) => total)
  const whole = sumOf(totals)
  if (whole === 0) return priorities.map(() => 0)
  const loads = totals.map((total) => Math.floor((total * 100) / whole))
  return withRest(loads, 100 - sumOf(loads), totals)
}

function withRest(loads: readonly number[], rest: number, carries: readonly number[]): number[] {
  const first = carries.findIndex((carried) => carried > 0)
  return loads.map((load, at) => (at === first ? load + rest : load))
}
