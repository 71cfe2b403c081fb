// An outlier detector by what endpoints answer: those that fail too often in a row, or more than their peers, rest for a while.
import type { Endpoint, Exchange, OutlierDetector } from '@meshwright/core'
import { outcomeOf, type Outcome } from './outcome.ts'
import { defaultFailurePercentage, defaultSuccessRate, highFailures, lowRates, type FailurePercentage, type SuccessRate } from './statistics.ts'
import { Tally, type Rate, type Rule } from './tally.ts'

export interface PassiveOptions {
  /** Answers of 500 and more in a row, and without `splitLocalFailures` attempts without an answer. 0..; default 5; 0: off. */
  readonly consecutive5xx?: number
  /** Answers of 502, 503 or 504 in a row, and without `splitLocalFailures` attempts without an answer. 0..; default 0: off. */
  readonly consecutiveGatewayFailures?: number
  /** Attempts without an answer in a row; counted with `splitLocalFailures` only. 0..; default 5; 0: off. */
  readonly consecutiveLocalFailures?: number
  /** Whether attempts without an answer are counted apart from answers. Default false: each is one more 5xx. */
  readonly splitLocalFailures?: boolean
  /** Whether an endpoint rests that succeeds less than its peers. Default true, with the defaults of {@link SuccessRate}. */
  readonly successRate?: boolean | SuccessRate
  /** Whether an endpoint rests of whose attempts too many fail. Default false; true: with the defaults of {@link FailurePercentage}. */
  readonly failurePercentage?: boolean | FailurePercentage
  /** What the statistics look at. Milliseconds, 100..86400000; default 10000. */
  readonly intervalMs?: number
  /** The first rest; the n-th in a row is n times as long. Milliseconds, 1..86400000; default 30000. */
  readonly baseRestMs?: number
  /** The longest. Milliseconds, 1..86400000; default 300000, or `baseRestMs` if that is more. */
  readonly maxRestMs?: number
  /** Every rest is longer by up to this, at random. Milliseconds, 0..86400000; default 0. */
  readonly jitterMs?: number
  /** How many of a service's endpoints may rest at a time. Percent, 0..100; default 10. */
  readonly maxRestingPercent?: number
  /** Whether one endpoint may rest whatever `maxRestingPercent` says, if another one is fit. Default true. */
  readonly alwaysRestOne?: boolean
  /** Whether it only counts what it would do. Default false. */
  readonly dryRun?: boolean
  /** Default Math.random. */
  readonly random?: () => number
  /** Milliseconds of the clock that the timings of exchanges are of. Default performance.now. */
  readonly now?: () => number
}

/** Who is told what the detector does. */
export interface PassiveEvents {
  /** A rule has found an outlier. */
  detected(rule: Rule, endpoint: Endpoint): void
  /** It is sent to rest. */
  rested(rule: Rule, endpoint: Endpoint, restMs: number): void
  /** It is not, because too many rest already. */
  overflowed(rule: Rule, endpoint: Endpoint): void
}

type Settings = Required<Omit<PassiveOptions, 'successRate' | 'failurePercentage'>> & {
  readonly successRate: Required<SuccessRate> | undefined
  readonly failurePercentage: Required<FailurePercentage> | undefined
}

const silent: PassiveEvents = { detected() {}, rested() {}, overflowed() {} }

/**
 * Tells endpoints to rest. Nothing runs between attempts: an interval ends with the first attempt that ends after it, and
 * what its statistics have found is told when the endpoint in question has its next attempt, within the interval after it.
 * One per service and thread; rests that other threads have decided count as its own.
 * @throws RangeError when an option is out of range
 * @source Envoy's outlier detection
 */
export function passive(options: PassiveOptions = {}, events: PassiveEvents = silent): OutlierDetector {
  return new Passive(settingsOf(options), events)
}

class Passive implements OutlierDetector {
  readonly #settings: Settings
  readonly #events: PassiveEvents
  readonly #tallies = new WeakMap<Endpoint, Tally>()
  readonly #maxMultiplier: number
  #interval = 0
  #intervalEndMs = 0

  constructor(settings: Settings, events: PassiveEvents) {
    this.#settings = settings
    this.#events = events
    this.#maxMultiplier = Math.ceil(settings.maxRestMs / settings.baseRestMs)
  }

  ended(endpoint: Endpoint, exchange: Exchange, peers: readonly Endpoint[]): number | undefined {
    // What began before a rest says nothing about the time after it.
    if (endpoint.restingUntilMs !== 0 || (endpoint.probation && endpoint.probe !== exchange)) return undefined
    const outcome = outcomeOf(exchange)
    if (outcome === 'none') return undefined
    // hot: asking the clock takes longer than all the rest (bench passive), and a success has been timed already.
    const nowMs = outcome === 'good' ? exchange.headersMs : this.#settings.now()
    if (nowMs >= this.#intervalEndMs) this.#endInterval(nowMs, peers)
    const tally = this.#tallyOf(endpoint)
    tally.count(outcome, this.#settings.splitLocalFailures, this.#interval)
    const rule = endpoint.probation ? this.#probed(outcome, tally) : this.#broken(tally)
    return rule === undefined ? undefined : this.#rest(rule, endpoint, tally, peers)
  }

  #tallyOf(endpoint: Endpoint): Tally {
    const known = this.#tallies.get(endpoint)
    if (known !== undefined) return known
    const tally = new Tally(endpoint)
    this.#tallies.set(endpoint, tally)
    return tally
  }

  /** The one attempt after a rest: it must not be what the endpoint was sent to rest for. */
  #probed(outcome: Outcome, tally: Tally): Rule | undefined {
    const { consecutive5xx, successRate, failurePercentage } = this.#settings
    // A plain 500 is no failure for somebody who only looks at gateways.
    const isBad = outcome === 'error' ? consecutive5xx > 0 || successRate !== undefined || failurePercentage !== undefined : outcome !== 'good'
    tally.clear()
    return isBad ? 'probation' : undefined
  }

  /** The rule that the last attempt has broken; its count begins anew. */
  #broken(tally: Tally): Rule | undefined {
    const { consecutive5xx, consecutiveGatewayFailures, consecutiveLocalFailures } = this.#settings
    if (consecutive5xx > 0 && tally.errors >= consecutive5xx) {
      tally.errors = 0
      return 'consecutive-5xx'
    }
    if (consecutiveGatewayFailures > 0 && tally.gateway >= consecutiveGatewayFailures) {
      tally.gateway = 0
      return 'consecutive-gateway'
    }
    if (consecutiveLocalFailures > 0 && tally.local >= consecutiveLocalFailures) {
      tally.local = 0
      return 'consecutive-local'
    }
    const { verdict } = tally
    if (verdict !== undefined) tally.verdict = undefined
    return verdict
  }

  #rest(rule: Rule, endpoint: Endpoint, tally: Tally, peers: readonly Endpoint[]): number | undefined {
    this.#events.detected(rule, endpoint)
    const { dryRun, baseRestMs, maxRestMs, jitterMs, random } = this.#settings
    if (dryRun) return undefined
    if (!this.#mayRest(endpoint, peers)) {
      this.#events.overflowed(rule, endpoint)
      return undefined
    }
    tally.rest(endpoint, this.#maxMultiplier)
    const restMs = Math.min(baseRestMs * tally.multiplier, maxRestMs) + jitterMs * random()
    this.#events.rested(rule, endpoint, restMs)
    return restMs
  }

  #mayRest(endpoint: Endpoint, peers: readonly Endpoint[]): boolean {
    const { maxRestingPercent, alwaysRestOne } = this.#settings
    // One on probation is not back yet: it keeps its place among those that rest.
    const resting = peers.filter((peer) => peer !== endpoint && (peer.restingUntilMs !== 0 || peer.probation)).length
    if ((resting + 1) * 100 <= maxRestingPercent * peers.length) return true
    return alwaysRestOne && resting === 0 && peers.some((peer) => peer !== endpoint && peer.fit)
  }

  /** The interval is over, and perhaps some more in which nothing was heard. */
  #endInterval(nowMs: number, peers: readonly Endpoint[]): void {
    const { intervalMs } = this.#settings
    // The first attempt of all begins the first interval.
    const passed = this.#intervalEndMs === 0 ? 1 : Math.floor((nowMs - this.#intervalEndMs) / intervalMs) + 1
    if (this.#intervalEndMs === 0) this.#intervalEndMs = nowMs
    for (const endpoint of peers) this.#recover(endpoint, nowMs, passed)
    // What was found long ago is not worth acting on.
    const found = passed === 1 ? this.#outliers(peers) : undefined
    this.#interval += passed
    this.#intervalEndMs += passed * intervalMs
    for (const [tally, rule] of found ?? []) tally.found(rule, this.#interval)
  }

  /** Each interval that an endpoint was well takes one off its multiplier. */
  #recover(endpoint: Endpoint, nowMs: number, passed: number): void {
    const tally = this.#tallies.get(endpoint)
    if (tally === undefined) return
    tally.learn(endpoint)
    if (tally.multiplier === 0 || endpoint.restingUntilMs !== 0 || endpoint.probation) return
    const wellFor = Math.floor((nowMs - endpoint.fitSinceMs) / this.#settings.intervalMs)
    tally.multiplier = Math.max(0, tally.multiplier - Math.min(passed, wellFor))
  }

  /** Those that stand out in the interval that ends, each with the rule that says so. Endpoints are compared within their priority. */
  #outliers(peers: readonly Endpoint[]): Map<Tally, Rule> {
    const found = new Map<Tally, Rule>()
    for (const group of Map.groupBy(peers, ({ priority }) => priority).values()) {
      const tallies = group.map((endpoint) => this.#tallies.get(endpoint)).filter((tally) => tally?.interval === this.#interval) as Tally[]
      this.#compare(tallies, ({ attempts }) => attempts, 'local-', found)
      this.#compare(tallies, ({ answers }) => answers, '', found)
    }
    return found
  }

  #compare(tallies: readonly Tally[], rateOf: (tally: Tally) => Rate, prefix: '' | 'local-', found: Map<Tally, Rule>): void {
    const { successRate, failurePercentage } = this.#settings
    const byRate = new Map(tallies.map((tally) => [rateOf(tally), tally]))
    const rates = [...byRate.keys()]
    const mark = (outliers: readonly Rate[], rule: Rule): void => {
      for (const rate of outliers) found.set(byRate.get(rate) as Tally, rule)
    }
    if (failurePercentage !== undefined) mark(highFailures(rates, failurePercentage), `${prefix}failure-percentage`)
    if (successRate !== undefined) mark(lowRates(rates, successRate), `${prefix}success-rate`)
  }
}

const dayMs = 86_400_000

function settingsOf(options: PassiveOptions): Settings {
  const { baseRestMs = 30_000, successRate = true, failurePercentage = false, ...given } = options
  const settings: Settings = {
    consecutive5xx: 5,
    consecutiveGatewayFailures: 0,
    consecutiveLocalFailures: 5,
    splitLocalFailures: false,
    intervalMs: 10_000,
    maxRestMs: Math.max(300_000, baseRestMs),
    jitterMs: 0,
    maxRestingPercent: 10,
    alwaysRestOne: true,
    dryRun: false,
    random: Math.random,
    now: () => performance.now(),
    ...given,
    baseRestMs,
    successRate: orDefault(successRate, defaultSuccessRate),
    failurePercentage: orDefault(failurePercentage, defaultFailurePercentage),
  }
  check(settings)
  return settings
}

function orDefault<T extends object>(given: boolean | Partial<T>, usual: T): T | undefined {
  if (given === false) return undefined
  return given === true ? usual : { ...usual, ...given }
}

function check(settings: Settings): void {
  const { successRate = defaultSuccessRate, failurePercentage = defaultFailurePercentage } = settings
  for (const name of ['consecutive5xx', 'consecutiveGatewayFailures', 'consecutiveLocalFailures'] as const) inRange(name, settings[name], 0, 1_000_000)
  inRange('intervalMs', settings.intervalMs, 100, dayMs)
  for (const name of ['baseRestMs', 'maxRestMs'] as const) inRange(name, settings[name], 1, dayMs)
  inRange('jitterMs', settings.jitterMs, 0, dayMs)
  inRange('maxRestingPercent', settings.maxRestingPercent, 0, 100)
  inRange('stdevFactor', successRate.stdevFactor, 0, 100)
  inRange('minFailures', successRate.minFailures, 0, 1_000_000)
  inRange('percent', failurePercentage.percent, 0, 100)
  for (const name of ['minEndpoints', 'minRequests'] as const) for (const rule of [successRate, failurePercentage]) inRange(name, rule[name], 1, 1_000_000)
}

function inRange(name: string, value: number, least: number, most: number): void {
  if (!(value >= least && value <= most)) throw new RangeError(`${name} is a number from ${least} to ${most}, not ${value}`)
}
