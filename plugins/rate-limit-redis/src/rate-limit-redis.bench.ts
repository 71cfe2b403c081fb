// Nanoseconds per request that asks nobody, and how many asked. Run: node --conditions=mw-source src/rate-limit-redis.bench.ts
import { Headers, type Exchange } from '@meshwright/core'
import type { Store } from './leases.ts'
import { rateLimitRedis, type RateLimitRedisOptions } from './rate-limit-redis.ts'

const calls = 1_000_000
const route = { name: 'users' }
let asked = 0
const store: Store = {
  isAway: false,
  holders: 1,
  async lease(_key, wanted) {
    asked++
    return { taken: wanted, waitMs: 0 }
  },
  doubt() {},
}
const away: Store = { ...store, isAway: true }

function exchangesOf(clients: number): Exchange[] {
  const headers = new Headers(['accept', '*/*', 'user-agent', 'bench', 'x-api-key', 'a key of some length'])
  return Array.from({ length: clients }, (_, i) => ({ request: { headers, query: '', clientAddress: `198.51.${(i >> 8) & 255}.${i & 255}`, id: 'bench-1' }, route }) as unknown as Exchange)
}

async function measure(label: string, clients: number, options: Partial<RateLimitRedisOptions>, from: Store = store): Promise<void> {
  const filter = rateLimitRedis({ url: 'redis://127.0.0.1', requests: 100_000_000, windowMs: 100_000, leaseMs: 60_000, lease: 100, ...options }, { store: () => from })
  const exchanges = exchangesOf(clients)
  let best = Infinity
  asked = 0
  for (let round = 0; round < 7; round++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < calls; i++) {
      const verdict = filter.onRequestHeaders?.(exchanges[i % clients] as Exchange)
      if (verdict instanceof Promise) await verdict
    }
    best = Math.min(best, Number(process.hrtime.bigint() - start) / calls)
  }
  console.log(`${label.padEnd(48)} ${best.toFixed(0).padStart(7)} ns ${((asked / calls / 7) * 100).toFixed(2).padStart(8)} % asked`)
}

await measure('1 client, leases of 100', 1, {})
await measure('1000 clients, leases of 100', 1000, {})
await measure('1000 clients, leases of 10', 1000, { lease: 10 })
await measure('1000 clients by route, address and a header', 1000, { key: ['route', 'address', { header: 'x-api-key' }] })
await measure('1000 clients, Redis away', 1000, {}, away)
