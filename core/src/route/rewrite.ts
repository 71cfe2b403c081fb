// What a route changes: path and host of a request, header fields, or its whole address by a redirect.
import type { Request } from '../exchange.ts'
import type { Headers } from '../headers.ts'
import { reply, type Reply } from '../reply.ts'
import type { HeaderChanges, RouteSpec } from '../spec.ts'
import { hostOf, portOf } from './host.ts'
import { badRoute, canonicalHost, checkFieldName, checkFieldValue, checkHost, checkPath, checkPort, maxConditions, quote } from './valid.ts'

type PathRewrite = { readonly prefix: string } | { readonly full: string }

/**
 * Compiles a rewrite of path and host.
 * @param matched the prefix of the route's match; undefined if it does not match by prefix, and then only `full` is possible
 * @param field what error messages call it
 * @throws MESH_BAD_ROUTE
 */
export function compileRewrite(rewrite: NonNullable<RouteSpec['rewrite']>, matched: string | undefined, field = 'rewrite'): (request: Pick<Request, 'path' | 'authority'>) => void {
  const path = rewrite.path === undefined ? undefined : compilePathRewrite(rewrite.path, matched, `${field}.path`)
  const host = rewrite.host === undefined ? undefined : checkAuthority(rewrite.host, `${field}.host`)
  return (request) => {
    if (path !== undefined) request.path = path(request.path)
    if (host !== undefined) request.authority = host
  }
}

/**
 * Compiles a rewrite of a path. Replacing a prefix works on elements: `/foo` → `/xyz` and `/foo/` → `/xyz/` both turn
 * `/foo/bar` into `/xyz/bar`, and `/foo` → `/` turns `/foo` into `/`. What comes out starts with exactly one slash.
 * A path that does not lie under the prefix (a filter has changed it, or it is `*`) stays as it is.
 * @source Gateway API, HTTPPathModifier
 */
export function compilePathRewrite(rewrite: PathRewrite, matched: string | undefined, field: string): (path: string) => string {
  if ('full' in rewrite) {
    const full = checkPath(rewrite.full, `${field}.full`)
    return () => full
  }
  if (!('prefix' in rewrite)) throw badRoute(field, `${quote(rewrite)} is neither prefix nor full`)
  if (matched === undefined) throw badRoute(`${field}.prefix`, 'there is no prefix to replace, as the route does not match by prefix; use full')
  const from = withoutEnd(checkPath(matched, 'match.path'))
  const to = withoutEnd(checkPath(rewrite.prefix, `${field}.prefix`))
  return (path) => {
    if (!path.startsWith(from)) return path
    const rest = path.slice(from.length)
    if (rest === '') return to === '' ? '/' : to
    // Where slashes are not merged, `/foo//evil.example` must not become `//evil.example`.
    return rest.charCodeAt(0) === 0x2f ? to + oneSlash(rest) : path
  }
}

function withoutEnd(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}

function oneSlash(path: string): string {
  return path.startsWith('//') ? path.replace(/^\/+/, '/') : path
}

/** `host` or `host:port` as it may stand in a Host field. */
function checkAuthority(text: unknown, field: string): string {
  if (typeof text !== 'string') throw badRoute(field, `${quote(text)} is not a host`)
  const [, name, port] = /^(\[[^\]]*\]|[^:]*)(?::([0-9]+))?$/s.exec(text) ?? []
  if (name === undefined) throw badRoute(field, `${quote(text)} is not a host`)
  const host = checkHost(name, field)
  return port === undefined ? host : `${host}:${checkPort(Number(port), field)}`
}

const statuses: readonly number[] = [301, 302, 303, 307, 308]
const defaultPorts: Readonly<Record<string, string>> = { http: '80', https: '443' }

type Redirect = NonNullable<RouteSpec['redirect']>

/**
 * Compiles a redirect. What it does not name is taken from the request, the query always; a port that goes without saying is
 * left out, and so is the request's own port when the scheme is named. Location is absolute, so that it cannot be taken for
 * another host's; to a request without a usable host the answer is 400.
 * @param matched as in {@link compileRewrite}
 * @throws MESH_BAD_ROUTE, also for a redirect that names nothing and so leads nowhere else
 */
export function compileRedirect(redirect: Redirect, matched: string | undefined, field = 'redirect'): (request: Pick<Request, 'path' | 'query' | 'hasQuery' | 'authority' | 'scheme'>) => Reply {
  const { status = 302, scheme, port } = redirect
  if (!statuses.includes(status)) throw badRoute(`${field}.status`, `${quote(status)} is none of ${statuses.join(', ')}`)
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') throw badRoute(`${field}.scheme`, `${quote(scheme)} is neither http nor https`)
  if (scheme === undefined && port === undefined && redirect.host === undefined && redirect.path === undefined) throw badRoute(field, 'leads back to the same address')
  const host = redirect.host === undefined ? undefined : checkHost(redirect.host, `${field}.host`)
  const fixedPort = port === undefined ? undefined : String(checkPort(port, `${field}.port`))
  const rewrite = redirect.path === undefined ? undefined : compilePathRewrite(redirect.path, matched, `${field}.path`)
  return (request) => {
    const name = host ?? canonicalHost(hostOf(request.authority))
    if (name === undefined) return reply(400, 'The Host is missing or invalid\n')
    const toScheme = scheme ?? request.scheme
    const toPort = fixedPort ?? (scheme === undefined ? portOf(request.authority) : '')
    const authority = toPort === '' || toPort === defaultPorts[toScheme] ? name : `${name}:${toPort}`
    const path = rewrite === undefined ? request.path : rewrite(request.path)
    const query = request.hasQuery ? `?${request.query}` : ''
    return reply(status, undefined, { location: toLocation(toScheme, authority, path, query) })
  }
}

function toLocation(scheme: string, authority: string, path: string, query: string): string {
  // `*` has no address of its own. RFC 3986 has no other characters than these, whatever filters wrote.
  const target = (path.startsWith('/') ? path : '/') + query
  return `${scheme}://${authority}${target.replace(/[^\x21-\x7e]|[\\<>"#]/gu, percentEncode)}`
}

function percentEncode(char: string): string {
  const code = char.codePointAt(0) as number
  // Up to 0xff it is a byte that came in, not a letter.
  return code <= 0xff ? `%${code.toString(16).toUpperCase().padStart(2, '0')}` : encodeURIComponent(char.toWellFormed())
}

/**
 * Compiles changes to header fields; undefined when there are none. They are made in the order remove, set, add.
 * Names are checked to be tokens that do not belong to the connection (Host, Content-Length, Connection, …),
 * values to have no control characters.
 * @throws MESH_BAD_ROUTE
 */
export function compileHeaderChanges(changes: HeaderChanges | undefined, field = 'headers'): ((headers: Headers) => void) | undefined {
  if (changes === undefined) return undefined
  const remove = (changes.remove ?? []).map((name, i) => checkFieldName(name, `${field}.remove[${i}]`))
  const set = checkFields(changes.set, `${field}.set`)
  const add = checkFields(changes.add, `${field}.add`)
  if (remove.length + set.length + add.length > 3 * maxConditions) throw badRoute(field, `has more than ${3 * maxConditions} changes`)
  if (remove.length + set.length + add.length === 0) return undefined
  return (headers) => {
    for (const name of remove) headers.delete(name)
    for (const [name, value] of set) headers.set(name, value)
    for (const [name, value] of add) headers.append(name, value)
  }
}

function checkFields(fields: Readonly<Record<string, string>> | undefined, field: string): (readonly [string, string])[] {
  return Object.entries(fields ?? {}).map(([name, value]) => [checkFieldName(name, `${field}.${name}`), checkFieldValue(value, `${field}.${name}`)] as const)
}
