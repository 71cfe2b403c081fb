// A registry that is opened when it is needed, and the discovery that reads it or one on another machine.
import type { Discovery, EndpointSpec, Logger, Metrics } from '@meshwright/core'
import type { OpenRegistry } from './api.ts'
import { KnownSet } from './known-set.ts'
import { Refusal } from './refusal.ts'
import { RemoteWatch } from './remote.ts'
import { ServiceRegistry } from './service-registry.ts'
import { openStore } from './store.ts'
import { Watchers } from './watchers.ts'

export interface RegistryOptions {
  /** The registry's file; `:memory:` keeps nothing. Default `.meshwright/registry.db` in the working directory. */
  readonly file?: string
  /** Instances of all services. 1..1000000; default 10000. */
  readonly maxInstances?: number
  /** 1..100000; default 1000. */
  readonly maxServices?: number
  /** Who may follow services at a time. 1..10000; default 200. */
  readonly maxWatchers?: number
  /** Between two comments on a stream that says nothing else. Milliseconds, 100..300000; default 15000. */
  readonly keepAliveMs?: number
  /** A watcher that has not taken an event after this time is dropped. Milliseconds, 10..300000; default 10000. */
  readonly stallMs?: number
  /** How long a registry that begins with nothing says that not everybody may have been heard of. Milliseconds, 0..3600000; default 30000. */
  readonly settleMs?: number
}

export interface RegistryDiscoveryOptions {
  /** A registry on another machine: the admin API of its mesh, `http://host:9901`. Default: the registry of this mesh. */
  readonly url?: string
  /** The service there. Default: the name of the service here. */
  readonly service?: string
  /** For another machine: a stream that is silent for so long is taken for dead. Milliseconds, 100..3600000; default 45000. */
  readonly silenceMs?: number
  /** For another machine: longest event that is taken. Characters, 1000..1073741824; default 16777216. */
  readonly maxEventLength?: number
}

/** What a registry uses of its mesh. */
export interface RegistryHost {
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
  readonly metrics: Metrics
}

export const defaultFile = '.meshwright/registry.db'

/** A registry that costs nothing before somebody asks for it. */
export class EmbeddedRegistry {
  readonly #options: RegistryOptions
  readonly #host: RegistryHost
  #opened: OpenRegistry | undefined = undefined
  #isClosed = false

  constructor(options: RegistryOptions, host: RegistryHost) {
    this.#options = options
    this.#host = host
  }

  /** @throws Refusal REGISTRY_STORE_FAILED */
  open(): OpenRegistry {
    if (this.#isClosed) throw new Refusal('REGISTRY_STORE_FAILED', 'the mesh is closing')
    this.#opened ??= this.#open()
    return this.#opened
  }

  close(): void {
    this.#isClosed = true
    this.#opened?.watchers.close()
    this.#opened?.registry.close()
  }

  #open(): OpenRegistry {
    const { file = defaultFile, maxInstances = 10_000, maxServices = 1000, maxWatchers = 200, keepAliveMs = 15_000, stallMs = 10_000, settleMs = 30_000 } = this.#options
    const { log, metrics } = this.#host
    const store = openStore(file, (text) => log.warn({ file }, text))
    log.info({ file, instances: store.held.length, revision: store.revision }, 'the registry is open')
    const changes = (change: string): { inc(): void } => metrics.counter('mesh_registry_changes_total', 'Changes of the registry', { change })
    const instances = metrics.gauge('mesh_registry_instances', 'Instances in the registry')
    instances.set(store.held.length)
    const registry = new ServiceRegistry(store, { maxInstances, maxServices }, settleMs, {
      changed: (change, { service, id }, count) => {
        changes(change).inc()
        instances.set(count)
        if (change === 'expired') log.warn({ service, id }, 'an instance was silent for its TTL and is taken out of the registry')
        else log.info({ service, id, change }, 'the registry has changed')
      },
      slept: (ms) => log.warn({ ms }, 'the registry stood still: every instance gets another TTL'),
      notWritten: (error) => log.error({ err: error, code: 'REGISTRY_STORE_FAILED' }, 'the registry cannot write down that an instance is gone'),
    })
    const watching = metrics.gauge('mesh_registry_watchers', 'Watchers of services of the registry')
    return { registry, watchers: new Watchers(registry, { maxWatchers, keepAliveMs, stallMs }, (count) => watching.set(count)) }
  }
}

/**
 * The endpoints that a registry knows, now and after each change: of this mesh, or by `url` of another machine. There an
 * error changes nothing; only what the registry says itself does, also that the last instance is gone.
 * @param host the mesh, for log and metrics
 * @param embedded the registry of this mesh; not needed with `url`
 * @throws TypeError without a registry; `watch` throws it for a `url` that is none
 */
export function registryDiscovery(options: RegistryDiscoveryOptions, host: Partial<RegistryHost> = {}, embedded?: EmbeddedRegistry): Discovery {
  const { url, service: there, silenceMs = 45_000, maxEventLength = 16_777_216 } = options
  if (url !== undefined) return { watch: async (service, publish) => watchThere(new RemoteWatch(there ?? service, { url, silenceMs, maxEventLength }, publish, host)) }
  if (embedded === undefined) throw new TypeError('url is missing: there is no registry here')
  return { watch: (service, publish) => watchHere(embedded.open(), there ?? service, publish) }
}

function watchHere({ registry }: OpenRegistry, service: string, publish: (endpoints: readonly EndpointSpec[]) => void): () => void {
  const known = new KnownSet()
  const tell = (): void => {
    const endpoints = known.take(registry.view(service))
    if (endpoints !== undefined) publish(endpoints)
  }
  const stop = registry.watch(service, tell)
  tell()
  return stop
}

async function watchThere(watch: RemoteWatch): Promise<() => void> {
  await watch.start()
  return () => watch.stop()
}
