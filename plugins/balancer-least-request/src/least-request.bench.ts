// Nanoseconds per pick. Run: node --conditions=mw-source src/least-request.bench.ts
import { Endpoint, type Exchange } from '@meshwright/core'
import { leastRequest } from './least-request.ts'

const picks = 5_000_000
const exchange = { endpoint: undefined } as unknown as Exchange

for (const [label, count, weight, options] of [
  ['two choices of 3', 3, () => 1, {}],
  ['two choices of 1000', 1000, () => 1, {}],
  ['five choices of 1000', 1000, () => 1, { choices: 5 }],
  ['different weights, 3', 3, (i: number) => i + 1, {}],
  ['different weights, 100', 100, (i: number) => i + 1, {}],
  ['different weights, 1000', 1000, (i: number) => i + 1, {}],
  ['different weights, 100, bias 2', 100, (i: number) => i + 1, { bias: 2 }],
] as const) {
  const endpoints = Array.from({ length: count }, (_, i) => new Endpoint({ host: '127.0.0.1', port: i + 1, weight: weight(i) }))
  endpoints.forEach((endpoint, i) => Object.assign(endpoint, { inFlight: i % 7 }))
  const balancer = leastRequest(options)
  balancer.update?.(endpoints)
  let best = Infinity
  for (let round = 0; round < 5; round++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < picks; i++) balancer.pick(endpoints, exchange)
    best = Math.min(best, Number(process.hrtime.bigint() - start) / picks)
  }
  console.log(`${label.padEnd(32)} ${best.toFixed(1).padStart(7)} ns`)
}
