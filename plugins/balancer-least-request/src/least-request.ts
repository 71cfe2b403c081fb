// Least request: of a few endpoints, the one with the fewest attempts under way; with weights, by a schedule that load slows down.
import { perPriority, type Balancer, type Endpoint } from '@meshwright/core'
import { Schedule } from './schedule.ts'

export interface LeastRequestOptions {
  /** Endpoints compared per pick when all weights are equal. 2..100; default 2. As many as there are endpoints: all are compared. */
  readonly choices?: number
  /** How much load takes off a weight when weights differ: weight / (in flight + 1) ^ bias. 0..10; default 1; 0 ignores load. */
  readonly bias?: number
  /** A number from 0 to less than 1. Default Math.random; for tests. */
  readonly random?: () => number
}

/**
 * With equal weights: draws `choices` different endpoints and takes the one with the fewest attempts under way, the
 * first drawn of equals. With different weights: an earliest-deadline schedule whose intervals are
 * (in flight + 1) ^ bias / weight, so idle endpoints share by weight and busy ones get less.
 *
 * One instance per service and thread; attempts of other threads are not seen. Each priority has a schedule of its own.
 *
 * @source power of two choices: Mitzenmacher 2001; the rule for weights: Envoy, least_request v3
 * @throws RangeError when an option is out of range
 */
export function leastRequest(options: LeastRequestOptions = {}): Balancer {
  const { choices = 2, bias = 1, random = Math.random } = options
  if (!Number.isInteger(choices) || choices < 2 || choices > 100) throw new RangeError(`choices is a whole number from 2 to 100, not ${choices}`)
  if (!(bias >= 0 && bias <= 10)) throw new RangeError(`bias is a number from 0 to 10, not ${bias}`)
  return perPriority(() => new LeastRequest(choices, bias, random))
}

class LeastRequest implements Balancer {
  readonly #choices: number
  readonly #random: () => number
  readonly #schedule: Schedule
  #list: readonly Endpoint[] = []
  #equal = true

  constructor(choices: number, bias: number, random: () => number) {
    this.#choices = choices
    this.#random = random
    this.#schedule = new Schedule(bias, random)
  }

  pick(endpoints: readonly Endpoint[]): Endpoint {
    if (endpoints !== this.#list) this.update(endpoints)
    if (endpoints.length === 1) return endpoints[0] as Endpoint
    return this.#equal ? this.#draw(endpoints) : this.#schedule.next()
  }

  update(endpoints: readonly Endpoint[]): void {
    this.#list = endpoints
    this.#equal = endpoints.every((endpoint) => endpoint.weight === endpoints[0]?.weight)
    this.#schedule.replace(this.#equal ? [] : endpoints)
  }

  #draw(endpoints: readonly Endpoint[]): Endpoint {
    if (this.#choices === 2) return ofTwo(endpoints, this.#random)
    if (this.#choices >= endpoints.length) return ofAll(endpoints, this.#random)
    return ofSome(endpoints, this.#choices, this.#random)
  }
}

function ofTwo(endpoints: readonly Endpoint[], random: () => number): Endpoint {
  const length = endpoints.length
  const i = Math.floor(random() * length)
  const first = endpoints[i] as Endpoint
  // One of the others: a second draw of the same endpoint would compare nothing.
  let j = Math.floor(random() * (length - 1))
  if (j >= i) j++
  const second = endpoints[j] as Endpoint
  return second.inFlight < first.inFlight ? second : first
}

/** Scans from a random place, so that equals share. */
function ofAll(endpoints: readonly Endpoint[], random: () => number): Endpoint {
  const start = Math.floor(random() * endpoints.length)
  let best = endpoints[start] as Endpoint
  for (let i = 1; i < endpoints.length; i++) {
    const candidate = endpoints[(start + i) % endpoints.length] as Endpoint
    if (candidate.inFlight < best.inFlight) best = candidate
  }
  return best
}

/**
 * Different places by Floyd's sampling, turned by a random offset: the sample alone is fair, its order is not, and of
 * equals the first drawn wins. `choices` is small, so a list of those taken is enough.
 */
function ofSome(endpoints: readonly Endpoint[], choices: number, random: () => number): Endpoint {
  const length = endpoints.length
  const offset = Math.floor(random() * length)
  const taken: number[] = []
  let best: Endpoint | undefined
  for (let limit = length - choices; limit < length; limit++) {
    const drawn = Math.floor(random() * (limit + 1))
    const at = taken.includes(drawn) ? limit : drawn
    taken.push(at)
    const candidate = endpoints[(at + offset) % length] as Endpoint
    if (best === undefined || candidate.inFlight < best.inFlight) best = candidate
  }
  return best as Endpoint
}
