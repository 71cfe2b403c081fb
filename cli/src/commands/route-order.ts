// Routes as a request meets them: one row for each match and host, most specific first.
import type { MeshSpec, RouteMatch, RouteSpec, TextMatch } from '@meshwright/core'
import { matchesOf } from '../config/check-shadows.ts'

/** One row of `meshwright routes`. */
export interface RouteRow {
  readonly name: string
  readonly host: string
  /** `= /exact`, `~ regex` or `/prefix/*`. */
  readonly path: string
  readonly method: string
  readonly conditions: string
  readonly to: string
  /** Those for every route first. */
  readonly filters: readonly string[]
}

interface Ranked {
  readonly row: RouteRow
  /** Greater goes first; compared element by element. */
  readonly rank: readonly number[]
}

/** All rows in the order of precedence. @source Gateway API, HTTPRouteRule.matches */
export function routeRows(spec: MeshSpec): RouteRow[] {
  const common = (spec.filters ?? []).map(nameOf)
  const ranked = (spec.routes ?? []).flatMap((route, index) =>
    matchesOf(route, index).flatMap(({ match }) => hostsOf(match).map((host) => rankedRow(route, match, host, common))),
  )
  return ranked.toSorted((a, b) => compareRanks(b.rank, a.rank)).map(({ row }) => row)
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) if (value !== b[index]) return value - (b[index] ?? 0)
  return 0
}

function hostsOf({ host }: RouteMatch): readonly string[] {
  return host === undefined ? ['*'] : typeof host === 'string' ? [host] : host
}

function rankedRow(route: RouteSpec, match: RouteMatch, host: string, common: readonly string[]): Ranked {
  const path = pathOf(match)
  const headers = Object.entries(match.headers ?? {})
  const query = Object.entries(match.query ?? {})
  const methods = [match.method ?? []].flat()
  const conditions = [...headers.map(([name, value]) => `${name} ${inWords(value)}`), ...query.map(([name, value]) => `?${name} ${inWords(value)}`)]
  const row: RouteRow = {
    name: route.name ?? '',
    host,
    path: path.shown,
    method: methods.join(',') || '*',
    conditions: conditions.join(', '),
    to: destination(route),
    filters: [...common, ...(route.filters ?? []).map(nameOf)],
  }
  return { row, rank: [...hostRank(host), ...path.rank, Number(methods.length > 0), headers.length, query.length] }
}

function hostRank(host: string): readonly number[] {
  if (host === '*') return [0, 0]
  return host.startsWith('*.') ? [1, host.length] : [2, 0]
}

/** An exact path before a regular expression before the longest prefix. */
function pathOf({ path }: RouteMatch): { shown: string; rank: readonly number[] } {
  if (path === undefined) return prefix('/')
  if (typeof path === 'string') return path.endsWith('/*') ? prefix(path.slice(0, -2)) : { shown: `= ${path}`, rank: [2, 0] }
  if ('exact' in path) return { shown: `= ${path.exact}`, rank: [2, 0] }
  return 'regex' in path ? { shown: `~ ${path.regex}`, rank: [1, 0] } : prefix(path.prefix)
}

function prefix(path: string): { shown: string; rank: readonly number[] } {
  const bare = path.replace(/\/$/, '')
  return { shown: `${bare}/*`, rank: [0, bare.length] }
}

function inWords(condition: TextMatch): string {
  if (typeof condition === 'string') return `= ${condition}`
  if ('exact' in condition) return `= ${condition.exact}`
  if ('regex' in condition) return `~ ${condition.regex}`
  return condition.present ? 'present' : 'absent'
}

function destination({ to, redirect, reply }: RouteSpec): string {
  if (typeof to === 'string') return to
  if (to !== undefined) return to.map(({ service, weight }) => `${service} ×${weight ?? 1}`).join(', ')
  return redirect === undefined ? `reply ${reply?.status}` : `redirect ${redirect.status ?? 302}`
}

function nameOf(answer: unknown): string {
  if (typeof answer === 'string') return answer
  const named = (answer as { name?: unknown }).name
  return typeof named === 'string' ? named : (Object.keys(answer as object)[0] ?? '?')
}
