// Finds routes that no request can reach.
import { MeshError, RouteTable, type MeshSpec, type RouteMatch, type RouteSpec } from '@meshwright/core'
import type { Findings } from './findings.ts'
import type { ValuePath } from './problems.ts'

interface Match {
  readonly match: RouteMatch
  readonly path: ValuePath
}

/** Adds a warning for each match that others take everything from. */
export function checkShadows(spec: MeshSpec, findings: Findings): void {
  const table = compile((spec.routes ?? []).flatMap(matchesOf), findings)
  for (const { value, by } of table?.shadowed() ?? []) {
    const related = [{ message: 'this one takes its requests', path: by.path, at: 'key' as const }]
    findings.add('MW1501', value.path, 'no request can reach this route', { at: 'key', related })
  }
}

/** Every match of a route with its place. */
export function matchesOf(route: RouteSpec, index: number): Match[] {
  const { match } = route
  if (match === undefined) return [{ match: {}, path: ['routes', index] }]
  if (!isList(match)) return [{ match, path: ['routes', index, 'match'] }]
  return match.map((one, which) => ({ match: one, path: ['routes', index, 'match', which] }))
}

function isList(match: RouteMatch | readonly RouteMatch[]): match is readonly RouteMatch[] {
  return Array.isArray(match)
}

function compile(matches: readonly Match[], findings: Findings): RouteTable<Match> | undefined {
  try {
    return new RouteTable(matches.map((one) => ({ match: one.match, value: one, field: one.path.join('.') })))
  } catch (error) {
    if (!(error instanceof MeshError)) throw error
    findings.add('MW1399', ['routes'], error.message)
    return undefined
  }
}
