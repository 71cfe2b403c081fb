// Nanoseconds per pick, microseconds per update. Run: node --conditions=mw-source src/random.bench.ts
import { Endpoint, type Exchange } from '@meshwright/core'
import { random } from './random.ts'

const picks = 100_000
const exchange = {} as Exchange

for (const [label, count, weight] of [
  ['equal weights, 3', 3, () => 1],
  ['equal weights, 1000', 1000, () => 1],
  ['different weights, 3', 3, (i: number) => i + 1],
  ['different weights, 100', 100, (i: number) => i + 1],
  ['different weights, 1000', 1000, (i: number) => i + 1],
] as const) {
  const endpoints = Array.from({ length: count }, (_, i) => new Endpoint({ host: '127.0.0.1', port: i + 1, weight: weight(i) }))
  const balancer = random()
  balancer.update?.(endpoints)
  let best = Infinity
  for (let round = 0; round < 100; round++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < picks; i++) balancer.pick(endpoints, exchange)
    best = Math.min(best, Number(process.hrtime.bigint() - start) / picks)
  }
  const start = process.hrtime.bigint()
  for (let i = 0; i < 1000; i++) balancer.update?.(endpoints)
  const updateUs = Number(process.hrtime.bigint() - start) / 1e6
  console.log(`${label.padEnd(24)} ${best.toFixed(1).padStart(7)} ns ${updateUs.toFixed(1).padStart(7)} µs per update`)
}
