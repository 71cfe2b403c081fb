// Hosts: which name a Host field means, and which names a route's host pattern covers.
import { badRoute, checkHost, quote } from './valid.ts'

/** A host condition in canonical form. */
export interface HostPattern {
  /** `any`: every host, and a request without one. `suffix`: one or more labels before `.name`. */
  readonly kind: 'exact' | 'suffix' | 'any'
  /** Lower case, without a port or trailing dot; without `*.` for a suffix; empty for any. */
  readonly name: string
}

/** The condition that holds for everything. */
export const anyHost: HostPattern = { kind: 'any', name: '' }

/**
 * Compiles `shop.example`, `*.shop.example` or `*` (any host).
 * @throws MESH_BAD_ROUTE
 */
export function compileHost(text: unknown, field: string): HostPattern {
  if (text === '*') return anyHost
  if (typeof text !== 'string' || !text.startsWith('*')) return { kind: 'exact', name: checkHost(text, field) }
  if (!text.startsWith('*.') || text.startsWith('*.[')) throw badRoute(field, `${quote(text)} has its wildcard in a place that is not allowed: write *.name`)
  return { kind: 'suffix', name: checkHost(text.slice(2), field) }
}

/** The host of an authority: lower case, without port and trailing dot. Nothing is validated. */
export function hostOf(authority: string): string {
  const end = hostEnd(authority)
  const dotted = end > 0 && authority.charCodeAt(end - 1) === 0x2e
  return authority.slice(0, dotted ? end - 1 : end).toLowerCase()
}

/** The port of an authority as it was written, or empty. Nothing is validated. */
export function portOf(authority: string): string {
  return authority.slice(hostEnd(authority) + 1)
}

function hostEnd(authority: string): number {
  const from = authority.startsWith('[') ? authority.indexOf(']') : 0
  const colon = authority.indexOf(':', Math.max(from, 0))
  return colon < 0 ? authority.length : colon
}
