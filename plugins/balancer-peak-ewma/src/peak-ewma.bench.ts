// Nanoseconds per pick, and per attempt that ended. Run: node --conditions=mw-source src/peak-ewma.bench.ts
import { Endpoint, type Exchange } from '@meshwright/core'
import { peakEwma } from './peak-ewma.ts'

const runs = 100_000

function nanosecondsPer(run: (i: number) => void): string {
  let best = Infinity
  for (let round = 0; round < 50; round++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < runs; i++) run(i)
    best = Math.min(best, Number(process.hrtime.bigint() - start) / runs)
  }
  return `${best.toFixed(1).padStart(7)} ns`
}

for (const [label, count, weight] of [
  ['equal weights, 3', 3, () => 1],
  ['equal weights, 100', 100, () => 1],
  ['equal weights, 1000', 1000, () => 1],
  ['different weights, 3', 3, (i: number) => i + 1],
  ['different weights, 100', 100, (i: number) => i + 1],
  ['different weights, 1000', 1000, (i: number) => i + 1],
] as const) {
  const endpoints = Array.from({ length: count }, (_, i) => new Endpoint({ host: '127.0.0.1', port: i + 1, weight: weight(i) }))
  endpoints.forEach((endpoint, i) => Object.assign(endpoint, { inFlight: i % 7 }))
  const balancer = peakEwma()
  balancer.update?.(endpoints)
  const exchange = { error: undefined, response: { status: 200 }, attemptMs: 1, headersMs: 4 } as unknown as Exchange
  endpoints.forEach((endpoint) => balancer.ended?.(endpoint, exchange))
  const pick = nanosecondsPer(() => balancer.pick(endpoints, exchange))
  const ended = nanosecondsPer((i) => balancer.ended?.(endpoints[i % count] as Endpoint, exchange))
  console.log(`${label.padEnd(24)} pick ${pick}, ended ${ended}`)
}
