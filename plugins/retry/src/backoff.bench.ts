// Nanoseconds per question. Run: node --conditions=mw-source src/backoff.bench.ts
import { Exchange, Headers, MeshError, Request, Response, type Service } from '@meshwright/core'
import { backoff } from './backoff.ts'

const questions = 5_000_000
const request = new Request({
  method: 'GET', path: '/', query: '', hasQuery: false, authority: 'shop.example', scheme: 'http', headers: new Headers(), version: '1.1',
  peerAddress: '127.0.0.1', clientAddress: '127.0.0.1', id: 'r', upgrade: undefined, expectContinue: false,
})
const fields = { 'content-type': 'text/plain', 'content-length': '5', date: 'Thu, 01 Jan 2026 00:00:00 GMT', server: 'unit', 'retry-after': '2' }

function failed(status: number | undefined): Exchange {
  const exchange = new Exchange(request, undefined, undefined, 'public', 1)
  exchange.attempt = 1
  exchange.service = { active: 100, retrying: 1 } as Service
  exchange.deadlineMs = performance.now() + 3_600_000
  if (status === undefined) exchange.error = new MeshError('MESH_CONNECT_FAILED')
  else exchange.response = new Response(status, '', Headers.from(fields))
  return exchange
}

for (const [label, status, options] of [
  ['404, nothing to try again', 404, { on: ['5xx', 'gateway-error'] }],
  ['503, tried again', 503, { on: ['5xx', 'gateway-error'] }],
  ['no connection, tried again', undefined, {}],
  ['429, waited for', 429, { statusCodes: [429], rateLimited: {} }],
] as const) {
  const policy = backoff(options)
  const exchange = failed(status)
  let best = Infinity
  for (let round = 0; round < 5; round++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < questions; i++) policy.next(exchange)
    best = Math.min(best, Number(process.hrtime.bigint() - start) / questions)
  }
  console.log(`${label.padEnd(32)} ${best.toFixed(1).padStart(7)} ns`)
}
