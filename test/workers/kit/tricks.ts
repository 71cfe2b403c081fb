// A plugin for tests with threads: it shows which thread answers, and misbehaves when a request says so.
import { definePlugin, type Endpoint, type EndpointSpec, type Filter, type MeshPlugin, reply } from '@meshwright/core'
import { BroadcastChannel, threadId } from 'node:worker_threads'
import { testCertificate, testKey } from './tls.ts'

/** What a test tells the control side through {@link tell}. */
interface Told {
  readonly endpoints?: readonly EndpointSpec[]
  /** Ids of endpoints that are not fit. */
  readonly unfit?: readonly string[]
}

const plugin: MeshPlugin = definePlugin({ name: 'tricks', mesh: '*' }, (mesh) => {
  const requests = mesh.metrics.counter('tricks_requests_total', 'Requests that the filter has seen')
  const fitness = new Map<string, Set<string>>()
  if (mesh.side !== 'data') mesh.onClose(listenTo('unfit', ({ unfit = [] }) => void fitness.set('ids', new Set(unfit))))
  mesh.provide('filter', 'tricks', () => tricks(() => requests.inc()))
  mesh.provide('filter', 'control-only', () => controlOnly(mesh.side))
  mesh.provide('discovery', 'told', (options: { channel: string }) => ({
    watch(_service, publish) {
      publish([])
      return listenTo(options.channel, ({ endpoints = [] }) => publish(endpoints))
    },
  }))
  mesh.provide('health', 'told', () => ({
    intervalMs: 10,
    async check(endpoint: Endpoint) {
      if (fitness.get('ids')?.has(endpoint.id)) throw new Error('told so')
    },
  }))
  mesh.provide('outlier', 'first-failure', () => ({ ended: (_endpoint, exchange) => (exchange.response?.status === 500 ? 600_000 : undefined) }))
  mesh.provide('identity', 'fixed', () => ({
    watch(publish) {
      publish({ certificates: [{ key: testKey, cert: testCertificate }] })
      return () => {}
    },
  }))
})

/** Speaks to the discoveries and health checks of a mesh in this process. */
export function tell(channel: string, told: Told): void {
  const out = new BroadcastChannel(`tricks-${channel}`)
  out.postMessage(told)
  out.close()
}

function listenTo(channel: string, hear: (told: Told) => void): () => void {
  const incoming = new BroadcastChannel(`tricks-${channel}`)
  incoming.addEventListener('message', (event) => hear((event as unknown as { data: Told }).data))
  incoming.unref()
  return () => incoming.close()
}

function tricks(count: () => void): Filter {
  return {
    name: 'tricks',
    onRequestHeaders({ request }) {
      count()
      const trick = request.headers.get('x-trick')
      if (trick === 'block') for (;;) Math.random()
      if (trick === 'throw') setTimeout(() => { throw new Error('out of a timer') })
      if (trick === 'memory') eat()
      return trick === 'thread' ? reply(200, String(threadId)) : undefined
    },
    onResponseHeaders({ response }) {
      response?.headers.set('x-thread', String(threadId))
    },
  }
}

function eat(): never {
  const eaten: number[][] = []
  for (;;) eaten.push(Array.from({ length: 10_000 }, Math.random))
}

/** Can be made in the supervisor and not in its threads. */
function controlOnly(side: string): Filter {
  if (side === 'data') throw new Error('not in a data-plane thread')
  return { name: 'control-only' }
}

export default plugin
