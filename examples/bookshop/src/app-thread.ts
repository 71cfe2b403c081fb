// One thread, one app: tells its port when it listens, and the registry if it is one that registers.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import { register } from '@meshwright/register'
import type { FastifyInstance } from 'fastify'
import type { AppName, AppThreadData, MeshAddress } from './apps.ts'
import { catalog } from './apps/catalog.ts'
import { front } from './apps/front.ts'
import { orders } from './apps/orders.ts'
import { reviews } from './apps/reviews.ts'

const apps: Record<AppName, () => FastifyInstance> = {
  front: () => front(meshUrl),
  'catalog-v1': () => catalog('v1'),
  'catalog-v2': () => catalog('v2'),
  'reviews-1': () => reviews({ name: 'reviews-1', delayMs: 2, failing: 0 }),
  'reviews-slow': () => reviews({ name: 'reviews-slow', delayMs: 80, failing: 0 }),
  'reviews-shaky': () => reviews({ name: 'reviews-shaky', delayMs: 2, failing: 10 }),
  orders: () => orders(),
}

const parent = parentPort
if (parent === null) throw new Error('this file runs in a worker thread')
const told = once(parent, 'message') as Promise<[MeshAddress]>

async function meshUrl(): Promise<string> {
  return (await told)[0].shop
}

const { name, port } = workerData as AppThreadData
const app = apps[name]()
await app.listen({ host: '127.0.0.1', port })
const listening = app.server.address() as AddressInfo
parent.postMessage(listening.port)
const [{ admin }] = await told
// The others stand in mesh.yaml. A thread hears no signals, and the registry does not outlive the mesh.
if (name.startsWith('catalog')) await register({ registry: admin, service: name, port: listening.port, signals: false })
parent.postMessage('registered')
