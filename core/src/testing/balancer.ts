// What every balancer promises.
import type { Endpoint } from '../endpoint.ts'
import type { Exchange } from '../exchange.ts'
import type { Balancer } from '../questions.ts'
import { endpoints, exchange, outcome } from './build.ts'
import { demand, isThenable, promise, register, show, type ConformancePromise, type Make, type SuiteOptions } from './conformance.ts'
import { watchEndpoints, watchExchange } from './untouched.ts'

/** What an author says of a balancer. */
export interface BalancerOptions extends SuiteOptions {
  /** Does it share by weight? Default true. */
  readonly weighted?: boolean
  /** Does every one of a few equal endpoints get some of the traffic? Default true. */
  readonly spreads?: boolean
  /** How far a share may be from what the weights say. 0..1; default 0.1. */
  readonly tolerance?: number
  /** The exchange of the nth pick, for a balancer that goes by something of it. Default: client address, path, `x-user` and `cookie` are different each time. */
  readonly exchange?: (n: number) => Exchange
}

type BalancerPromise = ConformancePromise<Balancer, BalancerOptions>

const hints = {
  list: '`pick` answers an element of its first argument; a table made in `update` may be of another list',
  stale: '`update` is told of every change: drop whatever is not in the new list',
  priority: 'an instance given by value is handed the lists of all priorities in turn: see `perPriority`',
  shared: 'keep state in the instance, not in the module',
  throws: 'the exchange fails with MESH_PLUGIN_FAILED when a balancer throws',
}

/** Each of them can be asked of any balancer. */
export const balancerPromises: readonly BalancerPromise[] = [
  promise('balancer/1', 'picks one of the endpoints it is given, however many there are', {
    hint: hints.throws,
    async check(make, options) {
      for (const count of [1, 2, 3, 10, 1_000]) {
        const list = endpoints(count)
        const balancer = await make()
        balancer.update?.(list)
        for (let n = 0; n < 50; n++) demandOneOf(list, balancer.pick(list, nth(options, n)))
      }
    },
  }),
  promise('balancer/2', 'answers at once, without a promise', {
    async check(make, options) {
      const list = endpoints(3)
      const balancer = await told(make, list)
      const picked: unknown = balancer.pick(list, nth(options, 0))
      demand(!isThenable(picked), 'an endpoint', `a promise of ${show(picked)}`, 'whatever takes time belongs into `update` or a timer, off the request path')
    },
  }),
  promise('balancer/3', 'picks from a list that it was never told of', {
    hint: hints.throws,
    async check(make, options) {
      const unannounced = await make()
      const list = endpoints(3)
      for (let n = 0; n < 20; n++) demandOneOf(list, unannounced.pick(list, nth(options, n)))
      const balancer = await told(make, list)
      const others = endpoints(5, (index) => ({ id: `other${index}`, port: 8_000 + index }))
      for (let n = 0; n < 20; n++) demandOneOf(others, balancer.pick(others, nth(options, n)))
    },
  }),
  promise('balancer/4', 'never picks an endpoint that has left the list', {
    async check(make, options) {
      const all = endpoints(6, (index) => ({ weight: index + 1 }))
      const balancer = await told(make, all)
      for (let n = 0; n < 60; n++) balancer.pick(all, nth(options, n))
      for (const kept of [all.slice(0, 3), all.slice(2, 4), all.slice(5)]) {
        balancer.update?.(kept)
        for (let n = 0; n < 100; n++) demandOneOf(kept, balancer.pick(kept, nth(options, n)), hints.stale)
      }
    },
  }),
  promise('balancer/5', 'takes an empty list and picks again from the next one', {
    hint: 'a service without fit endpoints has an empty list; nobody picks from it',
    async check(make, options) {
      const balancer = await make()
      balancer.update?.([])
      const list = endpoints(3, { weight: 2 })
      for (const update of [list, [], list]) balancer.update?.(update)
      for (let n = 0; n < 20; n++) demandOneOf(list, balancer.pick(list, nth(options, n)))
    },
  }),
  promise('balancer/6', 'changes neither the list nor the endpoints nor the exchange', {
    hint: 'lists are replaced, never edited, and shared with others: copy before sorting',
    async check(make, options) {
      const list = Object.freeze(endpoints(4, (index) => ({ weight: 4 - index, inFlight: index })))
      const balancer = await make()
      const one = nth(options, 0)
      const checks = [watchEndpoints(list, 'pick'), watchExchange(one, 'pick')]
      balancer.update?.(list)
      for (let n = 0; n < 20; n++) balancer.pick(list, one)
      for (const check of checks) check()
    },
  }),
  promise('balancer/7', 'is not confused by the same endpoints in another array, nor by an array it has seen before', {
    hint: hints.throws,
    async check(make, options) {
      const list = endpoints(4)
      const balancer = await told(make, list)
      const lists = [list.toReversed(), list.slice(0, 2), list, list.slice(3), list]
      for (let n = 0; n < 50; n++) {
        const current = lists[n % lists.length] as Endpoint[]
        if (n % 3 === 0) balancer.update?.(current)
        demandOneOf(current, balancer.pick(current, nth(options, n)))
      }
    },
  }),
  promise('balancer/8', 'copes with weights that are no whole numbers, tiny or huge', {
    hint: 'the weight of an endpoint that starts slowly grows in fractions',
    async check(make, options) {
      for (const weights of [[0.1, 2.5, 1], [0.001, 0.001], [1_000_000, 0.1, 1], [0.3]]) {
        const list = endpoints(weights.length, (index) => ({ weight: weights[index] as number }))
        const balancer = await told(make, list)
        for (let n = 0; n < 50; n++) demandOneOf(list, balancer.pick(list, nth(options, n)))
      }
    },
  }),
  promise('balancer/9', 'gives every one of a few equal endpoints a part of the traffic', {
    applies: ({ spreads = true }) => spreads,
    async check(make, options) {
      const list = endpoints(3)
      const balancer = await told(make, list)
      demandAllUsed(list, busyPicks(balancer, list, 300, options), 300)
    },
  }),
  promise('balancer/10', 'shares the traffic of idle endpoints by weight', {
    applies: ({ weighted = true }) => weighted,
    async check(make, options) {
      for (const weights of [[1, 2, 5], [1, 1, 1, 1], [0.5, 1.5]]) {
        const list = endpoints(weights.length, (index) => ({ weight: weights[index] as number }))
        demandShares(list, idlePicks(await told(make, list), list, 3_000, options), options)
      }
    },
  }),
  promise('balancer/11', 'follows a weight that has changed', {
    applies: ({ weighted = true }) => weighted,
    async check(make, options) {
      const list = endpoints(2)
      const balancer = await told(make, list)
      idlePicks(balancer, list, 10, options)
      ;(list[0] as Endpoint).weight = 9
      const grown = [...list]
      balancer.update?.(grown)
      demandShares(grown, idlePicks(balancer, grown, 3_000, options), options)
    },
  }),
  promise('balancer/12', 'serves the lists of several priorities in turn', {
    hint: hints.priority,
    async check(make, options) {
      const [first, second] = twoPriorities()
      const balancer = await make()
      for (const list of [first, second]) balancer.update?.(list)
      const counts = new Map<Endpoint, number>()
      for (let n = 0; n < 600; n++) {
        const list = n % 2 === 0 ? first : second
        const picked = balancer.pick(list, nth(options, n >> 1))
        demandOneOf(list, picked, hints.priority)
        counts.set(picked, (counts.get(picked) ?? 0) + 1)
        picked.inFlight++
      }
      if (options.spreads ?? true) for (const list of [first, second]) demandAllUsed(list, counts, 300, hints.priority)
    },
  }),
  promise('balancer/13', 'shares nothing with another instance', {
    hint: hints.shared,
    async check(make, options) {
      const a = endpoints(3)
      const b = endpoints(5, (index) => ({ id: `b${index}` }))
      const [forA, forB] = [await told(make, a), await told(make, b)]
      for (let n = 0; n < 60; n++) {
        demandOneOf(a, forA.pick(a, nth(options, n)), hints.shared)
        demandOneOf(b, forB.pick(b, nth(options, n)), hints.shared)
      }
    },
  }),
  promise('balancer/14', 'picks for a further attempt, whatever was tried before', {
    hint: '`exchange.endpoint` is that of the attempt before, and may have left the list',
    async check(make, options) {
      const list = endpoints(3)
      const balancer = await told(make, list)
      const gone = endpoints(1, { id: 'gone' })
      for (const tried of [gone, list.slice(0, 1), list]) {
        const again = nth(options, 7)
        Object.assign(again, { tried, endpoint: tried.at(-1), attempt: tried.length + 1 })
        for (let n = 0; n < 10; n++) demandOneOf(list, balancer.pick(list, again))
      }
    },
  }),
  promise('balancer/15', 'hears of every way an attempt can end, also on an endpoint that has left', {
    hint: 'a failed attempt may have no response; `exchange.headersMs` is then of the attempt before',
    async check(make, options) {
      const list = endpoints(3)
      const balancer = await told(make, list)
      const [gone] = endpoints(1, { id: 'gone' }) as [Endpoint]
      for (const ended of [...list, gone]) {
        for (const end of [{ status: 200 }, { status: 503 }, { error: 'MESH_CONNECT_FAILED' }, { status: 200, error: 'MESH_UPSTREAM_CLOSED' }] as const) {
          const one = outcome(Object.assign(nth(options, 1), { endpoint: ended, attempt: 1 }), end)
          balancer.ended?.(ended, one)
          demandOneOf(list, balancer.pick(list, nth(options, 2)))
        }
      }
    },
  }),
]

/** Registers a test for each of {@link balancerPromises} that applies. @param make a new balancer at each call, as the plugin provides it */
export function testBalancer(make: Make<Balancer>, options: BalancerOptions = {}): void {
  register(balancerPromises, make, options)
}

async function told(make: Make<Balancer>, list: readonly Endpoint[]): Promise<Balancer> {
  const balancer = await make()
  balancer.update?.(list)
  return balancer
}

function nth(options: BalancerOptions, n: number): Exchange {
  if (options.exchange !== undefined) return options.exchange(n)
  return exchange({ path: `/things/${n}?page=${n}`, clientAddress: `10.0.${(n >> 8) & 255}.${n & 255}`, headers: { 'x-user': `user-${n}`, cookie: `session=${n}` } })
}

function demandOneOf(list: readonly Endpoint[], picked: unknown, hint: string = hints.list): void {
  demand(list.includes(picked as Endpoint), `one of ${list.length === 1 ? '1 endpoint' : `${list.length} endpoints`}: ${list.slice(0, 6).map((one) => one.id).join(', ')}`, show(picked), hint)
}

/** Nothing is under way while it picks. */
function idlePicks(balancer: Balancer, list: readonly Endpoint[], times: number, options: BalancerOptions): Map<Endpoint, number> {
  const counts = new Map<Endpoint, number>()
  for (let n = 0; n < times; n++) count(counts, list, balancer.pick(list, nth(options, n)))
  return counts
}

/** Attempts take time: twenty of them are under way. */
function busyPicks(balancer: Balancer, list: readonly Endpoint[], times: number, options: BalancerOptions): Map<Endpoint, number> {
  const counts = new Map<Endpoint, number>()
  const underWay: Endpoint[] = []
  for (let n = 0; n < times; n++) {
    const picked = balancer.pick(list, nth(options, n))
    count(counts, list, picked)
    picked.inFlight++
    underWay.push(picked)
    if (underWay.length > 20) (underWay.shift() as Endpoint).inFlight--
  }
  return counts
}

function count(counts: Map<Endpoint, number>, list: readonly Endpoint[], picked: Endpoint): void {
  demandOneOf(list, picked)
  counts.set(picked, (counts.get(picked) ?? 0) + 1)
}

function demandAllUsed(list: readonly Endpoint[], counts: ReadonlyMap<Endpoint, number>, times: number, hint?: string): void {
  const unused = list.filter((one) => !counts.has(one)).map((one) => one.id)
  demand(unused.length === 0, `each of ${list.length} endpoints among ${times} picks`, `none for ${unused.join(', ')}`, hint ?? 'if this is meant, say `spreads: false`')
}

function demandShares(list: readonly Endpoint[], counts: ReadonlyMap<Endpoint, number>, { tolerance = 0.1 }: BalancerOptions): void {
  const weights = list.reduce((sum, one) => sum + one.weight, 0)
  const picks = [...counts.values()].reduce((sum, one) => sum + one, 0)
  for (const one of list) {
    const [due, given] = [one.weight / weights, (counts.get(one) ?? 0) / picks]
    demand(Math.abs(due - given) <= tolerance, `a share of ${due.toFixed(2)} ± ${tolerance} for weight ${one.weight} of ${weights}`, `a share of ${given.toFixed(2)}`, 'if weights are ignored on purpose, say `weighted: false`')
  }
}

function twoPriorities(): [Endpoint[], Endpoint[]] {
  const of = (priority: number): Endpoint[] => endpoints(3, (index) => ({ id: `p${priority}-${index}`, port: 9_000 + 10 * priority + index, priority }))
  return [of(0), of(1)]
}
