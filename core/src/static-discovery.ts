// The simplest discovery: endpoints that the configuration lists.
import { checkEndpoint, type EndpointSpec } from './endpoint.ts'
import { MeshError } from './errors.ts'
import type { Discovery } from './questions.ts'
import type { EndpointShort } from './spec.ts'

/** Publishes the given endpoints once. @throws MESH_BAD_OPTIONS for one that is not valid */
export function staticEndpoints(endpoints: readonly (string | EndpointShort)[]): Discovery {
  const specs = endpoints.map((endpoint) => checkEndpoint(toEndpointSpec(endpoint)))
  return {
    watch(_service, publish) {
      publish(specs)
      return () => {}
    },
  }
}

/** `host:port`, or an object with an `address`, as an {@link EndpointSpec}; its values are not checked. @throws MESH_BAD_OPTIONS for an address that is not `host:port` */
export function toEndpointSpec(endpoint: string | EndpointShort): EndpointSpec {
  if (typeof endpoint === 'string') return parseAddress(endpoint)
  const { address, ...rest } = endpoint
  return { ...rest, ...parseAddress(address) }
}

/** @throws MESH_BAD_OPTIONS */
export function parseAddress(address: string): { host: string; port: number } {
  const found = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]*)):([0-9]{1,5})$/.exec(address)
  const port = Number(found?.[3])
  if (found === null || port > 65_535) throw new MeshError('MESH_BAD_OPTIONS', `"${address}" is not host:port`)
  return { host: found[1] ?? (found[2] === '' ? '0.0.0.0' : (found[2] as string)), port }
}
