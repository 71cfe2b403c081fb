// A snapshot: one immutable, compiled revision of routes and services. A reload makes another and swaps it in.
import { Chain } from './chain.ts'
import type { Request } from './exchange.ts'
import { MeshError, toMeshError } from './errors.ts'
import type { Filter, NetworkFilter } from './questions.ts'
import { Route } from './route/route.ts'
import { RouteTable } from './route/table.ts'
import type { Service } from './service.ts'
import type { RouteMatch, RouteSpec } from './spec.ts'
import { compileTcp, type TcpRoute, type TcpSource } from './tcp/tcp-route.ts'

/** A route to be compiled: its spec and the filters it runs through, those of its scope first. */
export interface RouteSource {
  readonly spec: RouteSpec
  readonly filters: readonly Filter[]
}

export class Snapshot {
  /** 1, 2, 3, … within one process. */
  readonly revision: number
  readonly routes: readonly Route[]
  readonly services: ReadonlyMap<string, Service>
  /** For requests that no route matches: the 404 passes the response phases of the mesh-wide filters, and `onEnd` runs. */
  readonly unroutedChain: Chain
  /** Every filter of it, once. */
  readonly filters: ReadonlySet<Filter | NetworkFilter>
  /** Where the connections of TCP listeners go, by the listener's name. */
  readonly tcp: ReadonlyMap<string, TcpRoute>
  readonly table: RouteTable<Route>

  constructor(revision: number, sources: readonly RouteSource[], services: ReadonlyMap<string, Service>, meshFilters: readonly Filter[], random: () => number = Math.random, tcp: readonly TcpSource[] = []) {
    this.revision = revision
    this.services = services
    this.unroutedChain = new Chain(meshFilters)
    this.routes = compileRoutes(sources, services, random)
    this.tcp = compileTcp(tcp, services)
    this.filters = new Set([meshFilters, ...this.routes.map((route) => route.chain.filters), ...tcp.map(({ filters }) => filters)].flat())
    this.table = new RouteTable(this.routes.map((route) => ({ match: route.match, value: route, field: `route "${route.name}": match` })))
  }

  /** The route of a request, by the Gateway API's precedence. */
  match(request: Request): Route | undefined {
    return this.table.match(request)?.value
  }
}

function compileRoutes(sources: readonly RouteSource[], services: ReadonlyMap<string, Service>, random: () => number): Route[] {
  const chains = new Map<readonly Filter[], Chain>()
  return sources.flatMap(({ spec, filters }, index) => {
    const chain = chains.get(filters) ?? new Chain(filters)
    chains.set(filters, chain)
    const name = spec.name ?? nameOf(spec, index)
    try {
      return matchesOf(spec).map((match) => new Route(name, spec, match, prefixOf(match), chain, services, random))
    } catch (thrown) {
      throw inRoute(name, thrown)
    }
  })
}

/** Says in which route it went wrong. */
function inRoute(name: string, thrown: unknown): MeshError {
  if (!(thrown instanceof MeshError) || thrown.code !== 'MESH_BAD_ROUTE') return toMeshError(thrown, 'MESH_BAD_ROUTE', `route "${name}"`)
  return new MeshError('MESH_BAD_ROUTE', `route "${name}": ${thrown.detail ?? ''}`, thrown)
}

function matchesOf(spec: RouteSpec): readonly RouteMatch[] {
  if (spec.match === undefined) return [{}]
  return Array.isArray(spec.match) ? (spec.match as readonly RouteMatch[]) : [spec.match as RouteMatch]
}

/** The prefix that a rewrite replaces; undefined unless the match is by prefix. */
function prefixOf(match: RouteMatch): string | undefined {
  const { path } = match
  if (path === undefined) return '/'
  if (typeof path === 'string') return path.endsWith('/*') ? path.slice(0, -2) || '/' : undefined
  return 'prefix' in path ? path.prefix : undefined
}

/** A name for people: host and path of the first match. */
function nameOf(spec: RouteSpec, index: number): string {
  const [match] = matchesOf(spec)
  const host = typeof match?.host === 'string' ? match.host : match?.host?.[0]
  const { path } = match ?? {}
  const text = path === undefined ? '/*' : typeof path === 'string' ? path : 'exact' in path ? path.exact : 'prefix' in path ? `${path.prefix.replace(/\/$/, '')}/*` : path.regex
  return `${host ?? ''}${text}` || `route-${index + 1}`
}
