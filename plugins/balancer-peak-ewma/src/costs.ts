// What each endpoint costs: a moving average of its latencies that jumps up at once and comes down with time.
import type { Endpoint } from '@meshwright/core'

export interface CostOptions {
  readonly decayMs: number
  readonly defaultRttMs: number
  readonly penaltyMs: number
}

/** Below this, differences are noise; and a cost of 0 would hide how many attempts are under way. Milliseconds. */
const minCostMs = 0.01

/**
 * The costs of the endpoints of a list, by their place in it:
 *
 *     w = exp(-Δt / decay)
 *     cost = rtt                          if the rtt is greater
 *     cost = cost × w + rtt × (1 - w)     otherwise; a read is an rtt of 0
 *
 * Plain numbers in arrays: nothing is allocated per request.
 * @source Finagle, PeakEwma
 */
export class Costs {
  readonly #options: CostOptions
  #list: readonly Endpoint[] = []
  #places = new Map<Endpoint, number>()
  #costs = new Float64Array(0)
  /** When the cost was last changed; for one that is held, when that ends. */
  #stamps = new Float64Array(0)
  /** Whether the endpoint has answered since it came into the list. */
  #known = new Uint8Array(0)
  /** Its `lastLatencyMs` when it came into the list. */
  #before = new Float64Array(0)

  constructor(options: CostOptions) {
    this.#options = options
  }

  /** Endpoints that stay keep what is known of them; newcomers start with the mean of those. */
  replace(endpoints: readonly Endpoint[], nowMs: number): void {
    const startMs = this.mean(nowMs)
    const old = { places: this.#places, costs: this.#costs, stamps: this.#stamps, known: this.#known, before: this.#before }
    this.#list = endpoints
    this.#places = new Map(endpoints.map((endpoint, at) => [endpoint, at]))
    this.#costs = new Float64Array(endpoints.length).fill(startMs)
    this.#stamps = new Float64Array(endpoints.length).fill(nowMs)
    this.#known = new Uint8Array(endpoints.length)
    this.#before = Float64Array.from(endpoints, ({ lastLatencyMs }) => lastLatencyMs)
    for (const [endpoint, at] of this.#places) {
      const from = old.places.get(endpoint)
      if (from === undefined) continue
      this.#costs[at] = old.costs[from] as number
      this.#stamps[at] = old.stamps[from] as number
      this.#known[at] = old.known[from] as number
      this.#before[at] = old.before[from] as number
    }
  }

  placeOf(endpoint: Endpoint): number | undefined {
    return this.#places.get(endpoint)
  }

  learn(at: number, rttMs: number, nowMs: number): void {
    this.#known[at] = 1
    this.#observe(at, rttMs, nowMs)
  }

  /** The cost does not come down before then. */
  hold(at: number, untilMs: number): void {
    this.#stamps[at] = Math.max(this.#stamps[at] as number, untilMs)
  }

  /** What one attempt costs. @param inFlight attempts under way there */
  read(at: number, inFlight: number, nowMs: number): number {
    const costMs = Math.max(minCostMs, this.#observe(at, 0, nowMs))
    return inFlight === 0 || this.#hasAnswered(at) ? costMs : Math.max(costMs, this.#options.penaltyMs)
  }

  /** The mean of all but those that a penalty has driven up, if there are others; the default for an empty list. */
  mean(nowMs: number): number {
    const { defaultRttMs, penaltyMs } = this.#options
    let [sum, count, sumOfAll] = [0, 0, 0]
    for (let at = 0; at < this.#costs.length; at++) {
      const costMs = this.#observe(at, 0, nowMs)
      sumOfAll += costMs
      if (costMs >= penaltyMs) continue
      sum += costMs
      count++
    }
    if (this.#costs.length === 0) return defaultRttMs
    return count === 0 ? sumOfAll / this.#costs.length : sum / count
  }

  #observe(at: number, rttMs: number, nowMs: number): number {
    const costMs = this.#costs[at] as number
    const stampMs = this.#stamps[at] as number
    if (nowMs > stampMs) this.#stamps[at] = nowMs
    if (rttMs > costMs) return (this.#costs[at] = rttMs)
    if (nowMs <= stampMs) return costMs
    const kept = Math.exp((stampMs - nowMs) / this.#options.decayMs)
    return (this.#costs[at] = costMs * kept + rttMs * (1 - kept))
  }

  /** A response head comes long before the end of a stream. */
  #hasAnswered(at: number): boolean {
    if (this.#known[at] === 0 && (this.#list[at] as Endpoint).lastLatencyMs !== this.#before[at]) this.#known[at] = 1
    return this.#known[at] === 1
  }
}
