// `npm start`: the old app on a free port, the new one in front of it on 8090.
import type { AddressInfo } from 'node:net'
import { createApp, createLegacy } from './app.ts'

const legacy = createLegacy()
await legacy.listen({ host: '127.0.0.1', port: 0 })
const app = await createApp([`127.0.0.1:${(legacy.server.address() as AddressInfo).port}`])
await app.listen({ host: '127.0.0.1', port: 8090 })

process.stdout.write(`One Fastify app, half of it still elsewhere
  curl http://127.0.0.1:8090/hello
  curl http://127.0.0.1:8090/legacy/invoices
  curl -i http://127.0.0.1:8090/reports/2026
Ctrl-C ends it.
`)

process.once('SIGINT', () => void app.close().then(async () => legacy.close()))
