// Good discoveries keep all promises; for each promise there is one that breaks it.
import { describe, test } from 'vitest'
import type { EndpointSpec } from '../endpoint.ts'
import type { Discovery } from '../questions.ts'
import { staticEndpoints } from '../static-discovery.ts'
import { everyPromiseCanBreak } from './broken.test.kit.ts'
import { discoveryPromises, testDiscovery } from './discovery.ts'

type Publish = (endpoints: readonly EndpointSpec[]) => void

/** A world with endpoints, and everybody who wants to hear of them. */
class World {
  endpoints: readonly EndpointSpec[] = [{ host: 'a', port: 80 }]
  readonly watchers = new Set<() => void>()

  change(): void {
    this.endpoints = [...this.endpoints, { host: 'b', port: 80 + this.endpoints.length }]
    for (const watcher of this.watchers) watcher()
  }
}

function found(world: World): Discovery {
  return {
    async watch(_service, publish) {
      const tell = (): void => publish(world.endpoints)
      tell()
      world.watchers.add(tell)
      return () => void world.watchers.delete(tell)
    },
  }
}

let world = new World()
const inNewWorld = (make: (world: World) => Discovery) => () => make((world = new World()))

describe('the list of a configuration', () => {
  testDiscovery(() => staticEndpoints(['127.0.0.1:80', { address: '[::1]:81', weight: 3 }]), { test })
})

describe('a source that changes and fails', () => {
  testDiscovery(inNewWorld(found), { test, change: () => world.change(), fail: () => {} })
})

describe('one that only knows its own services', () => {
  const own: Discovery = { watch: (service, publish) => (service.startsWith('own-') ? staticEndpoints([`${service}:80`]).watch(service, publish) : () => {}) }
  testDiscovery(() => own, { test, services: ['own-1', 'own-2'] })
})

/** Publishes what it is given, and can be stopped. */
function publishing(endpoints: unknown): () => Discovery {
  return () => ({
    watch(_service, publish) {
      publish(endpoints as EndpointSpec[])
      return () => {}
    },
  })
}

/** Publishes again and again, whether it was stopped or not. */
function restless(publish: Publish, ms: number): NodeJS.Timeout {
  return setInterval(() => publish([{ host: 'a', port: 80 }]), ms).unref()
}

everyPromiseCanBreak(
  discoveryPromises,
  {
    'discovery/1': [() => ({ watch: () => undefined as never }), () => ({ watch: () => new Promise<never>(() => {}) }), () => ({ watch: async () => Promise.reject(new Error('no source')) })],
    'discovery/2': [publishing([{ host: 'a', port: 0 }]), publishing([{ host: '', port: 80 }]), publishing(['a:80']), publishing({}), publishing([]), () => ({ watch: () => () => {} }), publishing([{ host: 'a', port: 80, weight: 0.5 }])],
    'discovery/3': [publishing([{ host: 'a', port: 80, metadata: { get: () => 'x' } }]), publishing([Object.assign(new URL('http://a'), { host: 'a', port: 80 })])],
    'discovery/4': inNewWorld((world) => ({ watch: (service, publish) => (void found(world).watch(service, publish), () => {}) })),
    'discovery/5': [
      () => ({ watch: (_service, publish) => (setTimeout(() => publish([{ host: 'a', port: 80 }]), 5), () => {}) }),
      () => {
        let stops = 0
        const stop = (): void => {
          if (++stops > 1) throw new Error('stopped already')
        }
        return { watch: () => stop }
      },
      () => ({ watch: (_service, publish) => () => void restless(publish, 5) }),
    ],
    'discovery/6': [
      inNewWorld((world) => {
        const good = found(world)
        return { watch: async (service, publish) => (await good.watch(service, publish), () => world.watchers.clear()) }
      }),
      inNewWorld((world) => ({ watch: (service, publish) => (service === 'users' ? found(world).watch(service, publish) : () => {}) })),
    ],
    'discovery/7': inNewWorld((world) => {
      const list: EndpointSpec[] = []
      return { watch: (service, publish) => found(world).watch(service, (endpoints) => (list.splice(0, list.length, ...endpoints), publish(list))) }
    }),
    'discovery/8': inNewWorld((world) => staticEndpoints(world.endpoints.map(({ host, port }) => `${host}:${port}`))),
    'discovery/9': inNewWorld((world) => ({
      watch(service, publish) {
        world.watchers.add(() => publish([]))
        return found(world).watch(service, publish)
      },
    })),
    'discovery/10': [publishing([{ host: 'a', port: 80 }, { host: 'a', port: 80, weight: 2 }]), publishing([{ id: 'x', host: 'a', port: 80 }, { id: 'x', host: 'b', port: 80 }])],
  },
  { change: () => world.change(), fail: () => world.change() },
)
