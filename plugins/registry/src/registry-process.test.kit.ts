// A process of its own for tests: a mesh that keeps a registry. Its argument says where; it prints its URLs as JSON.
import { runMesh } from '@meshwright/core'

const { file, token, adminPort } = JSON.parse(process.argv[2] ?? '{}') as { file: string; token: string; adminPort: number }

const mesh = await runMesh(
  { listeners: [{ address: '127.0.0.1:0' }], services: { catalog: { discovery: { registry: {} } } }, routes: [{ to: 'catalog' }] },
  { plugins: [{ module: new URL('./index.ts', import.meta.url).href, options: { file, token } }], adminAddress: `127.0.0.1:${adminPort}` },
)
process.stdout.write(`${JSON.stringify({ adminUrl: mesh.adminUrl, url: mesh.listeners[0]?.url })}\n`)
