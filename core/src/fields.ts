// What each header field means to an intermediary: RFC 9110 §7.6.1 and the names this mesh itself speaks.
import { lowerName } from './headers.ts'

/** How a field is treated on its way through. */
export const field = {
  /** End to end: passed on as it is. */
  plain: 0,
  host: 1,
  connection: 2,
  contentLength: 3,
  transferEncoding: 4,
  /** Means something on one connection only: never passed on. */
  hop: 5,
  te: 6,
  upgrade: 7,
  expect: 8,
  /** Says who the client is: believed from trusted hops only. */
  forwarded: 9,
  requestId: 10,
  via: 11,
  maxForwards: 12,
  /** The name has an underscore: the listener's policy decides. */
  underscore: 13,
  /** Announces trailers. */
  trailer: 14,
  /** Not a token. */
  invalid: 15,
  /** Says who the client is by its certificate: the listener decides. */
  clientCert: 16,
} as const

export type FieldKind = (typeof field)[keyof typeof field]

const special: ReadonlyMap<string, FieldKind> = new Map<string, FieldKind>([
  ['host', field.host],
  ['connection', field.connection],
  ['content-length', field.contentLength],
  ['transfer-encoding', field.transferEncoding],
  ['keep-alive', field.hop],
  ['proxy-connection', field.hop],
  ['http2-settings', field.hop],
  ['te', field.te],
  ['upgrade', field.upgrade],
  ['expect', field.expect],
  ['x-forwarded-for', field.forwarded],
  ['x-forwarded-proto', field.forwarded],
  ['x-forwarded-host', field.forwarded],
  ['x-forwarded-port', field.forwarded],
  ['x-real-ip', field.forwarded],
  ['forwarded', field.forwarded],
  ['x-request-id', field.requestId],
  ['x-forwarded-client-cert', field.clientCert],
  ['via', field.via],
  ['max-forwards', field.maxForwards],
  ['trailer', field.trailer],
])

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const kinds = new Map<string, FieldKind>()
const maxKinds = 4096

/** The kind of a field, by its name in any case. */
export function fieldKind(name: string): FieldKind {
  // hot: one look-up per field of every message; the table holds the spellings that were seen, and is bounded
  const known = kinds.get(name)
  if (known !== undefined) return known
  const kind = classify(name)
  if (kinds.size < maxKinds && name.length <= 64) kinds.set(name, kind)
  return kind
}

function classify(name: string): FieldKind {
  if (!token.test(name)) return field.invalid
  return special.get(lowerName(name)) ?? (name.includes('_') ? field.underscore : field.plain)
}

/** Is it a token (RFC 9110 §5.6.2)? */
export function isToken(text: string): boolean {
  return token.test(text)
}

// What lies above Latin-1 is written as its low byte, which may be a line end.
const forbiddenInValue = /[^\t\x20-\x7e\x80-\xff]/

/** May it stand as a field value: no control characters other than a tab, and one byte for each character? */
export function isFieldValue(value: string): boolean {
  return !forbiddenInValue.test(value)
}

/** Names that a Connection field may not take away: they frame or route the message, or were put there by the proxy. */
const keptDespiteConnection: ReadonlySet<string> = new Set(['host', 'content-length', 'transfer-encoding', 'via', 'x-request-id'])

/**
 * The names that a message's Connection fields nominate for removal, lower case; undefined when there are none beyond
 * `close`, `keep-alive` and `upgrade`.
 */
export function nominated(connection: string): Set<string> | undefined {
  // hot: nearly every message says `keep-alive` or `close`
  if (connection === 'keep-alive' || connection === 'close' || connection === 'Keep-Alive') return undefined
  let names: Set<string> | undefined
  for (const option of connection.split(',')) {
    const name = option.trim().toLowerCase()
    if (name === '' || name === 'close' || name === 'keep-alive' || name === 'upgrade' || keptDespiteConnection.has(name)) continue
    names ??= new Set()
    names.add(name)
  }
  return names
}

/** Removes the nominated names from a flat list, in place. */
export function removeNominated(list: string[], names: ReadonlySet<string>): void {
  let kept = 0
  for (let i = 0; i < list.length; i += 2) {
    if (names.has(lowerName(list[i] as string))) continue
    list[kept] = list[i] as string
    list[kept + 1] = list[i + 1] as string
    kept += 2
  }
  list.length = kept
}

/** Does a comma-separated list hold this lower-case token? */
export function hasOption(list: string, option: string): boolean {
  return list.split(',').some((item) => item.trim().toLowerCase() === option)
}

/** Names that may not come as trailers (RFC 9110 §6.5.1): they frame, route, authenticate or describe the content. */
const forbiddenTrailers: ReadonlySet<string> = new Set([
  'age', 'authorization', 'cache-control', 'connection', 'content-encoding', 'content-length', 'content-range', 'content-type',
  'cookie', 'date', 'expect', 'expires', 'forwarded', 'host', 'if-match', 'if-none-match', 'keep-alive', 'location', 'max-forwards',
  'pragma', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'range', 'retry-after', 'set-cookie', 'te', 'trailer',
  'transfer-encoding', 'upgrade', 'vary', 'via', 'www-authenticate', 'x-forwarded-client-cert', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-request-id',
])

/** The trailers that may be passed on, as a new flat list; undefined when there are none. */
export function passableTrailers(list: readonly string[]): string[] | undefined {
  const kept: string[] = []
  for (let i = 0; i + 1 < list.length; i += 2) {
    const name = list[i] as string
    const value = list[i + 1] as string
    if (isToken(name) && isFieldValue(value) && !forbiddenTrailers.has(lowerName(name))) kept.push(name, value)
  }
  return kept.length === 0 ? undefined : kept
}
