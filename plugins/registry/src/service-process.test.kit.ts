// A process of its own for tests: a service that answers with its name and keeps itself in a registry.
import { register } from '@meshwright/register'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const { registry, name, ttlMs } = JSON.parse(process.argv[2] ?? '{}') as { registry: string; name: string; ttlMs: number }

const server = createServer((_request, response) => response.end(name)).listen(0, '127.0.0.1')
await once(server, 'listening')
const registration = await register({ registry, service: 'catalog', port: (server.address() as AddressInfo).port, ttlMs, version: '1', drainMs: 2000 })
process.stdout.write(`${JSON.stringify({ id: registration.id })}\n`)
