// Fastify with @fastify/http-proxy as its manual shows it.
import proxy from '@fastify/http-proxy'
import Fastify from 'fastify'

const [port, backendPort] = process.argv.slice(2).map(Number) as [number, number]
const app = Fastify({ logger: false, keepAliveTimeout: 3_600_000 })
await app.register(proxy, { upstream: `http://127.0.0.1:${backendPort}`, undici: { connections: 1024, pipelining: 1, keepAliveTimeout: 600_000 } })
await app.listen({ port, host: '127.0.0.1', backlog: 4096 })
