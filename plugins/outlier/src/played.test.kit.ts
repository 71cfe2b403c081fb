// A service for tests of the detector: its time passes when it is told to, and its endpoints rest as the core lets them.
import { Endpoint, type Exchange, MeshError, type OutlierDetector } from '@meshwright/core'
import { passive, type PassiveEvents, type PassiveOptions } from './passive.ts'

/** How an attempt ends: a status, or the code of an error. */
export type End = number | 'MESH_CONNECT_FAILED' | 'MESH_CONNECT_TIMEOUT' | 'MESH_UPSTREAM_CLOSED' | 'MESH_RESPONSE_BUFFER_FULL'

/** A service whose time stands still unless it is told to pass, and that does what the core does. */
export class Played {
  nowMs = 1_000
  readonly endpoints: Endpoint[]
  readonly counted: string[] = []
  readonly told: string[] = []
  readonly #detector: OutlierDetector
  readonly #wakes = new Map<Endpoint, number>()

  constructor(size: number, options: PassiveOptions = {}) {
    this.endpoints = Array.from({ length: size }, (_, i) => new Endpoint({ id: String(i), host: '127.0.0.1', port: 9000 + i }))
    const events: PassiveEvents = {
      detected: (rule) => void this.counted.push(`detected ${rule}`),
      rested: (rule, { id }, restMs) => {
        this.counted.push(`rested ${rule}`)
        this.told.push(`${id} for ${restMs}`)
      },
      overflowed: () => void this.counted.push('overflowed'),
    }
    this.#detector = passive({ now: () => this.nowMs, random: () => 0, ...options }, events)
  }

  at(index: number): Endpoint {
    return this.endpoints[index] as Endpoint
  }

  /** An attempt ends at an endpoint; answers how long that is told to rest. */
  end(index: number, how: End): number | undefined {
    const endpoint = this.at(index)
    const exchange = this.exchange(how)
    if (endpoint.probation && endpoint.probe === undefined) endpoint.probe = exchange
    return this.judge(endpoint, exchange)
  }

  ends(index: number, ...how: End[]): (number | undefined)[] {
    return how.map((one) => this.end(index, one))
  }

  judge(endpoint: Endpoint, exchange: Exchange): number | undefined {
    const restMs = this.#detector.ended(endpoint, exchange, this.endpoints)
    if (restMs !== undefined) this.rest(endpoint, restMs)
    if (endpoint.probe !== exchange) return restMs
    endpoint.probe = undefined
    if ((exchange.response?.status ?? 500) < 500) Object.assign(endpoint, { probation: false, fitSinceMs: this.nowMs })
    return restMs
  }

  /** As the core does when it is told, by this thread or another. */
  rest(endpoint: Endpoint, restMs: number): void {
    if (endpoint.restingUntilMs === 0) endpoint.rests++
    Object.assign(endpoint, { restingUntilMs: this.nowMs + restMs, probation: false, probe: undefined })
    this.#wakes.set(endpoint, this.nowMs + restMs)
  }

  exchange(how: End): Exchange {
    const error = typeof how === 'string' ? new MeshError(how) : undefined
    return { error, response: typeof how === 'number' ? { status: how } : undefined, headersMs: this.nowMs, attemptMs: this.nowMs } as unknown as Exchange
  }

  pass(ms: number): void {
    this.nowMs += ms
    for (const [endpoint, atMs] of this.#wakes) {
      if (atMs > this.nowMs) continue
      this.#wakes.delete(endpoint)
      Object.assign(endpoint, { restingUntilMs: 0, probation: true })
    }
  }

  /** Five failures in a row, at an endpoint that is well. */
  fail(index: number): number | undefined {
    return this.ends(index, 500, 500, 500, 500, 500).at(-1)
  }

  /** So many attempts at each endpoint, of which so many percent are good, evenly spread; successes come last. */
  traffic(total: number, ...percents: number[]): (number | undefined)[] {
    return percents.flatMap((percent, index) => Array.from({ length: total }, (_, i) => this.end(index, i < Math.round((total * (100 - percent)) / 100) ? 500 : 200)))
  }
}
