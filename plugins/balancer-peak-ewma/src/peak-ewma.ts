// Peak EWMA: of two endpoints drawn at random, the one where a request is likely to wait less, judged by measured latency and by load.
import { perPriority, type Balancer, type Endpoint, type Exchange } from '@meshwright/core'
import { Costs } from './costs.ts'
import { judge } from './outcome.ts'
import { WeightedDraw } from './weighted-draw.ts'

export interface PeakEwmaOptions {
  /** How long it takes to forget 63 % of a cost. Milliseconds, 1..3600000; default 10000. */
  readonly decayMs?: number
  /** What an endpoint is taken to need while nothing is known of any of them. Milliseconds, 0.01..600000; default 30. */
  readonly defaultRttMs?: number
  /**
   * How much more than it took an attempt counts that failed or was refused for load; and what an endpoint that has not
   * answered yet counts while attempts are under way. Milliseconds, 0..600000; default 5000; 0: no more than it took.
   */
  readonly penaltyMs?: number
  /** A number from 0 to less than 1. Default Math.random; for tests. */
  readonly random?: () => number
  /** Milliseconds of a monotonic clock. Default performance.now; for tests. */
  readonly now?: () => number
}

type Settings = Required<PeakEwmaOptions>

/** Costs that began alike and were read at different times differ in the last digit, and would do so again and again. */
const equality = 1 - 1e-9

/**
 * Draws two endpoints and takes the one with the lower load, the first of equals: load = cost × (attempts under way + 1).
 *
 * The cost is what the endpoint needed until the response head, in milliseconds: a slower answer counts at once and whole,
 * faster ones bit by bit, and with time it is forgotten. An endpoint that is new in the list, or back, starts with the mean
 * cost of the others and gets one attempt at a time until it has answered, so that nobody rushes to it.
 *
 * A weight of 3 is drawn as often as three endpoints, and its attempts under way count as a third of them (relative to the
 * mean weight).
 *
 * One instance per service, thread and priority; what other threads measure is not seen.
 *
 * @source Finagle, PeakEwma (cost and load); Mitzenmacher 2001 (two choices); Kong, latency (the mean of the others to start with);
 * Linkerd, load biaser (penalty, Retry-After)
 * @throws RangeError when an option is out of range
 */
export function peakEwma(options: PeakEwmaOptions = {}): Balancer {
  const settings: Settings = { decayMs: 10_000, defaultRttMs: 30, penaltyMs: 5_000, random: Math.random, now: () => performance.now(), ...options }
  check('decayMs', settings.decayMs, 1, 3_600_000)
  check('defaultRttMs', settings.defaultRttMs, 0.01, 600_000)
  check('penaltyMs', settings.penaltyMs, 0, 600_000)
  return perPriority(() => new PeakEwma(settings))
}

function check(name: string, value: number, min: number, max: number): void {
  if (!(value >= min && value <= max)) throw new RangeError(`${name} is a number from ${min} to ${max}, not ${value}`)
}

class PeakEwma implements Balancer {
  readonly #settings: Settings
  readonly #draw: WeightedDraw
  readonly #costs: Costs
  #list: readonly Endpoint[] = []

  constructor(settings: Settings) {
    this.#settings = settings
    this.#draw = new WeightedDraw(settings.random)
    this.#costs = new Costs(settings)
  }

  pick(endpoints: readonly Endpoint[]): Endpoint {
    if (endpoints !== this.#list) this.update(endpoints)
    if (endpoints.length === 1) return endpoints[0] as Endpoint
    const first = this.#draw.next()
    const second = this.#draw.another(first)
    if (first === second) return endpoints[first] as Endpoint
    const nowMs = this.#settings.now()
    return endpoints[this.#load(second, nowMs) < this.#load(first, nowMs) * equality ? second : first] as Endpoint
  }

  update(endpoints: readonly Endpoint[]): void {
    this.#list = endpoints
    this.#draw.replace(endpoints)
    this.#costs.replace(endpoints, this.#settings.now())
  }

  ended(endpoint: Endpoint, exchange: Exchange): void {
    const at = this.#costs.placeOf(endpoint)
    if (at === undefined) return
    const nowMs = this.#settings.now()
    const hasHead = exchange.headersMs >= exchange.attemptMs
    const rttMs = (hasHead ? exchange.headersMs : nowMs) - exchange.attemptMs
    const { verdict, holdMs } = judge(exchange)
    if (verdict === 'bad') this.#costs.learn(at, rttMs + this.#settings.penaltyMs, nowMs)
    // Whoever fails fast must not look faster than the others for it.
    else this.#costs.learn(at, verdict === 'poor' ? Math.max(rttMs, this.#costs.mean(nowMs)) : rttMs, nowMs)
    if (holdMs > 0) this.#costs.hold(at, nowMs + holdMs)
  }

  #load(at: number, nowMs: number): number {
    const { inFlight } = this.#list[at] as Endpoint
    return this.#costs.read(at, inFlight, nowMs) * (inFlight / this.#draw.relative(at) + 1)
  }
}
