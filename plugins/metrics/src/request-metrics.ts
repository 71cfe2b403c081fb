// Counts every exchange: how many, how they ended, how long they took, how large they were.
import type { Counter, Exchange, Filter, Histogram, Metrics, Route } from '@meshwright/core'

/** Upper bounds of the duration buckets in seconds, unless told otherwise: half a millisecond to a minute. */
export const defaultDurationBoundsSeconds: readonly number[] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/**
 * Counts each exchange at its end, by route and service ("-" where there was none):
 * `mesh_requests_total` (also by `class`, 1xx to 5xx or "-" when nothing was sent, and by `reason`, the error code in
 * lower case without its prefix or "-"), `mesh_request_duration_seconds`, `mesh_request_bytes_total`,
 * `mesh_response_bytes_total`, `mesh_attempts_total` and, once there is one, `mesh_resent_total`.
 * @param durationBoundsSeconds upper bounds of the duration's buckets, ascending
 */
export function requestMetrics(metrics: Metrics, durationBoundsSeconds: readonly number[] = defaultDurationBoundsSeconds): Filter {
  const byRoute = new WeakMap<Route, ByService>()
  const withoutRoute = new ByService(metrics, '-', durationBoundsSeconds)
  const servicesOf = (route: Route | undefined): ByService => {
    if (route === undefined) return withoutRoute
    const known = byRoute.get(route)
    if (known) return known
    const made = new ByService(metrics, route.name, durationBoundsSeconds)
    byRoute.set(route, made)
    return made
  }
  return {
    name: 'metrics',
    onEnd: (exchange) => servicesOf(exchange.route).of(exchange.service?.name ?? '-').count(exchange),
  }
}

/** What one route counts, by service. A route has few services, so a list is searched. */
class ByService {
  readonly #metrics: Metrics
  readonly #route: string
  readonly #bounds: readonly number[]
  readonly #tallies: RouteTally[] = []

  constructor(metrics: Metrics, route: string, bounds: readonly number[]) {
    this.#metrics = metrics
    this.#route = route
    this.#bounds = bounds
  }

  of(service: string): RouteTally {
    for (const tally of this.#tallies) if (tally.service === service) return tally
    const made = new RouteTally(this.#metrics, this.#route, service, this.#bounds)
    this.#tallies.push(made)
    return made
  }
}

/** The handles of one route and service. */
class RouteTally {
  readonly service: string
  readonly #metrics: Metrics
  readonly #route: string
  readonly #duration: Histogram
  readonly #requestBytes: Counter
  readonly #responseBytes: Counter
  readonly #attempts: Counter
  #resent: Counter | undefined = undefined
  /** Requests that ended well, by the first digit of the status; the others by error code as well. */
  readonly #fine: (Counter | undefined)[] = []
  readonly #failed = new Map<string, (Counter | undefined)[]>()

  constructor(metrics: Metrics, route: string, service: string, bounds: readonly number[]) {
    const labels = { route, service }
    this.service = service
    this.#metrics = metrics
    this.#route = route
    this.#duration = metrics.histogram('mesh_request_duration_seconds', 'From the request head to the end of the exchange', bounds, labels)
    this.#requestBytes = metrics.counter('mesh_request_bytes_total', 'Body bytes taken from clients', labels)
    this.#responseBytes = metrics.counter('mesh_response_bytes_total', 'Body bytes sent to clients', labels)
    this.#attempts = metrics.counter('mesh_attempts_total', 'Attempts made on endpoints', labels)
  }

  count(exchange: Exchange): void {
    this.#ended(exchange.response?.status ?? 0, exchange.error?.code).inc()
    this.#duration.observe((exchange.endedMs - exchange.startedMs) / 1000)
    this.#requestBytes.add(exchange.requestBytes)
    this.#responseBytes.add(exchange.responseBytes)
    this.#attempts.add(exchange.attempt)
    if (exchange.resent > 0) this.#resentCounter().add(exchange.resent)
  }

  /** Rare enough that few services ever have one. */
  #resentCounter(): Counter {
    const labels = { route: this.#route, service: this.service }
    return (this.#resent ??= this.#metrics.counter('mesh_resent_total', 'Requests sent again within one attempt, as the idle connection they went out on turned out to be closed', labels))
  }

  #ended(status: number, code: string | undefined): Counter {
    const digit = Math.trunc(status / 100)
    const byClass = code === undefined ? this.#fine : this.#byClass(code)
    return (byClass[digit] ??= this.#counter(digit, code))
  }

  #byClass(code: string): (Counter | undefined)[] {
    const known = this.#failed.get(code)
    if (known) return known
    const made: (Counter | undefined)[] = []
    this.#failed.set(code, made)
    return made
  }

  #counter(digit: number, code: string | undefined): Counter {
    const labels = { route: this.#route, service: this.service, class: toClass(digit), reason: toReason(code) }
    return this.#metrics.counter('mesh_requests_total', 'Exchanges that have ended', labels)
  }
}

function toClass(digit: number): string {
  return digit >= 1 && digit <= 9 ? `${digit}xx` : '-'
}

function toReason(code: string | undefined): string {
  return code === undefined ? '-' : code.toLowerCase().replace(/^mesh_/, '')
}
