// This mesh with as many VMs of the same WASM filter as asked for, inline or in threads of their own.
import { createMesh } from '@meshwright/core'
import wasm from '@meshwright/wasm'

const [port, backendPort, count] = process.argv.slice(2, 5).map(Number) as [number, number, number]
const isolation = process.argv[5] === 'worker' ? ({ isolation: 'worker', deadlineMs: 10_000 } as const) : {}

const module = 'npm:@meshwright/filter-header-rewrite'
const configuration = { request: { set: { 'x-whose': '{authority}' } } }

const app = createMesh({ logger: false, replyProxy: false })
await app.register(wasm)
await app.mesh.apply({
  services: { backend: { endpoints: [`127.0.0.1:${backendPort}`] } },
  // Filters of different ids share no VM.
  routes: [{ match: { path: '/*' }, to: 'backend', filters: Array.from({ length: count }, (_, index) => ({ wasm: { module, configuration, vmId: `vm-${index}`, ...isolation } })) }],
})
// Fifty crossings into other threads take their time on a busy machine.
await app.mesh.listen({ address: `127.0.0.1:${port}`, timeouts: { filterMs: 60_000 } })
