// Nanoseconds per pick, milliseconds per table. Run: node --conditions=mw-source src/maglev.bench.ts
import { Endpoint, Headers, type Exchange } from '@meshwright/core'
import { maglev, type MaglevOptions } from './maglev.ts'
import { tableOf } from './table.ts'

const picks = 100_000

const request = {
  clientAddress: '203.0.113.77',
  path: '/users/7/orders',
  query: 'page=2&user=7f3c9a52&sort=date',
  headers: Headers.from({
    accept: '*/*',
    'user-agent': 'bench',
    cookie: 'theme=dark; session=3f2b8c1e-8d4a-4f7e-9b60-1c2d3e4f5a6b; lang=en',
    'x-user': '7f3c9a52-1b2c-4d5e-8f90-a1b2c3d4e5f6',
  }),
}
const exchange = { request, tried: [] } as unknown as Exchange

function endpointsOf(count: number, weight: (i: number) => number = () => 1): Endpoint[] {
  return Array.from({ length: count }, (_, i) => new Endpoint({ host: '127.0.0.1', port: i + 1, weight: weight(i) }))
}

function best(rounds: number, run: () => void): number {
  let best = Infinity
  for (let round = 0; round < rounds; round++) {
    const start = process.hrtime.bigint()
    run()
    best = Math.min(best, Number(process.hrtime.bigint() - start))
  }
  return best
}

const keys: Record<string, MaglevOptions> = {
  address: {},
  path: { key: ['path'] },
  header: { key: [{ header: 'x-user' }] },
  cookie: { key: [{ cookie: 'session' }] },
  query: { key: [{ query: 'user' }] },
  'none there': { key: [{ header: 'x-none' }] },
  'header and path': { key: [{ header: 'x-user' }, 'path'] },
  'address, bounded': { maxLoadPercent: 125 },
}
for (const [label, options] of Object.entries(keys)) {
  const endpoints = endpointsOf(100)
  const balancer = maglev(options)
  balancer.update?.(endpoints)
  const ns = best(50, () => {
    for (let i = 0; i < picks; i++) balancer.pick(endpoints, exchange)
  })
  console.log(`${label.padEnd(24)} ${(ns / picks).toFixed(1).padStart(7)} ns`)
}
for (const [label, count, size, weight] of [
  ['65537 for 3', 3, 65_537, undefined],
  ['65537 for 100', 100, 65_537, undefined],
  ['65537 for 1000', 1000, 65_537, undefined],
  ['65537 for 100 by weight', 100, 65_537, (i: number) => i + 1],
  ['5000011 for 1000', 1000, 5_000_011, undefined],
] as const) {
  const endpoints = endpointsOf(count, weight)
  const ns = best(10, () => void tableOf(endpoints, size))
  console.log(`${label.padEnd(24)} ${(ns / 1e6).toFixed(2).padStart(7)} ms`)
}
