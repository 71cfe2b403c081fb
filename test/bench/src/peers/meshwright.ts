// This mesh with its whole default chain: routing, least-request, every timeout armed, metrics, and empty filters and TLS on demand.
import { readFileSync } from 'node:fs'
import { type Filter, type Identity, createMesh } from '@meshwright/core'
import leastRequest from '@meshwright/balancer-least-request'
import metrics from '@meshwright/metrics'

const [port, backendPort, filters] = process.argv.slice(2, 5).map(Number) as [number, number, number]
const [side, keyPath, certPath] = process.argv.slice(5)
const pair = keyPath === undefined || certPath === undefined ? undefined : { key: readFileSync(keyPath, 'utf8'), cert: readFileSync(certPath, 'utf8') }

const identity: Identity = {
  watch(publish) {
    publish({ certificates: pair === undefined ? [] : [pair] })
    return () => {}
  },
}

const empty = (index: number): Filter => ({
  name: `empty-${index}`,
  onRequestHeaders: () => undefined,
  onResponseHeaders: () => undefined,
})

// As `meshwright run` makes it: without reply.proxy, which is for Fastify routes.
const app = createMesh({ logger: false, replyProxy: false })
await app.register(leastRequest)
await app.register(metrics)
await app.mesh.apply({
  services: {
    backend: {
      endpoints: [`127.0.0.1:${backendPort}`],
      balancer: 'least-request',
      ...(side === 'upstream' && pair !== undefined && { tls: { ca: pair.cert } }),
      timeout: { requestMs: 60_000, connectMs: 5000, responseHeadersMs: 15_000, responseIdleMs: 60_000, keepAliveMs: 600_000 },
    },
    other: { endpoints: ['127.0.0.1:1'] },
  },
  routes: [
    { match: { host: 'shop.example', path: '/orders/*', method: 'GET' }, to: 'other' },
    { match: { path: '/users/*' }, to: 'other' },
    { match: { path: '/*' }, to: 'backend', filters: Array.from({ length: filters }, (_, index) => empty(index)) },
  ],
})
await app.mesh.listen({
  address: `127.0.0.1:${port}`,
  ...(side === 'downstream' && { identity }),
  timeouts: { keepAliveMs: 3_600_000 },
  limits: { connections: 16_000, requestsPerConnection: 0 },
})
