// A shop in two halves: web asks orders through a proxy on either side, and the proxies speak mutual TLS to each other.
import type { AddressInfo } from 'node:net'
import { createMesh, type MeshApp } from '@meshwright/core'
import { tls } from '@meshwright/tls'
import fastify, { type FastifyInstance } from 'fastify'
import { Authority, type Files } from './certificates.ts'
import { only } from './only.ts'

export const ids = { web: 'spiffe://shop.example/web', orders: 'spiffe://shop.example/orders' } as const

/** Where everything listens; 0 takes a free port. */
export interface Ports {
  readonly web: number
  readonly orders: number
}

export interface Shop {
  /** Where web would ask: plain HTTP on its own machine. */
  readonly url: string
  /** Where the proxies meet. */
  readonly securePort: number
  readonly authority: Authority
  close(): Promise<void>
}

/** Starts the service and both proxies. @param folder for keys and certificates */
export async function startShop(folder: string, ports: Ports): Promise<Shop> {
  const authority = new Authority(folder)
  const service = await startService()
  const { ca } = authority
  const orders = await ordersProxy((service.server.address() as AddressInfo).port)
  const inner = await orders.mesh.listen({
    address: `127.0.0.1:${ports.orders}`,
    identity: tls({ ...authority.issue('orders', ids.orders), ca, debounceMs: 50 }, orders.mesh),
    tls: { minVersion: 1.3, clientCertificates: 'required' },
    forwardClientCertificate: { mode: 'sanitize-set', keys: ['By', 'Hash', 'URI'] },
    unrouted: 'reply',
  })
  const web = await webProxy(authority.issue('web', ids.web), ca, inner.port)
  const outer = await web.mesh.listen({ address: `127.0.0.1:${ports.web}`, unrouted: 'reply' })
  const close = async (): Promise<void> => {
    for (const app of [web, orders, service]) await app.close()
  }
  return { url: outer.url, securePort: inner.port, authority, close }
}

/** Beside web: shows its certificate, and talks to nobody but orders. */
async function webProxy(files: Files, ca: string, port: number): Promise<MeshApp> {
  const app = createMesh()
  await app.mesh.service('orders', {
    endpoints: [`127.0.0.1:${port}`],
    tls: { identity: tls({ ...files, ca, debounceMs: 50 }, app.mesh), sans: [ids.orders] },
  })
  app.mesh.route('/*', 'orders')
  await app.ready()
  return app
}

/** Beside orders: takes nobody without a certificate of the same authority, and then only web. */
async function ordersProxy(port: number): Promise<MeshApp> {
  const app = createMesh()
  await app.mesh.service('orders', { endpoints: [`127.0.0.1:${port}`] })
  app.mesh.filter(only(ids.web))
  app.mesh.route('/*', 'orders')
  await app.ready()
  return app
}

/** The service itself knows nothing of TLS; it is told who asks. */
async function startService(): Promise<FastifyInstance> {
  const service = fastify()
  service.get('/*', async (request) => ({ orders: ['A-1', 'A-2'], asked: request.headers['x-forwarded-client-cert'], over: request.headers['x-forwarded-proto'] }))
  await service.listen({ host: '127.0.0.1', port: 0 })
  return service
}
