// Where the connections of a TCP listener go: the part of a listener that belongs to a snapshot.
import type { X509Certificate } from 'node:crypto'
import type { Endpoint } from '../endpoint.ts'
import { MeshError } from '../errors.ts'
import type { NetworkFilter } from '../questions.ts'
import type { Service } from '../service.ts'
import type { ListenerSpec, TcpSpec } from '../spec.ts'
import { UpstreamTls } from '../transport/http1/upstream-tls.ts'
import { NetworkChain } from './network-chain.ts'

/** A TCP listener to be compiled: its filters are made. */
export interface TcpSource {
  /** Its name. */
  readonly listener: string
  readonly to: string
  readonly filters: readonly NetworkFilter[]
}

/** Where a connection goes, and through what. */
export interface TcpRoute {
  readonly service: Service
  /** How TLS is spoken to the endpoints; undefined: it is not. */
  readonly tls: UpstreamTls | undefined
  readonly chain: NetworkChain
  /** The certificates that endpoints have shown last. */
  readonly shown: WeakMap<Endpoint, X509Certificate>
}

/** What is behind `tcp`, with its short form written out. */
export function tcpOf(tcp: string | TcpSpec): TcpSpec {
  return typeof tcp === 'string' ? { to: tcp } : tcp
}

/** Options that say something of requests. */
const httpOptions = ['trustedHops', 'path', 'underscores', 'unrouted', 'forwardClientCertificate'] as const
const httpTimeouts = ['requestHeadersMs', 'requestBodyIdleMs', 'responseStallMs', 'keepAliveMs'] as const
const httpLimits = ['headBytes', 'headerCount', 'urlLength', 'bodyBytes', 'requestsPerConnection'] as const

/** Options of HTTP would be without effect. @throws MESH_BAD_OPTIONS; its cause begins with the option's own name */
export function checkTcpOnly(spec: ListenerSpec, name: string): void {
  const { timeouts = {}, limits = {} } = spec
  const [found] = [
    ...httpOptions.filter((key) => spec[key] !== undefined),
    ...httpTimeouts.filter((key) => timeouts[key] !== undefined).map((key) => `timeouts.${key}`),
    ...httpLimits.filter((key) => limits[key] !== undefined).map((key) => `limits.${key}`),
  ]
  if (found === undefined) return
  const cause = new MeshError('MESH_BAD_OPTIONS', `${found}: is about HTTP, and this listener carries TCP`)
  throw new MeshError('MESH_BAD_OPTIONS', `listener "${name}": ${cause.detail ?? ''}`, cause)
}

/** By the name of the listener. @throws MESH_UNKNOWN_SERVICE, MESH_DUPLICATE_NAME, MESH_BAD_OPTIONS */
export function compileTcp(sources: readonly TcpSource[], services: ReadonlyMap<string, Service>): ReadonlyMap<string, TcpRoute> {
  const routes = new Map<string, TcpRoute>()
  for (const { listener, to, filters } of sources) {
    const service = services.get(to)
    if (service === undefined) throw new MeshError('MESH_UNKNOWN_SERVICE', `listener "${listener}" carries TCP to "${to}"`)
    if (routes.has(listener)) throw new MeshError('MESH_DUPLICATE_NAME', `TCP listener "${listener}" is there twice`)
    routes.set(listener, { service, tls: service.tls === undefined ? undefined : new UpstreamTls(service.tls), chain: new NetworkChain(filters), shown: new WeakMap() })
  }
  return routes
}
