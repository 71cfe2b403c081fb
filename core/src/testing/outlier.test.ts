// A good outlier detector keeps all promises; for each promise there is one that breaks it.
import { describe, test } from 'vitest'
import type { Endpoint } from '../endpoint.ts'
import type { Exchange } from '../exchange.ts'
import type { OutlierDetector } from '../questions.ts'
import { everyPromiseCanBreak } from './broken.test.kit.ts'
import { outlierPromises, testOutlierDetector } from './outlier.ts'

type Ended = OutlierDetector['ended']

function failed(exchange: Exchange): boolean {
  return exchange.error !== undefined || (exchange.response?.status ?? 0) >= 500
}

/** So many failures in a row, and half of the peers stay. */
function inARow(failing = 5): OutlierDetector {
  const counts = new WeakMap<Endpoint, number>()
  return {
    ended(endpoint, exchange, peers) {
      const count = failed(exchange) ? (counts.get(endpoint) ?? 0) + 1 : 0
      const isDue = count >= failing && peers.filter((peer) => peer.restingUntilMs > 0).length < peers.length / 2
      counts.set(endpoint, isDue ? 0 : count)
      return isDue ? 30_000 : undefined
    },
  }
}

describe('five failures in a row', () => {
  testOutlierDetector(inARow, { test })
})

describe('two connections in a row that were refused', () => {
  testOutlierDetector(() => inARow(2), { test, failing: 2, failure: { error: 'MESH_CONNECT_FAILED' } })
})

/** A good one, asked by one with something wrong. */
function but(wrong: (good: Ended) => Ended): () => OutlierDetector {
  return () => {
    const good = inARow()
    return { ended: wrong((endpoint, exchange, peers) => good.ended(endpoint, exchange, peers)) }
  }
}

/** Rests whoever has so many failures, whatever else is true. */
function counting(failing: number, key: (endpoint: Endpoint) => unknown, isReset: (exchange: Exchange) => boolean, counts = new Map<unknown, number>()): () => OutlierDetector {
  return () => ({
    ended(endpoint, exchange) {
      const count = isReset(exchange) ? 0 : (counts.get(key(endpoint)) ?? 0) + Number(failed(exchange))
      counts.set(key(endpoint), count % failing)
      return count >= failing ? 1_000 : undefined
    },
  })
}

const self = (endpoint: Endpoint): Endpoint => endpoint
const wentWell = (exchange: Exchange): boolean => !failed(exchange)

everyPromiseCanBreak(outlierPromises, {
  'outlier/1': [
    but((good) => (...told) => good(...told) ?? 0),
    but((good) => (...told) => (good(...told) === undefined ? undefined : Infinity)),
    but((good) => (...told) => (good(...told) === undefined ? undefined : ('30s' as never))),
    but((good) => (...told) => {
      if (good(...told) !== undefined) throw new Error('too bad')
      return undefined
    }),
  ],
  'outlier/2': [but(() => (endpoint) => (endpoint.attempts > 100 ? 1 : undefined)), but(() => (_endpoint, exchange) => (exchange.response?.status === 200 ? 1 : undefined))],
  'outlier/3': [() => ({ ended: () => undefined }), () => inARow(6)],
  'outlier/4': () => inARow(4),
  'outlier/5': counting(5, self, () => false),
  'outlier/6': counting(5, self, wentWell),
  'outlier/7': counting(5, () => 'all of them', wentWell),
  'outlier/8': but((good) => {
    const rested = new Set<Endpoint>()
    return (endpoint, exchange, peers) => {
      const restMs = rested.has(endpoint) ? undefined : good(endpoint, exchange, peers)
      if (restMs !== undefined) rested.add(endpoint)
      return restMs
    }
  }),
  'outlier/9': [
    but((good) => (endpoint, exchange, peers) => (exchange.response!.status === 0 ? undefined : good(endpoint, exchange, peers))),
    but((good) => (endpoint, exchange, peers) => good(peers.find((peer) => peer.id === endpoint.id)!, exchange, peers)),
  ],
  'outlier/10': [
    but((good) => (endpoint, exchange, peers) => {
      const restMs = good(endpoint, exchange, peers)
      if (restMs !== undefined) endpoint.healthy = false
      return restMs
    }),
    but((good) => (endpoint, exchange, peers) => ((exchange.error = undefined), (exchange.response = undefined), good(endpoint, exchange, peers))),
    but((good) => (endpoint, exchange, peers) => good(endpoint, exchange, (peers as Endpoint[]).reverse())),
  ],
  'outlier/11': counting(5, self, wentWell, new Map()),
})
