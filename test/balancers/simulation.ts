// Requests, endpoints and queues in virtual time: arrivals by chance, the same in every run.
import { type Balancer, Endpoint, type EndpointSpec, Exchange, Headers, Request, Response } from '@meshwright/core'

/** Numbers from 0 to less than 1, the same for the same seed: xorshift. */
export function seeded(seed: number): () => number {
  let state = (seed * 0x9e3779b9) >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

/** How an endpoint does its work: so many requests at a time, the others wait. */
export interface Work {
  /** Mean time for one request; exponentially distributed. Milliseconds. */
  meanMs: number
  readonly atATime: number
}

/** A request that was answered. */
export interface Served {
  readonly atMs: number
  readonly endpoint: Endpoint
  readonly latencyMs: number
}

interface Waiting {
  readonly atMs: number
  readonly exchange: Exchange
}

interface Station {
  readonly endpoint: Endpoint
  readonly work: Work
  readonly queue: Waiting[]
  busy: number
}

interface Event {
  readonly atMs: number
  readonly run: () => void
}

/** A service whose clock is a number. What a balancer is told is what the core would tell it. */
export class Simulation {
  nowMs = 1_000
  readonly served: Served[] = []
  /** Where requests were sent, in order. */
  readonly sent: { readonly atMs: number; readonly endpoint: Endpoint }[] = []
  readonly #random: () => number
  readonly #stations = new Map<Endpoint, Station>()
  readonly #events: Event[] = []
  #list: readonly Endpoint[] = []
  #balancer: Balancer | undefined = undefined
  #requests = 0

  constructor(seed: number) {
    this.#random = seeded(seed)
  }

  /** An endpoint that is there, though not in the list yet. */
  endpoint(spec: Partial<EndpointSpec>, work: Work): Endpoint {
    const endpoint = new Endpoint({ host: '127.0.0.1', port: 9000 + this.#stations.size, ...spec })
    this.#stations.set(endpoint, { endpoint, work, queue: [], busy: 0 })
    return endpoint
  }

  balanceBy(balancer: Balancer, list: readonly Endpoint[]): void {
    this.#balancer = balancer
    this.list(list)
  }

  /** The endpoints that requests may be sent to from now on. */
  list(list: readonly Endpoint[]): void {
    this.#list = list
    this.#balancer?.update?.(list)
  }

  /** Lets requests arrive for a while, and answers those that are sent meanwhile. */
  run(forMs: number, perSecond: number): void {
    const untilMs = this.nowMs + forMs
    const arrive = (): void => {
      this.#send()
      this.#after(this.#exponential(1_000 / perSecond), arrive)
    }
    this.#after(this.#exponential(1_000 / perSecond), arrive)
    for (let event = this.#pop(untilMs); event !== undefined; event = this.#pop(untilMs)) {
      this.nowMs = event.atMs
      event.run()
    }
    this.nowMs = untilMs
    this.#forget(arrive)
  }

  /** The part of what was sent since then. */
  share(endpoint: Endpoint, sinceMs = 0): number {
    const sent = this.sent.filter(({ atMs }) => atMs >= sinceMs)
    return sent.filter((one) => one.endpoint === endpoint).length / sent.length
  }

  /** The latency that this part of what was answered since then did not exceed. 0..1. */
  quantile(part: number, sinceMs = 0): number {
    const latencies = this.served.filter(({ atMs }) => atMs >= sinceMs).map(({ latencyMs }) => latencyMs).toSorted((a, b) => a - b)
    return latencies[Math.min(latencies.length - 1, Math.floor(part * latencies.length))] as number
  }

  #send(): void {
    const exchange = exchangeOf(this.#requests++, this.nowMs)
    const endpoint = (this.#balancer as Balancer).pick(this.#list, exchange)
    exchange.endpoint = endpoint
    exchange.attemptMs = this.nowMs
    endpoint.inFlight++
    this.sent.push({ atMs: this.nowMs, endpoint })
    const station = this.#stations.get(endpoint) as Station
    station.queue.push({ atMs: this.nowMs, exchange })
    this.#work(station)
  }

  #work(station: Station): void {
    if (station.busy >= station.work.atATime) return
    const next = station.queue.shift()
    if (next === undefined) return
    station.busy++
    this.#after(this.#exponential(station.work.meanMs), () => {
      station.busy--
      this.#answer(station, next)
      this.#work(station)
    })
  }

  #answer({ endpoint }: Station, { atMs, exchange }: Waiting): void {
    endpoint.inFlight--
    endpoint.lastLatencyMs = this.nowMs - atMs
    exchange.headersMs = this.nowMs
    exchange.response = new Response(200, 'OK', new Headers())
    this.#balancer?.ended?.(endpoint, exchange)
    this.served.push({ atMs, endpoint, latencyMs: this.nowMs - atMs })
  }

  #exponential(mean: number): number {
    return -mean * Math.log(1 - this.#random())
  }

  /** Kept in order, the next one last. */
  #after(ms: number, run: () => void): void {
    const atMs = this.nowMs + ms
    let [low, high] = [0, this.#events.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#events[middle] as Event).atMs > atMs) low = middle + 1
      else high = middle
    }
    this.#events.splice(low, 0, { atMs, run })
  }

  #pop(untilMs: number): Event | undefined {
    const next = this.#events.at(-1)
    return next !== undefined && next.atMs <= untilMs ? this.#events.pop() : undefined
  }

  #forget(run: () => void): void {
    const at = this.#events.findIndex((event) => event.run === run)
    if (at >= 0) this.#events.splice(at, 1)
  }
}

/** Each from another client. */
function exchangeOf(number: number, nowMs: number): Exchange {
  const address = `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`
  const request = new Request({
    method: 'GET',
    path: '/',
    query: '',
    hasQuery: false,
    authority: 'test.example',
    scheme: 'http',
    headers: new Headers(),
    version: '1.1',
    peerAddress: address,
    clientAddress: address,
    id: String(number),
    upgrade: undefined,
    expectContinue: false,
  })
  return new Exchange(request, undefined, undefined, 'simulation', nowMs)
}
