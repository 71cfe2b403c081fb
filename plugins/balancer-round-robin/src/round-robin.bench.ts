// Nanoseconds per pick. Run: node --conditions=mw-source src/round-robin.bench.ts
import { Endpoint, type Exchange } from '@meshwright/core'
import { roundRobin } from './round-robin.ts'

const picks = 5_000_000
const exchange = { endpoint: undefined } as unknown as Exchange

for (const [label, count, weight] of [
  ['equal weights, 3', 3, () => 1],
  ['equal weights, 1000', 1000, () => 1],
  ['different weights, 3', 3, (i: number) => i + 1],
  ['different weights, 10', 10, (i: number) => i + 1],
  ['different weights, 100', 100, (i: number) => i + 1],
] as const) {
  const endpoints = Array.from({ length: count }, (_, i) => new Endpoint({ host: '127.0.0.1', port: i + 1, weight: weight(i) }))
  const balancer = roundRobin()
  balancer.update?.(endpoints)
  let best = Infinity
  for (let round = 0; round < 5; round++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < picks; i++) balancer.pick(endpoints, exchange)
    best = Math.min(best, Number(process.hrtime.bigint() - start) / picks)
  }
  console.log(`${label.padEnd(24)} ${best.toFixed(1).padStart(7)} ns`)
}
