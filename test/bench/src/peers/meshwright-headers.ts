// This mesh with a filter that reads three fields of a request, adds two and removes one, by the host that is asked for: none, in TypeScript,
// as a WASM module inline; or, alone in its process, in a thread of its own. What they differ by is the filter, and not what else two
// processes differ by: where their code and their heaps happen to lie.
import { createMesh, type Answer, type Filter } from '@meshwright/core'
import leastRequest from '@meshwright/balancer-least-request'
import metrics from '@meshwright/metrics'
import wasm from '@meshwright/wasm'

const [port, backendPort] = process.argv.slice(2, 4).map(Number) as [number, number]
const [sdk = '', byHand = '', isolation = 'inline'] = process.argv.slice(4)

const inTypeScript: Filter = {
  name: 'headers',
  onRequestHeaders({ request: { headers } }) {
    const agent = headers.get('user-agent')
    const language = headers.get('accept-language')
    const tenant = headers.get('x-tenant')
    headers.append('x-client', agent ?? 'none')
    headers.append('x-plan', language === undefined && tenant === undefined ? 'small' : 'large')
    headers.delete('cookie')
  },
}
const inline: Readonly<Record<string, readonly Answer<Filter>[]>> = {
  none: [],
  typescript: [inTypeScript],
  sdk: [{ wasm: { module: sdk } }],
  'by-hand': [{ wasm: { module: byHand } }],
}
const isolated: typeof inline = { isolated: [{ wasm: { module: sdk, isolation: 'worker' } }] }

const app = createMesh({ logger: false, replyProxy: false })
for (const plugin of [leastRequest, metrics, wasm]) await app.register(plugin)
await app.mesh.apply({
  services: { backend: { endpoints: [`127.0.0.1:${backendPort}`], balancer: 'least-request', timeout: { keepAliveMs: 600_000 } } },
  routes: Object.entries(isolation === 'inline' ? inline : isolated).map(([host, filters]) => ({ match: { host, path: '/*' }, to: 'backend', filters })),
})
await app.mesh.listen({ address: `127.0.0.1:${port}`, timeouts: { keepAliveMs: 3_600_000 }, limits: { connections: 16_000, requestsPerConnection: 0 } })
