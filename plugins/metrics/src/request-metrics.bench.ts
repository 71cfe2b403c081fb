// Nanoseconds per exchange. Run: node --conditions=mw-source src/request-metrics.bench.ts
import { Exchange, Headers, MeshError, Metrics, Request, Response, type Route, type Service } from '@meshwright/core'
import { toExposition } from './exposition.ts'
import { requestMetrics } from './request-metrics.ts'

const rounds = 5
const calls = 2_000_000
const metrics = new Metrics()
const filter = requestMetrics(metrics)
const request = new Request({
  method: 'GET', path: '/', query: '', hasQuery: false, authority: 'shop.example', scheme: 'http', headers: new Headers(), version: '1.1',
  peerAddress: '127.0.0.1', clientAddress: '127.0.0.1', id: 'r1', upgrade: undefined, expectContinue: false,
})

const exchanges = Array.from({ length: 256 }, (_, i) => {
  const exchange = new Exchange(request, undefined, { name: `route-${i % 16}` } as Route, 'public', 1000)
  exchange.service = { name: `service-${i % 16}` } as Service
  exchange.response = new Response(i % 10 === 0 ? 503 : 200, '', new Headers())
  if (i % 10 === 0) exchange.error = new MeshError('MESH_NO_ENDPOINT')
  exchange.endedMs = 1000 + 1.03 ** i
  exchange.attempt = 1
  exchange.responseBytes = i * 10
  return exchange
})

let best = Infinity
for (let round = 0; round < rounds; round++) {
  const start = process.hrtime.bigint()
  for (let i = 0; i < calls; i++) filter.onEnd?.(exchanges[i & 255] as Exchange)
  best = Math.min(best, Number(process.hrtime.bigint() - start) / calls)
}
console.log(`onEnd, 256 route objects, a tenth failed  ${best.toFixed(0)} ns`)

for (let i = 0; i < 1000; i++) metrics.histogram('mesh_request_duration_seconds', '', [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60], { route: String(i), service: 's' })
let text = ''
const start = performance.now()
for (let i = 0; i < 10; i++) text = toExposition(metrics.collect())
console.log(`a scrape of 1000 histograms (${Math.round(text.length / 1024)} KiB)  ${((performance.now() - start) / 10).toFixed(1)} ms`)
