// Divides the traffic of a route among services by weight.
import type { WeightedService } from '../spec.ts'
import { badRoute, quote } from './valid.ts'

const maxWeight = 1_000_000
const maxServices = 1024

/** Chooses a service. `random` answers a number in [0, 1); it is not asked when there is only one service. */
export type Split = (random: () => number) => string

/**
 * Compiles a target or a weighted list of targets. The share of a service is its weight divided by the sum of all.
 * @param field what error messages call it
 * @throws MESH_BAD_ROUTE for an empty list, a weight that is not a whole number from 0 to 1000000, or weights whose sum is 0
 */
export function compileSplit(to: string | readonly WeightedService[], field = 'to'): Split {
  const shares = (typeof to === 'string' ? [{ service: to }] : checkList(to, field)).map((one, i) => toShare(one, `${field}[${i}]`)).filter((share) => share.weight > 0)
  const [first] = shares
  if (first === undefined) throw badRoute(field, 'no service has a weight above 0')
  if (shares.length === 1) return () => first.service
  return choose(shares)
}

function checkList(to: readonly WeightedService[], field: string): readonly WeightedService[] {
  if (!Array.isArray(to)) throw badRoute(field, `${quote(to)} is neither a service nor a list of them`)
  if (to.length > maxServices) throw badRoute(field, `has more than ${maxServices} services`)
  return to as readonly WeightedService[]
}

function toShare(one: WeightedService, field: string): Required<WeightedService> {
  const { service, weight = 1 } = one
  if (typeof service !== 'string' || service === '') throw badRoute(`${field}.service`, `${quote(service)} is not the name of a service`)
  if (!Number.isInteger(weight) || weight < 0 || weight > maxWeight) throw badRoute(`${field}.weight`, `${quote(weight)} is not a whole number from 0 to ${maxWeight}`)
  return { service, weight }
}

function choose(shares: readonly Required<WeightedService>[]): Split {
  const names = shares.map((share) => share.service)
  let sum = 0
  const bounds = Float64Array.from(shares, (share) => (sum += share.weight))
  const last = names.length - 1
  return (random) => {
    const point = random() * sum
    let low = 0
    // The first bound above the point; the last service also takes what a `random` of 1 or more would leave over.
    for (let high = last; low < high; ) {
      const middle = (low + high) >>> 1
      if ((bounds[middle] as number) > point) high = middle
      else low = middle + 1
    }
    return names[low] as string
  }
}
