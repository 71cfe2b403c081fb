// The live endpoints of one service: follows what discovery publishes and what health and outliers say.
import { Endpoint, type EndpointSpec } from './endpoint.ts'
import type { Exchange } from './exchange.ts'

/** Longest time an endpoint may be told to rest. */
const maxRestMs = 86_400_000

/** Endpoints by id. Lists are replaced, never edited, so a reader may keep one for as long as it needs it. */
export class EndpointSet {
  readonly service: string
  #byId: ReadonlyMap<string, Endpoint> = new Map()
  #all: readonly Endpoint[] = []
  #fit: readonly Endpoint[] = []
  readonly #listeners = new Set<(fit: readonly Endpoint[]) => void>()
  readonly #rests = new Map<Endpoint, NodeJS.Timeout>()
  readonly #forget: (endpoint: Endpoint) => void
  readonly #rested: (endpoint: Endpoint, ms: number, reason: string) => void
  /** How often a set was published; 0: never. */
  revision = 0

  /**
   * @param forget told of each endpoint that discovery has dropped
   * @param rested told of each rest that was decided here
   */
  constructor(service: string, forget: (endpoint: Endpoint) => void = () => {}, rested: (endpoint: Endpoint, ms: number, reason: string) => void = () => {}) {
    this.service = service
    this.#forget = forget
    this.#rested = rested
  }

  get all(): readonly Endpoint[] {
    return this.#all
  }

  /** Those that may receive traffic now. */
  get fit(): readonly Endpoint[] {
    return this.#fit
  }

  /** Takes a whole new set: an endpoint that keeps id, host and port keeps its state. Later duplicates of an id are ignored. */
  publish(specs: readonly EndpointSpec[]): void {
    const next = new Map<string, Endpoint>()
    for (const spec of specs) {
      const fresh = new Endpoint(spec)
      if (next.has(fresh.id)) continue
      const known = this.#byId.get(fresh.id)
      const same = known !== undefined && known.host === fresh.host && known.port === fresh.port
      if (same) known.update(spec)
      // Those of the first set begin together, so none of them has to be spared.
      else if (this.revision > 0) fresh.fitSinceMs = performance.now()
      next.set(fresh.id, same ? known : fresh)
    }
    const gone = this.#all.filter((endpoint) => next.get(endpoint.id) !== endpoint)
    this.#byId = next
    this.#all = [...next.values()]
    this.revision++
    for (const endpoint of gone) this.#drop(endpoint)
    this.#refresh()
  }

  get(id: string): Endpoint | undefined {
    return this.#byId.get(id)
  }

  /** Calls back with the fit endpoints now and after each change; returns how to stop. */
  watch(listener: (fit: readonly Endpoint[]) => void): () => void {
    this.#listeners.add(listener)
    listener(this.#fit)
    return () => this.#listeners.delete(listener)
  }

  setHealthy(endpoint: Endpoint, healthy: boolean, reason: string | undefined): void {
    // Why a well endpoint rests is still worth knowing.
    if (!healthy || endpoint.restingUntilMs === 0) endpoint.reason = reason
    if (endpoint.healthy === healthy) return
    endpoint.healthy = healthy
    if (healthy) endpoint.fitSinceMs = performance.now()
    this.#refresh()
  }

  /**
   * Keeps an endpoint out for a while. A second call replaces the first.
   * @param origin `elsewhere`: another thread has decided it, and need not be told
   */
  rest(endpoint: Endpoint, ms: number, reason: string, origin: 'here' | 'elsewhere' = 'here'): void {
    if (endpoint.removed || !(ms > 0)) return
    const forMs = Math.min(ms, maxRestMs)
    clearTimeout(this.#rests.get(endpoint))
    const timer = setTimeout(() => this.#wake(endpoint), forMs)
    timer.unref()
    this.#rests.set(endpoint, timer)
    if (endpoint.restingUntilMs === 0) endpoint.rests++
    endpoint.restingUntilMs = performance.now() + forMs
    endpoint.probation = false
    endpoint.probe = undefined
    endpoint.reason = reason
    this.#refresh()
    if (origin === 'here') this.#rested(endpoint, forMs, reason)
  }

  /** The one attempt that an endpoint on probation gets is under way: no other one until {@link probed}. */
  probe(endpoint: Endpoint, exchange: Exchange): void {
    endpoint.probe = exchange
    this.#refresh()
  }

  /** That attempt is over. `passed`: the endpoint is back for good; otherwise the next attempt is another probe. */
  probed(endpoint: Endpoint, passed: boolean): void {
    endpoint.probe = undefined
    if (passed) {
      endpoint.probation = false
      endpoint.fitSinceMs = performance.now()
    }
    this.#refresh()
  }

  close(): void {
    for (const timer of this.#rests.values()) clearTimeout(timer)
    this.#rests.clear()
    this.#listeners.clear()
    for (const endpoint of this.#all) this.#forget(endpoint)
  }

  #wake(endpoint: Endpoint): void {
    this.#rests.delete(endpoint)
    endpoint.restingUntilMs = 0
    endpoint.probation = true
    if (endpoint.healthy) endpoint.reason = undefined
    this.#refresh()
  }

  #drop(endpoint: Endpoint): void {
    clearTimeout(this.#rests.get(endpoint))
    this.#rests.delete(endpoint)
    endpoint.removed = true
    this.#forget(endpoint)
  }

  #refresh(): void {
    this.#fit = this.#all.filter((endpoint) => endpoint.fit)
    for (const listener of this.#listeners) listener(this.#fit)
  }
}
