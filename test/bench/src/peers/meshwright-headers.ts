// This mesh with one filter that reads three fields of a request, adds two and removes one: in TypeScript, as a WASM module inline, or in threads of its own.
import { createMesh, type Answer, type Filter } from '@meshwright/core'
import leastRequest from '@meshwright/balancer-least-request'
import metrics from '@meshwright/metrics'
import wasm from '@meshwright/wasm'

const [port, backendPort] = process.argv.slice(2, 4).map(Number) as [number, number]
const kind = process.argv[4] ?? 'none'

const inTypeScript: Filter = {
  name: 'headers',
  onRequestHeaders({ request }) {
    request.headers.delete('x-gone')
    request.headers.set('x-what', `${request.method} ${request.target}`)
    request.headers.set('x-whose', request.authority)
  },
}
const inWasm = {
  module: 'npm:@meshwright/filter-header-rewrite',
  configuration: { request: { remove: ['x-gone'], set: { 'x-what': '{method} {path}', 'x-whose': '{authority}' } } },
}
const filters: Readonly<Record<string, readonly Answer<Filter>[]>> = {
  none: [],
  typescript: [inTypeScript],
  inline: [{ wasm: inWasm }],
  isolated: [{ wasm: { ...inWasm, isolation: 'worker' } }],
}

const app = createMesh({ logger: false, replyProxy: false })
for (const plugin of [leastRequest, metrics, wasm]) await app.register(plugin)
await app.mesh.apply({
  services: { backend: { endpoints: [`127.0.0.1:${backendPort}`], balancer: 'least-request' } },
  routes: [{ match: { path: '/*' }, to: 'backend', filters: filters[kind] ?? [] }],
})
await app.mesh.listen({ address: `127.0.0.1:${port}`, timeouts: { keepAliveMs: 3_600_000 }, limits: { connections: 16_000, requestsPerConnection: 0 } })
