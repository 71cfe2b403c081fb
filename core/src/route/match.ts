// Compiles one match into conditions that can be asked, and the place it takes among other matches.
import { unescape } from 'node:querystring'
import { lowerName, type Headers } from '../headers.ts'
import type { RouteMatch, TextMatch } from '../spec.ts'
import { anyHost, compileHost, type HostPattern } from './host.ts'
import { compileRegex } from './regex.ts'
import { badRoute, checkFieldName, checkPath, checkToken, maxConditions, quote } from './valid.ts'

/** Asks one text, or its absence. */
export type TextTest = (value: string | undefined) => boolean

/** One condition on a header field (name in lower case) or a query key (decoded). */
export interface NamedCondition {
  readonly name: string
  readonly test: TextTest
  /** The same for conditions that mean the same. */
  readonly id: string
}

/** A path condition. `prefix` has no trailing slash: '' covers every path, `*` too. */
export type PathCondition =
  | { readonly kind: 'exact'; readonly text: string }
  | { readonly kind: 'regex'; readonly text: string; readonly regex: RegExp }
  | { readonly kind: 'prefix'; readonly text: string }

/** One match, ready to be asked. All parts must hold; `hosts` and `methods` hold if one element does. */
export interface CompiledMatch {
  /** Never empty. */
  readonly hosts: readonly HostPattern[]
  readonly path: PathCondition
  /** Undefined: any. */
  readonly methods: readonly string[] | undefined
  readonly headers: readonly NamedCondition[]
  readonly query: readonly NamedCondition[]
}

/**
 * Compiles a match.
 * @param field what error messages call it
 * @throws MESH_BAD_ROUTE, naming the field that is wrong
 */
export function compileMatch(match: RouteMatch, field = 'match'): CompiledMatch {
  return {
    hosts: match.host === undefined ? [anyHost] : compileHosts(match.host, `${field}.host`),
    path: match.path === undefined ? { kind: 'prefix', text: '' } : compilePath(match.path, `${field}.path`),
    methods: match.method === undefined ? undefined : toList(match.method, `${field}.method`).map((method, i) => checkToken(method, at(match.method, `${field}.method`, i))),
    headers: compileNamed(match.headers ?? {}, `${field}.headers`, checkFieldName),
    query: compileNamed(match.query ?? {}, `${field}.query`, (name) => name),
  }
}

function compileHosts(host: string | readonly string[], field: string): HostPattern[] {
  const patterns = toList(host, field).map((text, i) => compileHost(text, at(host, field, i)))
  // Named twice, a host counts once: a match must not seem to be in its own way.
  return [...new Map(patterns.map((pattern) => [`${pattern.kind} ${pattern.name}`, pattern])).values()]
}

function toList(value: string | readonly string[], field: string): readonly string[] {
  const list = typeof value === 'string' ? [value] : value
  if (!Array.isArray(list) || list.length === 0) throw badRoute(field, 'an empty list matches nothing')
  if (list.length > maxConditions) throw badRoute(field, `has more than ${maxConditions} elements`)
  return list as readonly string[]
}

function at(value: unknown, field: string, index: number): string {
  return typeof value === 'string' ? field : `${field}[${index}]`
}

function compilePath(path: NonNullable<RouteMatch['path']>, field: string): PathCondition {
  if (typeof path === 'string') return path.endsWith('/*') ? toPrefix(path.slice(0, -1), field) : { kind: 'exact', text: checkPath(path, field) }
  if (typeof path !== 'object' || path === null) throw badRoute(field, `${quote(path)} is no path condition`)
  if ('exact' in path) return { kind: 'exact', text: checkPath(path.exact, `${field}.exact`) }
  if ('prefix' in path) return toPrefix(path.prefix, `${field}.prefix`)
  if ('regex' in path) return { kind: 'regex', text: path.regex, regex: compileRegex(path.regex, `${field}.regex`) }
  throw badRoute(field, `${quote(path)} is none of exact, prefix and regex`)
}

function toPrefix(text: string, field: string): PathCondition {
  const path = checkPath(text, field)
  return { kind: 'prefix', text: path.endsWith('/') ? path.slice(0, -1) : path }
}

function compileNamed(record: Readonly<Record<string, TextMatch>>, field: string, check: (name: string, field: string) => string): NamedCondition[] {
  const conditions = Object.entries(record).map(([name, text]) => toCondition(check(name, `${field}.${name}`), text, `${field}.${name}`))
  if (conditions.length > maxConditions) throw badRoute(field, `has more than ${maxConditions} elements`)
  const names = new Set<string>()
  for (const { name } of conditions) {
    if (names.has(name)) throw badRoute(`${field}.${name}`, 'is there twice')
    names.add(name)
  }
  return conditions
}

/** Compiles a condition on one text, or its absence. @throws MESH_BAD_ROUTE */
export function toTextTest(text: TextMatch, field: string): TextTest {
  return toCondition('', text, field).test
}

function toCondition(name: string, text: TextMatch, field: string): NamedCondition {
  const { exact, regex, present } = toParts(text)
  if (typeof exact === 'string') return { name, test: (value) => value === exact, id: JSON.stringify([name, 'exact', exact]) }
  if (typeof present === 'boolean') return { name, test: (value) => (value !== undefined) === present, id: JSON.stringify([name, 'present', present]) }
  if (regex === undefined) throw badRoute(field, `${quote(text)} is none of a text, exact, regex and present`)
  const compiled = compileRegex(regex, `${field}.regex`)
  return { name, test: (value) => value !== undefined && compiled.test(value), id: JSON.stringify([name, 'regex', regex]) }
}

function toParts(text: TextMatch): { exact?: unknown; regex?: unknown; present?: unknown } {
  if (typeof text === 'string') return { exact: text }
  return typeof text === 'object' && text !== null ? text : {}
}

/** Whether every header condition holds. Fields of one name count as one value, joined by `, ` (RFC 9110 §5.3). */
export function headersHold(conditions: readonly NamedCondition[], headers: Headers): boolean {
  for (const condition of conditions) if (!condition.test(valueOf(headers, condition.name))) return false
  return true
}

function valueOf(headers: Headers, name: string): string | undefined {
  const list = headers.toList()
  let value: string | undefined
  for (let i = 0; i < list.length; i += 2) {
    const candidate = list[i] as string
    if (candidate.length !== name.length || lowerName(candidate) !== name) continue
    value = value === undefined ? (list[i + 1] as string) : `${value}, ${list[i + 1]}`
  }
  return value
}

/**
 * Reads the keys that some route asks for out of a query, at most once per request and only when asked.
 * The first value of a repeated key counts. Keys and values are decoded as forms are (`+` is a space); what is malformed stays as it is.
 */
export class QueryReader {
  readonly #wanted: ReadonlySet<string>
  readonly #values = new Map<string, string>()
  #query = ''
  #isRead = false

  /** @param wanted the decoded keys that will be asked for */
  constructor(wanted: ReadonlySet<string>) {
    this.#wanted = wanted
  }

  /** Turns to another request. */
  reset(query: string): void {
    this.#query = query
    this.#isRead = false
  }

  /** Whether every condition holds; their names must be among those wanted. */
  holds(conditions: readonly NamedCondition[]): boolean {
    if (!this.#isRead) this.#read()
    for (const condition of conditions) if (!condition.test(this.#values.get(condition.name))) return false
    return true
  }

  #read(): void {
    this.#isRead = true
    this.#values.clear()
    const query = this.#query
    for (let start = 0; start < query.length; ) {
      const next = query.indexOf('&', start)
      const end = next < 0 ? query.length : next
      if (end > start) this.#take(query.slice(start, end))
      start = end + 1
    }
  }

  #take(pair: string): void {
    const equals = pair.indexOf('=')
    const name = decodeForm(equals < 0 ? pair : pair.slice(0, equals))
    if (this.#wanted.has(name) && !this.#values.has(name)) this.#values.set(name, equals < 0 ? '' : decodeForm(pair.slice(equals + 1)))
  }
}

function decodeForm(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  return spaced.includes('%') ? unescape(spaced) : spaced
}
