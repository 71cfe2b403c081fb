// Good balancers keep all promises; for each promise there is one that breaks it.
import { describe, expect, test } from 'vitest'
import type { Endpoint } from '../endpoint.ts'
import { perPriority } from '../per-priority.ts'
import type { Balancer } from '../questions.ts'
import { inTurn } from '../service.ts'
import { balancerPromises, testBalancer } from './balancer.ts'
import { everyPromiseCanBreak } from './broken.test.kit.ts'

describe('the balancer of the core', () => {
  testBalancer(() => perPriority(() => inTurn()), { test, weighted: false })
})

describe('a balancer by weight and chance', () => {
  testBalancer(() => byWeight(), { test })
})

describe('the idlest', () => {
  testBalancer(() => ({ pick: (list) => list.reduce((best, next) => (next.inFlight < best.inFlight ? next : best)) }), { test, weighted: false })
})

function byWeight(): Balancer {
  let state = 1
  return {
    pick(list) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      let left = (state / 2 ** 32) * list.reduce((sum, one) => sum + one.weight, 0)
      return list.find((one) => (left -= one.weight) < 0) ?? (list.at(-1) as Endpoint)
    },
  }
}

/** A good balancer with something wrong. */
function but(wrong: (good: Balancer) => Partial<Balancer>): () => Balancer {
  return () => {
    const good = byWeight()
    return { ...good, ...wrong(good) }
  }
}

/** Picks from what `update` told, at random, whatever it is given. */
function remembering(): Balancer {
  const good = byWeight()
  let known: readonly Endpoint[] = []
  return { update: (list) => void (known = list), pick: (_list, exchange) => good.pick(known, exchange) }
}

const everybody: Endpoint[] = []

everyPromiseCanBreak<Balancer, object>(balancerPromises, {
  'balancer/1': () => ({ pick: (list) => list[3] as Endpoint }),
  'balancer/2': but((good) => ({ pick: (list, exchange) => Promise.resolve(good.pick(list, exchange)) as never })),
  'balancer/3': remembering,
  'balancer/4': () => {
    const seen = new Set<Endpoint>()
    return { update: (list) => list.forEach((one) => seen.add(one)), pick: (list) => [...seen, ...list][0] as Endpoint }
  },
  'balancer/5': but(() => ({ update: (list) => void list[0]!.weight })),
  'balancer/6': but(() => ({ update: (list) => void (list as Endpoint[]).reverse() })),
  'balancer/7': () => {
    let at: number | undefined
    let turn = 0
    return { update: (list) => void (at = list.length), pick: (list) => list[turn++ % (at ?? list.length)] as Endpoint }
  },
  'balancer/8': but((good) => ({ pick: (list, exchange) => (list.every((one) => Number.isInteger(one.weight)) ? good.pick(list, exchange) : list.flatMap((one) => Array<Endpoint>(one.weight).fill(one))[0]) as Endpoint })),
  'balancer/9': () => ({ pick: ([first]) => first as Endpoint }),
  'balancer/10': () => inTurn(),
  'balancer/11': but((good) => {
    const weights = new Map<Endpoint, number>()
    return {
      pick(list, exchange) {
        for (const one of list) if (!weights.has(one)) weights.set(one, one.weight)
        const old = list.map((one) => ({ one, weight: weights.get(one) }) as unknown as Endpoint)
        return (good.pick(old, exchange) as unknown as { one: Endpoint }).one
      },
    }
  }),
  'balancer/12': () => {
    let at = 0
    let last: readonly Endpoint[] = []
    return {
      pick(list) {
        at = list === last ? (at + 1) % list.length : 0
        last = list
        return list[at] as Endpoint
      },
    }
  },
  'balancer/13': but((good) => ({ update: (list) => void everybody.splice(0, everybody.length, ...list), pick: (list, exchange) => good.pick(everybody.length > 0 ? everybody : list, exchange) })),
  'balancer/14': but((good) => ({ pick: (list, exchange) => exchange.endpoint ?? good.pick(list, exchange) })),
  'balancer/15': but(() => ({ ended: (_endpoint, exchange) => void exchange.response!.status })),
})

test('a broken promise says which it is, what was expected, what happened and what to look at', async () => {
  const error: unknown = await balancerPromises[8]?.check(() => ({ pick: ([first]) => first as Endpoint }), {}).catch((thrown: unknown) => thrown)
  expect(String(error)).toBe(`BrokenPromise: balancer/9 gives every one of a few equal endpoints a part of the traffic
  expected: each of 3 endpoints among 300 picks
  happened: none for e1, e2
  hint: if this is meant, say \`spreads: false\``)
})
