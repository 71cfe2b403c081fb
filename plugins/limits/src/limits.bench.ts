// Nanoseconds per attempt. Run: node --conditions=mw-source src/limits.bench.ts
import { Endpoint, MeshError, type Exchange } from '@meshwright/core'
import { limits } from './limits.ts'

const attempts = 10_000_000
const admission = limits({ requests: 100, retries: 10, endpointRequests: 50 })

for (const [label, active] of [
  ['admitted', 1],
  ['refused', 100],
] as const) {
  const exchange = { service: { active, retrying: 0 }, endpoint: new Endpoint({ host: '127.0.0.1', port: 80 }), attempt: 1 } as unknown as Exchange
  let best = Infinity
  for (let round = 0; round < 5; round++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < attempts; i++) if (admission.admit(exchange) === undefined) admission.ended(exchange)
    best = Math.min(best, Number(process.hrtime.bigint() - start) / attempts)
  }
  console.log(`${label.padEnd(12)} ${best.toFixed(1).padStart(7)} ns`)
}

let best = Infinity
for (let round = 0; round < 5; round++) {
  const start = process.hrtime.bigint()
  for (let i = 0; i < 100_000; i++) if (new MeshError('MESH_OVERFLOW').status === 0) throw new Error('it has a status')
  best = Math.min(best, Number(process.hrtime.bigint() - start) / 100_000)
}
console.log(`an error for each refusal would cost ${best.toFixed(0)} ns`)
