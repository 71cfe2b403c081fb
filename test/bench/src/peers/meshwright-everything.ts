// This mesh with everything on that a careful operator switches on: rate limit, peak-ewma, retry, outlier detection, limits, access log, metrics.
import accessLog from '@meshwright/access-log'
import peakEwma from '@meshwright/balancer-peak-ewma'
import { createMesh } from '@meshwright/core'
import limits from '@meshwright/limits'
import metrics from '@meshwright/metrics'
import outlier from '@meshwright/outlier'
import rateLimit from '@meshwright/rate-limit'
import retry from '@meshwright/retry'

const [port, backendPort] = process.argv.slice(2, 4).map(Number) as [number, number]

const app = createMesh({ logger: false, replyProxy: false })
for (const plugin of [accessLog, peakEwma, limits, metrics, outlier, rateLimit, retry]) await app.register(plugin)
await app.mesh.apply({
  services: {
    backend: {
      endpoints: [`127.0.0.1:${backendPort}`],
      balancer: 'peak-ewma',
      retry: { backoff: { attempts: 3, on: ['connect-failure', 'gateway-error'] } },
      outlier: 'passive',
      admission: ['limits'],
      timeout: { requestMs: 60_000, connectMs: 5000, responseHeadersMs: 15_000, responseIdleMs: 60_000, keepAliveMs: 600_000 },
    },
    other: { endpoints: ['127.0.0.1:1'] },
  },
  routes: [
    { match: { host: 'shop.example', path: '/orders/*', method: 'GET' }, to: 'other' },
    { match: { path: '/users/*' }, to: 'other' },
    // A budget that is never used up: what is measured is the counting.
    { match: { path: '/*' }, to: 'backend', filters: [{ 'rate-limit': { requests: 1_000_000, windowMs: 1_000 } }] },
  ],
  filters: [{ 'access-log': { destination: '/dev/null', sample: 0.01 } }],
})
await app.mesh.listen({ address: `127.0.0.1:${port}`, timeouts: { keepAliveMs: 3_600_000 }, limits: { connections: 16_000, requestsPerConnection: 0 } })
