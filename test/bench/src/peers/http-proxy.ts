// The http-proxy package with an agent that keeps connections.
import { Agent, createServer } from 'node:http'
import httpProxy from 'http-proxy'

const [port, backendPort] = process.argv.slice(2).map(Number) as [number, number]
const agent = new Agent({ keepAlive: true, maxSockets: 256 })
const proxy = httpProxy.createProxyServer({ target: `http://127.0.0.1:${backendPort}`, agent, xfwd: true })
proxy.on('error', (_error, _req, res) => res.writeHead(502).end())
createServer({ keepAliveTimeout: 3_600_000 }, (req, res) => proxy.web(req, res)).listen(port, '127.0.0.1', 4096)
