// Nanoseconds per attempt. Run: node --conditions=mw-source src/passive.bench.ts
import { Endpoint, type Exchange, MeshError } from '@meshwright/core'
import { passive, type PassiveOptions } from './passive.ts'

const attempts = 5_000_000
const rounds = 5

for (const [label, failures, options] of [
  ['all well', 0, {}],
  ['all well, split', 0, { splitLocalFailures: true }],
  ['one in ten fails', 0.1, {}],
  ['one in ten fails, split', 0.1, { splitLocalFailures: true }],
] as [string, number, PassiveOptions][]) {
  const peers = Array.from({ length: 10 }, (_, i) => new Endpoint({ host: '127.0.0.1', port: i + 1 }))
  const exchanges = Array.from({ length: 1000 }, (_, i) => {
    const fails = i % 10 < failures * 10
    return { error: fails && i % 20 < 10 ? new MeshError('MESH_CONNECT_FAILED') : undefined, response: { status: fails ? 500 : 200 }, headersMs: 0, attemptMs: 0 } as unknown as Exchange & { headersMs: number }
  })
  const detector = passive({ dryRun: true, ...options })
  let best = Infinity
  for (let round = 0; round < rounds; round++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < attempts; i++) {
      const exchange = exchanges[i % 1000] as Exchange & { headersMs: number }
      // A hundred thousand attempts a second.
      exchange.headersMs = (round * attempts + i) / 100
      detector.ended(peers[i % 10] as Endpoint, exchange, peers)
    }
    best = Math.min(best, Number(process.hrtime.bigint() - start) / attempts)
  }
  console.log(`${label.padEnd(26)} ${best.toFixed(1).padStart(6)} ns`)
}
