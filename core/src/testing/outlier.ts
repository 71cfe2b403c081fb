// What every outlier detector promises.
import type { Endpoint } from '../endpoint.ts'
import type { OutlierDetector } from '../questions.ts'
import type { Service } from '../service.ts'
import { endpoint, endpoints, exchange, outcome, serviceOf, type Outcome } from './build.ts'
import { demand, promise, register, show, type ConformancePromise, type Make, type SuiteOptions } from './conformance.ts'
import { watchEndpoints, watchExchange } from './untouched.ts'

/** What an author says of an outlier detector. */
export interface OutlierOptions extends SuiteOptions {
  /** So many failures in a row of one endpoint, while all others are well, send it to rest. Default 5. */
  readonly failing?: number
  /** How a failure ends. Default `{ status: 503 }`. */
  readonly failure?: Outcome
  /** Are failures counted from the last success on? Default true. */
  readonly consecutive?: boolean
}

type OutlierPromise = ConformancePromise<OutlierDetector, OutlierOptions>

const well: Outcome = { status: 200 }
const isConsecutive = ({ consecutive = true }: OutlierOptions): boolean => consecutive

/** Each of them can be asked of any outlier detector. */
export const outlierPromises: readonly OutlierPromise[] = [
  promise('outlier/1', 'answers nothing or how many milliseconds to rest', {
    hint: 'a throw is MESH_PLUGIN_FAILED in the log, and the endpoint stays',
    async check(make, options) {
      const one = await start(make, options)
      const [ill] = one.peers as [Endpoint]
      for (let n = 0; n < 3 * one.failing; n++) {
        const restMs: unknown = one.ask(ill, one.failure)
        const isGood = restMs === undefined || (typeof restMs === 'number' && restMs > 0 && Number.isFinite(restMs))
        demand(isGood, 'undefined or a finite number of more than 0', show(restMs), '0 is no rest: answer undefined')
      }
    },
  }),
  promise('outlier/2', 'never rests an endpoint that is well', {
    async check(make, options) {
      const one = await start(make, options)
      for (let n = 0; n < 1_000; n++) {
        const peer = one.peers[n % one.peers.length] as Endpoint
        one.demandStays(peer, one.ask(peer, well), `success ${n + 1}`)
      }
    },
  }),
  promise('outlier/3', 'rests an endpoint that fails as often as its author says', {
    async check(make, options) {
      const one = await start(make, options)
      one.others(well, 2 * one.failing)
      demand(one.failUntilRest(one.peers[0] as Endpoint) !== undefined, `a rest after ${one.failing} failures in a row`, 'it stays', '`failing` says how many failures it takes, `failure` what a failure is')
    },
  }),
  promise('outlier/4', 'is patient until then', {
    applies: isConsecutive,
    async check(make, options) {
      const one = await start(make, options)
      const ill = one.peers[0] as Endpoint
      for (let n = 1; n < one.failing; n++) one.demandStays(ill, one.ask(ill, one.failure), `failure ${n} of ${one.failing}`)
    },
  }),
  promise('outlier/5', 'counts anew after a success', {
    applies: isConsecutive,
    async check(make, options) {
      const one = await start(make, options)
      const ill = one.peers[0] as Endpoint
      for (let round = 0; round < 3; round++) {
        for (let n = 1; n < one.failing; n++) one.demandStays(ill, one.ask(ill, one.failure), `failure ${n} after a success`)
        one.ask(ill, well)
      }
    },
  }),
  promise('outlier/6', 'never rests all endpoints of a service at once', {
    async check(make, options) {
      const one = await start(make, options)
      for (let round = 0; round < 3; round++) for (const peer of one.peers.filter(isUp)) one.failUntilRest(peer)
      demand(one.peers.some(isUp), `one of ${one.peers.length} endpoints that is not resting`, 'all of them rest', 'when all fail it is seldom the endpoints: look at `restingUntilMs` of the peers before the last of them is sent away')
    },
  }),
  promise('outlier/7', 'does not mistake one endpoint for another', {
    applies: isConsecutive,
    async check(make, options) {
      const one = await start(make, options)
      for (let n = 1; n < one.failing; n++) for (const peer of one.peers) one.demandStays(peer, one.ask(peer, one.failure), `failure ${n} of each endpoint`)
    },
  }),
  promise('outlier/8', 'rests an endpoint again that fails again after its rest', {
    async check(make, options) {
      const one = await start(make, options)
      const ill = one.peers[0] as Endpoint
      for (let rest = 1; rest <= 3; rest++) {
        one.others(well, one.failing)
        demand(one.failUntilRest(ill) !== undefined, `rest ${rest} after ${one.failing} more failures in a row`, 'it stays', 'forget the count when the endpoint is sent to rest')
        // The rest is over: the core tries it with one attempt at a time.
        Object.assign(ill, { restingUntilMs: 0, probation: true })
      }
    },
  }),
  promise('outlier/9', 'hears of every way an attempt can end, also on an endpoint that has left', {
    hint: 'with `exchange.error` there may be no response, and with a response no error',
    async check(make, options) {
      const one = await start(make, options)
      for (const asked of [one.peers[0] as Endpoint, endpoint({ id: 'gone' })]) {
        for (const end of ends) one.detector.ended(asked, outcome(exchange({ service: one.service, endpoint: asked }), end), one.peers)
        one.detector.ended(asked, exchange({ service: one.service, endpoint: asked, status: 500 }), [asked])
      }
    },
  }),
  promise('outlier/10', 'changes neither the endpoints nor the exchange', {
    async check(make, options) {
      const one = await start(make, options)
      const peers = Object.freeze([...one.peers])
      const failed = outcome(exchange({ service: one.service, endpoint: peers[0] as Endpoint }), one.failure)
      const checks = [watchEndpoints(peers, 'ended'), watchExchange(failed, 'ended')]
      for (let n = 0; n < 2 * one.failing; n++) one.detector.ended(peers[0] as Endpoint, failed, peers)
      for (const check of checks) check()
    },
  }),
  promise('outlier/11', 'shares nothing with another instance', {
    applies: isConsecutive,
    async check(make, options) {
      const [a, b] = [await start(make, options), await start(make, options)]
      b.use(a)
      const ill = a.peers[0] as Endpoint
      for (let n = 1; n < a.failing; n++) {
        a.demandStays(ill, a.ask(ill, a.failure), `failure ${n}`)
        b.demandStays(ill, b.ask(ill, b.failure), `failure ${n}, told to another instance as well`)
      }
    },
  }),
]

/** Registers a test for each of {@link outlierPromises} that applies. @param make a new detector at each call */
export function testOutlierDetector(make: Make<OutlierDetector>, options: OutlierOptions = {}): void {
  register(outlierPromises, make, options)
}

const ends: readonly Outcome[] = [{ status: 200 }, { status: 404 }, { status: 503 }, { error: 'MESH_CONNECT_FAILED' }, { error: 'MESH_RESPONSE_HEADERS_TIMEOUT' }, { status: 200, error: 'MESH_UPSTREAM_CLOSED' }]

function isUp(endpoint: Endpoint): boolean {
  return endpoint.restingUntilMs === 0
}

async function start(make: Make<OutlierDetector>, options: OutlierOptions): Promise<Trial> {
  return new Trial(await make(), options)
}

/** A detector, and five endpoints of a service that it watches. */
class Trial {
  readonly detector: OutlierDetector
  readonly failing: number
  readonly failure: Outcome
  service: Service = serviceOf(endpoints(5))

  constructor(detector: OutlierDetector, { failing = 5, failure = { status: 503 } }: OutlierOptions) {
    this.detector = detector
    this.failing = failing
    this.failure = failure
  }

  get peers(): readonly Endpoint[] {
    return this.service.endpoints.all
  }

  /** Watch the endpoints of another trial. */
  use(other: Trial): void {
    this.service = other.service
  }

  /** One attempt, as the core would tell of it; a rest that is wanted begins. */
  ask(asked: Endpoint, end: Outcome): number | undefined {
    const attempt = exchange({ service: this.service, endpoint: asked })
    asked.attempts++
    if (asked.probation) asked.probe = attempt
    if (end !== well) asked.failures++
    const restMs = this.detector.ended(asked, outcome(attempt, end), this.peers)
    asked.probe = undefined
    if (end === well || restMs !== undefined) asked.probation = false
    if (typeof restMs === 'number') asked.restingUntilMs = performance.now() + restMs
    return restMs
  }

  /** All but the first endpoint end attempts like this. */
  others(end: Outcome, times: number): void {
    for (let n = 0; n < times; n++) for (const peer of this.peers.slice(1)) this.ask(peer, end)
  }

  /** Fails as often as it takes. */
  failUntilRest(ill: Endpoint): number | undefined {
    for (let n = 0; n < this.failing; n++) {
      const restMs = this.ask(ill, this.failure)
      if (restMs !== undefined) return restMs
    }
    return undefined
  }

  demandStays(asked: Endpoint, restMs: number | undefined, after: string): void {
    demand(restMs === undefined, `undefined after ${after}: ${asked.id} stays`, `a rest of ${show(restMs)} ms`, 'count for each endpoint, and for each instance, from its last success on')
  }
}
