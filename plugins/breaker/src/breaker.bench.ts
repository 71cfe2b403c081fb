// Nanoseconds per attempt. Run: node --conditions=mw-source src/breaker.bench.ts
import { Exchange, Headers, MeshError, Request, Response } from '@meshwright/core'
import { breaker } from './breaker.ts'

const attempts = 5_000_000
const request = new Request({
  method: 'GET', path: '/', query: '', hasQuery: false, authority: 'shop.example', scheme: 'http', headers: new Headers(), version: '1.1',
  peerAddress: '127.0.0.1', clientAddress: '127.0.0.1', id: 'r', upgrade: undefined, expectContinue: false,
})
const fields = { 'content-type': 'text/plain', 'content-length': '5', date: 'Thu, 01 Jan 2026 00:00:00 GMT', server: 'unit' }

function ended(status: number): Exchange {
  const exchange = new Exchange(request, undefined, undefined, 'public', 1)
  exchange.response = new Response(status, '', Headers.from(fields))
  exchange.attemptMs = performance.now()
  exchange.headersMs = exchange.attemptMs + 1
  return exchange
}

const open = breaker({ minAttempts: 1, openMs: 3_600_000 })
open.admit(ended(500))
open.ended(ended(500))

for (const [label, admission, status] of [
  ['closed, errors only', breaker(), 200],
  ['closed, slow ones too', breaker({ slowMs: 1000 }), 200],
  ['closed, a failure', breaker({ minAttempts: 1_000_000, windowMs: 100 }), 500],
  ['open: refused', open, 200],
] as const) {
  const exchange = ended(status)
  let best = Infinity
  for (let round = 0; round < 5; round++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < attempts; i++) if (admission.admit(exchange) === undefined) admission.ended(exchange)
    best = Math.min(best, Number(process.hrtime.bigint() - start) / attempts)
  }
  console.log(`${label.padEnd(24)} ${best.toFixed(1).padStart(7)} ns`)
}

let best = Infinity
for (let round = 0; round < 5; round++) {
  const start = process.hrtime.bigint()
  for (let i = 0; i < 100_000; i++) if (new MeshError('MESH_BREAKER_OPEN').status === 0) throw new Error('it has a status')
  best = Math.min(best, Number(process.hrtime.bigint() - start) / 100_000)
}
console.log(`an error for each refusal would cost ${best.toFixed(0)} ns`)
