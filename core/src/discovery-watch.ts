// A running discovery: started with patience, guarded in what it publishes, silent once it was stopped.
import { isPromise } from './chain.ts'
import { checkEndpoint, type EndpointSpec } from './endpoint.ts'
import { MeshError, toMeshError } from './errors.ts'
import type { Discovery } from './questions.ts'

/** How long a discovery may take to start before the mesh goes on without its endpoints. */
const maxStartMs = 10_000

/** What {@link watchDiscovery} tells. */
export interface DiscoveryEvents {
  /** A whole set, every endpoint of it valid. Never after the discovery was stopped. */
  publish(endpoints: readonly EndpointSpec[]): void
  /** It failed; what it has published before stays. */
  failed(error: MeshError): void
}

/**
 * Starts a discovery. Resolves when it has started, or after ten seconds.
 * @returns how to stop it: at once, or as soon as a late one has started
 * @throws what it throws at once: a mistake at boot
 */
export async function watchDiscovery(service: string, discovery: Discovery, events: DiscoveryEvents): Promise<() => void> {
  const one = new DiscoveryWatch(service, events)
  await one.start(discovery)
  return () => one.stop()
}

class DiscoveryWatch {
  readonly #service: string
  readonly #events: DiscoveryEvents
  #stopped = false
  #stop: unknown = undefined

  constructor(service: string, events: DiscoveryEvents) {
    this.#service = service
    this.#events = events
  }

  async start(discovery: Discovery): Promise<void> {
    let answer: unknown
    try {
      answer = discovery.watch(this.#service, (endpoints) => this.#publish(endpoints))
    } catch (thrown) {
      this.#stopped = true
      throw thrown
    }
    if (isPromise(answer)) await this.#patiently(answer.then((stop) => this.#started(stop), (thrown: unknown) => this.#failed(thrown)))
    else this.#started(answer)
  }

  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#halt()
  }

  async #patiently(start: Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await Promise.race([start, new Promise<void>((resolve) => (timer = setTimeout(resolve, maxStartMs)))])
    clearTimeout(timer)
  }

  #started(stop: unknown): void {
    if (typeof stop !== 'function') return this.#failed(new TypeError('it answered with no way to stop it'))
    this.#stop = stop
    if (this.#stopped) this.#halt()
  }

  #halt(): void {
    if (typeof this.#stop !== 'function') return
    try {
      const answer: unknown = (this.#stop as () => unknown)()
      if (isPromise(answer)) answer.catch((thrown: unknown) => this.#failed(thrown))
    } catch (thrown) {
      this.#failed(thrown)
    }
  }

  #publish(endpoints: readonly EndpointSpec[]): void {
    if (this.#stopped) return
    try {
      if (!Array.isArray(endpoints)) throw new TypeError('it published no list')
      this.#events.publish(endpoints.map(checkEndpoint))
    } catch (thrown) {
      this.#failed(thrown)
    }
  }

  #failed(thrown: unknown): void {
    const cause = toMeshError(thrown, 'MESH_PLUGIN_FAILED', `discovery of service "${this.#service}"`)
    // An endpoint that is not valid is a mistake of the plugin here, not of the configuration.
    const error = cause.code === 'MESH_PLUGIN_FAILED' ? cause : new MeshError('MESH_PLUGIN_FAILED', `discovery of service "${this.#service}": ${cause.detail ?? cause.code}`, cause)
    this.#events.failed(error)
  }
}
