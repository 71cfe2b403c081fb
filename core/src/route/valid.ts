// The checks that the parts of a route share: each either returns the canonical form or throws MESH_BAD_ROUTE.
import { domainToASCII } from 'node:url'
import { isIPv6 } from 'node:net'
import { MeshError } from '../errors.ts'
import { isToken } from '../fields.ts'
import { normalizePath } from '../path.ts'

/** A boot error that names the field which is wrong and says why. */
export function badRoute(field: string, why: string, cause?: unknown): MeshError {
  return new MeshError('MESH_BAD_ROUTE', `${field}: ${why}`, cause)
}

/** At most this many conditions of one kind (hosts, methods, headers, query keys) in one match. */
export const maxConditions = 64

const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/
// RFC 9110 §5.5 without the line ends a header value could smuggle: visible, space, tab and obs-text.
const fieldValue = /^[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/

/** What the byte path writes or removes by itself, so that no route may touch it. */
const ownFields: ReadonlySet<string> = new Set([
  'connection', 'proxy-connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings', 'expect', 'host', 'content-length',
])

/** A token (RFC 9110 §5.6.2), as methods and field names are. */
export function checkToken(text: unknown, field: string): string {
  if (typeof text !== 'string' || !isToken(text)) throw badRoute(field, `${quote(text)} is not a token`)
  return text
}

/** A field name that a route may look at or change; lower case comes back. */
export function checkFieldName(text: unknown, field: string): string {
  const name = checkToken(text, field).toLowerCase()
  if (ownFields.has(name)) throw badRoute(field, `${quote(text)} belongs to the connection, not to the route`)
  return name
}

/** A field value without control characters or spaces at its ends; may be empty. */
export function checkFieldValue(text: unknown, field: string): string {
  if (typeof text !== 'string' || (text !== '' && !fieldValue.test(text))) throw badRoute(field, `${quote(text)} is not a field value`)
  return text
}

/** A host name, IPv4 address or bracketed IPv6 address without a port; lower case, in ASCII and without a trailing dot. */
export function checkHost(text: unknown, field: string): string {
  const host = canonicalHost(text)
  if (host === undefined) throw badRoute(field, `${quote(text)} is not a host name (a port does not belong here)`)
  return host
}

/** The canonical form of a host without a port, or undefined if it is none. */
export function canonicalHost(text: unknown): string | undefined {
  if (typeof text !== 'string' || text === '' || text.length > 255) return undefined
  if (text.startsWith('[')) return text.endsWith(']') && isIPv6(text.slice(1, -1)) ? text.toLowerCase() : undefined
  const ascii = isAscii(text) ? text.toLowerCase() : domainToASCII(text)
  const host = ascii.endsWith('.') ? ascii.slice(0, -1) : ascii
  return host.length <= 253 && host.split('.').every((part) => label.test(part)) ? host : undefined
}

/** A port from 1 to 65535. */
export function checkPort(port: unknown, field: string): number {
  if (!Number.isInteger(port) || (port as number) < 1 || (port as number) > 65_535) throw badRoute(field, `${quote(port)} is not a port`)
  return port as number
}

const keepEverything = { normalize: true, mergeSlashes: false, escapedSlashes: 'keep' } as const

/**
 * A path in the form that requests have after normalisation: letters outside ASCII become percent-encoded.
 * Refused: no leading slash, `//`, dot segments, `?`, `#`, spaces, backslashes, control characters, malformed percent-encoding.
 */
export function checkPath(text: unknown, field: string): string {
  if (typeof text !== 'string' || !text.startsWith('/')) throw badRoute(field, `${quote(text)} does not start with a slash`)
  if (text.includes('?')) throw badRoute(field, `${quote(text)} contains a query`)
  if (text.includes('//')) throw badRoute(field, `${quote(text)} has an empty path element`)
  const encoded = encodeLetters(text, field)
  const path = normalizePath(encoded, keepEverything)
  if (path === undefined) throw badRoute(field, `${quote(text)} contains what no path may contain`)
  if (path.split('/').length !== encoded.split('/').length) throw badRoute(field, `${quote(text)} has dot segments`)
  return path
}

function encodeLetters(text: string, field: string): string {
  if (isAscii(text)) return text
  if (!text.isWellFormed()) throw badRoute(field, `${quote(text)} is not well-formed text`)
  return text.replace(/[^\0-\x7f]+/gu, encodeURIComponent)
}

function isAscii(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- the whole of ASCII is meant
  return /^[\0-\x7f]*$/.test(text)
}

/** A wrong value as an error message shows it: short and on one line. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}
