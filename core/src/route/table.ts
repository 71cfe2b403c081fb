// The route table: finds the one route a request belongs to among thousands.
import type { Request } from '../exchange.ts'
import type { RouteMatch } from '../spec.ts'
import { hostOf, type HostPattern } from './host.ts'
import { compileMatch, headersHold, QueryReader, type CompiledMatch } from './match.ts'
import { PrefixIndex } from './prefix-index.ts'

/** What a route is found by. */
export type RouteQuestion = Pick<Request, 'method' | 'path' | 'query' | 'authority' | 'headers'>

/** A match and what it leads to. */
export interface RouteEntry<T> {
  readonly match: RouteMatch
  readonly value: T
  /** What error messages call the match. Default `match`. */
  readonly field?: string
}

/** What a request was found to belong to. Made when the table is, the same object for every request. */
export interface Matched<T> {
  readonly value: T
  /** The path prefix that matched, without a trailing slash ('' for `/`); undefined for an exact path or a regular expression. */
  readonly prefix: string | undefined
}

/** A route that no request can reach, and the one that takes its requests (the first, if several do). */
export interface Shadow<T> {
  readonly value: T
  readonly by: T
}

/** One match under one of its hosts. */
class Candidate<T> implements Matched<T> {
  readonly value: T
  readonly prefix: string | undefined
  readonly conditions: CompiledMatch
  readonly regex: RegExp | undefined
  /** Place in the list of entries. */
  readonly order: number
  /** Nothing but host and path to ask about. */
  readonly isBare: boolean

  constructor(value: T, conditions: CompiledMatch, order: number) {
    const { path, methods, headers, query } = conditions
    this.value = value
    this.prefix = path.kind === 'prefix' ? path.text : undefined
    this.conditions = conditions
    this.regex = path.kind === 'regex' ? path.regex : undefined
    this.order = order
    this.isBare = methods === undefined && headers.length === 0 && query.length === 0
  }

  holds(request: RouteQuestion, query: QueryReader): boolean {
    if (this.isBare) return this.regex === undefined || this.regex.test(request.path)
    const { methods, headers, query: keys } = this.conditions
    if (methods !== undefined && !methods.includes(request.method)) return false
    if (this.regex !== undefined && !this.regex.test(request.path)) return false
    return headersHold(headers, request.headers) && (keys.length === 0 || query.holds(keys))
  }
}

/** Method present, most headers, most query keys, order in the list: what decides between matches of equal host and path. */
function byConditions<T>(a: Candidate<T>, b: Candidate<T>): number {
  const x = a.conditions
  const y = b.conditions
  return (
    Number(y.methods !== undefined) - Number(x.methods !== undefined) ||
    y.headers.length - x.headers.length ||
    y.query.length - x.query.length ||
    a.order - b.order
  )
}

const hostOrder = ['exact', 'suffix', 'any']
const pathOrder = ['exact', 'regex', 'prefix']

function byHost(a: HostPattern, b: HostPattern): number {
  return hostOrder.indexOf(a.kind) - hostOrder.indexOf(b.kind) || (a.kind === 'suffix' ? b.name.length - a.name.length : 0) || (a.name < b.name ? -1 : Number(a.name > b.name))
}

function byPath<T>(a: Candidate<T>, b: Candidate<T>): number {
  const [x, y] = [a.conditions.path, b.conditions.path]
  return pathOrder.indexOf(x.kind) - pathOrder.indexOf(y.kind) || (x.kind === 'prefix' ? y.text.length - x.text.length : 0)
}

/** All candidates of one host pattern, by path. */
class HostTable<T> {
  readonly #exact: ReadonlyMap<string, readonly Candidate<T>[]>
  readonly #regex: readonly Candidate<T>[]
  readonly #prefixes: PrefixIndex<readonly Candidate<T>[]>

  constructor(candidates: readonly Candidate<T>[]) {
    const sorted = candidates.toSorted(byConditions)
    const byKind = Map.groupBy(sorted, (candidate) => candidate.conditions.path.kind)
    this.#exact = Map.groupBy(byKind.get('exact') ?? [], (candidate) => candidate.conditions.path.text)
    this.#regex = byKind.get('regex') ?? []
    this.#prefixes = new PrefixIndex(Map.groupBy(byKind.get('prefix') ?? [], (candidate) => candidate.conditions.path.text))
  }

  find(request: RouteQuestion, query: QueryReader): Candidate<T> | undefined {
    const exact = this.#exact.get(request.path)
    const found = (exact && firstOf(exact, request, query)) ?? firstOf(this.#regex, request, query)
    if (found !== undefined) return found
    for (let node = this.#prefixes.find(request.path); node !== undefined; node = node.parent) {
      const covered = firstOf(node.value, request, query)
      if (covered !== undefined) return covered
    }
    return undefined
  }
}

function firstOf<T>(candidates: readonly Candidate<T>[], request: RouteQuestion, query: QueryReader): Candidate<T> | undefined {
  for (let i = 0; i < candidates.length; i++) {
    const candidate = candidates[i] as Candidate<T>
    if (candidate.holds(request, query)) return candidate
  }
  return undefined
}

const maxAuthorities = 1024
const maxHostLength = 255

/**
 * Finds the route of a request. Immutable once made; to change routes, make another.
 *
 * Precedence across all entries, most specific first, as the Gateway API has it: exact host; the longest wildcard host;
 * any host; then exact path; regular expression; the longest prefix; then a method condition; the most header conditions;
 * the most query conditions; then the place in the list. An entry whose conditions do not all hold is passed over,
 * so a request may fall through to a less specific host. Regular expressions are tried one by one; all else is looked up.
 * @source Gateway API, HTTPRouteRule.matches
 */
export class RouteTable<T> {
  readonly #hosts: HostTables<T>
  readonly #query: QueryReader
  readonly #candidates: readonly Candidate<T>[]

  /** @throws MESH_BAD_ROUTE, naming the field that is wrong */
  constructor(entries: readonly RouteEntry<T>[]) {
    this.#candidates = entries.map(({ match, value, field }, order) => new Candidate(value, compileMatch(match, field), order))
    this.#hosts = new HostTables(this.#candidates)
    this.#query = new QueryReader(new Set(this.#candidates.flatMap((candidate) => candidate.conditions.query.map((condition) => condition.name))))
  }

  /** How many entries there are. */
  get size(): number {
    return this.#candidates.length
  }

  /** The entry a request belongs to, or undefined. Never throws. */
  match(request: RouteQuestion): Matched<T> | undefined {
    const tables = this.#hosts.of(request.authority)
    this.#query.reset(request.query)
    for (let i = 0; i < tables.length; i++) {
      const found = (tables[i] as HostTable<T>).find(request, this.#query)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** Every entry, once for each of its hosts, in the order of precedence. For people: takes a sort. */
  inOrder(): { readonly host: string; readonly value: T }[] {
    const rows = this.#candidates.flatMap((candidate) => candidate.conditions.hosts.map((host) => ({ host, candidate })))
    rows.sort((a, b) => byHost(a.host, b.host) || byPath(a.candidate, b.candidate) || byConditions(a.candidate, b.candidate))
    return rows.map(({ host, candidate }) => ({ host: host.kind === 'suffix' ? `*.${host.name}` : host.name || '*', value: candidate.value }))
  }

  /**
   * The entries that can never be reached, because others of the same host, path, header and query conditions go before
   * them for every method they want. What regular expressions cover is not looked into.
   */
  shadowed(): Shadow<T>[] {
    const takers = new Map<string, Map<string, Candidate<T>>>()
    const shadows: Shadow<T>[] = []
    for (const candidate of this.#candidates.toSorted(byConditions)) {
      const by = candidate.conditions.hosts.map((host) => takerOf(takers, candidate, host))
      if (by[0] !== undefined && by.every((taker) => taker !== undefined)) shadows.push({ value: candidate.value, by: by[0].value })
    }
    return shadows
  }
}

/** Who takes all requests of a candidate under one host; if nobody does, the candidate is entered for the methods that are left. */
function takerOf<T>(takers: Map<string, Map<string, Candidate<T>>>, candidate: Candidate<T>, host: HostPattern): Candidate<T> | undefined {
  const key = keyOf(candidate, host)
  const byMethod = takers.get(key) ?? new Map<string, Candidate<T>>()
  takers.set(key, byMethod)
  const methods = candidate.conditions.methods ?? ['']
  const taker = methods.every((method) => byMethod.has(method)) ? byMethod.get(methods[0] as string) : undefined
  for (const method of methods) if (!byMethod.has(method)) byMethod.set(method, candidate)
  return taker
}

function keyOf<T>(candidate: Candidate<T>, host: HostPattern): string {
  const { path, headers, query, methods } = candidate.conditions
  const ids = (conditions: CompiledMatch['headers']): string[] => conditions.map((condition) => condition.id).toSorted()
  return JSON.stringify([host.kind, host.name, path.kind, path.text, methods === undefined, ids(headers), ids(query)])
}

/** Which host tables a request is to be looked up in, most specific first. */
class HostTables<T> {
  readonly #exact = new Map<string, HostTable<T>>()
  readonly #suffix = new Map<string, HostTable<T>>()
  readonly #any: readonly HostTable<T>[]
  readonly #isPlain: boolean
  // Clients repeat their Host: the answer for each is kept. Bounded, as anybody may send any.
  readonly #known = new Map<string, readonly HostTable<T>[]>()

  constructor(candidates: readonly Candidate<T>[]) {
    const groups = new Map<string, { host: HostPattern; candidates: Candidate<T>[] }>()
    for (const candidate of candidates) for (const host of candidate.conditions.hosts) addTo(groups, host, candidate)
    let any: HostTable<T> | undefined
    for (const { host, candidates: own } of groups.values()) {
      const table = new HostTable(own)
      if (host.kind === 'any') any = table
      else (host.kind === 'exact' ? this.#exact : this.#suffix).set(host.name, table)
    }
    this.#any = any === undefined ? [] : [any]
    this.#isPlain = this.#exact.size + this.#suffix.size === 0
  }

  of(authority: string): readonly HostTable<T>[] {
    if (this.#isPlain) return this.#any
    const known = this.#known.get(authority)
    if (known !== undefined) return known
    const tables = this.#lookUp(hostOf(authority))
    if (this.#known.size >= maxAuthorities) this.#known.clear()
    if (tables !== this.#any && authority.length <= maxHostLength) this.#known.set(authority, tables)
    return tables
  }

  #lookUp(host: string): readonly HostTable<T>[] {
    // No pattern is that long, and walking a long name costs the square of its length.
    if (host.length > maxHostLength) return this.#any
    const tables: HostTable<T>[] = []
    const exact = this.#exact.get(host)
    if (exact !== undefined) tables.push(exact)
    // From the second character on: the wildcard stands for one label at least.
    for (let dot = host.indexOf('.', 1); dot > 0; dot = host.indexOf('.', dot + 1)) {
      const table = this.#suffix.get(host.slice(dot + 1))
      if (table !== undefined) tables.push(table)
    }
    return tables.length === 0 ? this.#any : [...tables, ...this.#any]
  }
}

function addTo<T>(groups: Map<string, { host: HostPattern; candidates: Candidate<T>[] }>, host: HostPattern, candidate: Candidate<T>): void {
  const key = `${host.kind} ${host.name}`
  const group = groups.get(key)
  if (group === undefined) groups.set(key, { host, candidates: [candidate] })
  else group.candidates.push(candidate)
}
