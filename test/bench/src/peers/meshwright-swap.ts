// This mesh with a WASM filter that another module takes the place of at each SIGUSR2; responses tell which one they passed.
import { createMesh, type MeshSpec } from '@meshwright/core'
import leastRequest from '@meshwright/balancer-least-request'
import metrics from '@meshwright/metrics'
import wasm from '@meshwright/wasm'

const [port, backendPort] = process.argv.slice(2, 4).map(Number) as [number, number]
const modules = process.argv.slice(4)
let version = 0

const spec = (): MeshSpec => ({
  services: { backend: { endpoints: [`127.0.0.1:${backendPort}`], balancer: 'least-request' } },
  routes: [{ match: { path: '/*' }, to: 'backend', filters: [{ wasm: { module: modules[version % modules.length] ?? '', configuration: { response: { set: { 'x-version': String(version) } } } } }] }],
})

const app = createMesh({ logger: false, replyProxy: false })
for (const plugin of [leastRequest, metrics, wasm]) await app.register(plugin)
await app.mesh.apply(spec())
await app.mesh.listen({ address: `127.0.0.1:${port}`, timeouts: { keepAliveMs: 3_600_000 }, limits: { requestsPerConnection: 0 } })
process.on('SIGUSR2', () => {
  version++
  void app.mesh.apply(spec())
})
