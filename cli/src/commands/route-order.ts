// Routes as a request meets them: one row for each match and host, most specific first.
import { RouteTable, type MeshSpec, type RouteMatch, type RouteSpec, type TextMatch } from '@meshwright/core'
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

/** All rows in the order of precedence, which is the core's. */
export function routeRows(spec: MeshSpec): RouteRow[] {
  const common = (spec.filters ?? []).map(nameOf)
  const entries = (spec.routes ?? []).flatMap((route, index) => matchesOf(route, index).map(({ match }) => ({ match, value: { route, match } })))
  return new RouteTable(entries).inOrder().map(({ host, value }) => toRow(value.route, value.match, host, common))
}

function toRow(route: RouteSpec, match: RouteMatch, host: string, common: readonly string[]): RouteRow {
  const headers = Object.entries(match.headers ?? {}).map(([name, value]) => `${name} ${inWords(value)}`)
  const query = Object.entries(match.query ?? {}).map(([name, value]) => `?${name} ${inWords(value)}`)
  return {
    name: route.name ?? '',
    host,
    path: pathInWords(match.path),
    method: [match.method ?? '*'].flat().join(','),
    conditions: [...headers, ...query].join(', '),
    to: destination(route),
    filters: [...common, ...(route.filters ?? []).map(nameOf)],
  }
}

function pathInWords(path: RouteMatch['path']): string {
  if (path === undefined) return '/*'
  if (typeof path === 'string') return path.endsWith('/*') ? path : `= ${path}`
  if ('exact' in path) return `= ${path.exact}`
  return 'regex' in path ? `~ ${path.regex}` : `${path.prefix.replace(/\/$/, '')}/*`
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
