// What every discovery promises.
import { checkEndpoint, Endpoint, type EndpointSpec } from '../endpoint.ts'
import { messageOf } from '../errors.ts'
import type { Discovery } from '../questions.ts'
import { demand, promise, register, show, type ConformancePromise, type Make } from './conformance.ts'
import { watchPromises, type WatchOptions } from './watching.ts'

/** What an author says of a discovery. */
export interface DiscoveryOptions extends WatchOptions {
  /** The names of two services that it finds endpoints of. Default `users` and `orders`. */
  readonly services?: readonly [string, string]
}

type Endpoints = readonly EndpointSpec[]

function promisesFor(services: readonly [string, string]): readonly ConformancePromise<Discovery, DiscoveryOptions>[] {
  return [
    ...watchPromises<Discovery, Endpoints, DiscoveryOptions>({
      kind: 'discovery',
      names: services,
      what: 'a list of endpoints that can be reached and weighed',
      start: (discovery, service, publish) => discovery.watch(service, publish),
      demandGood,
    }),
    promise('discovery/10', 'names every instance once', {
      async check(make) {
        const ids = (await firstSet(await make(), services[0])).map((spec) => new Endpoint(spec).id)
        const twice = ids.find((id, index) => ids.indexOf(id) !== index)
        demand(twice === undefined, 'ids (or else host and port) that differ', `"${twice}" twice in ${show(ids)}`, 'later ones of an id are ignored, so their weight and zone would be lost')
      },
    }),
  ]
}

/** Each of them can be asked of any discovery. */
export const discoveryPromises: readonly ConformancePromise<Discovery, DiscoveryOptions>[] = promisesFor(['users', 'orders'])

/**
 * Registers a test for each of {@link discoveryPromises} that applies.
 * @param make a new discovery at each call, in a world where it finds at least one endpoint, as `change` and `fail` have not happened there yet
 */
export function testDiscovery(make: Make<Discovery>, options: DiscoveryOptions = {}): void {
  register(options.services === undefined ? discoveryPromises : promisesFor(options.services), make, options)
}

function demandGood(published: Endpoints): void {
  demand(Array.isArray(published), 'a list', show(published))
  demand(published.length > 0, 'at least one endpoint', 'an empty list', 'an empty list means that there is nobody: publish it only when the source says so')
  for (const spec of published) {
    const wrong = mistakeIn(spec as EndpointSpec)
    demand(wrong === undefined, 'endpoints that are valid', `${wrong}: ${show(spec)}`, 'see EndpointSpec; one bad endpoint makes the core refuse the whole set')
  }
}

function mistakeIn(spec: EndpointSpec): string | undefined {
  try {
    checkEndpoint(spec)
    return undefined
  } catch (thrown) {
    return messageOf(thrown)
  }
}

async function firstSet(discovery: Discovery, service: string): Promise<Endpoints> {
  const { promise: first, resolve } = Promise.withResolvers<Endpoints>()
  const stop = await discovery.watch(service, resolve)
  const published = await first
  stop()
  return published
}
