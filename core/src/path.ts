// The one form of a path that routing, filters and the endpoint all see, and the paths that are refused instead.
import type { PathPolicy } from './spec.ts'

// hot: one test of one class takes two thirds of the time of a loop over a table (bench path)
/** Anything beyond an ordinary path: a character with a meaning of its own, or a slash before a dot or another slash. */
const unusual = /[^!"$&->@-[\]-~]|\/[./]/
/** Never acceptable: controls, spaces, what is no byte, fragments, queries, and the backslash, which some endpoints read as a slash. */
const refused = /[^!-~\x80-\xff]|[#?\\]/

const percent = 0x25
const slash = 0x2f

const unreserved: Uint8Array = new Uint8Array(256)
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~') unreserved[char.charCodeAt(0)] = 1

/**
 * Brings a path (without its query) into one form, or answers undefined: MESH_BAD_PATH.
 *
 * Refused whatever the policy: no leading slash (`*` alone stays), control characters, spaces, `\`, `#`, `?`, malformed
 * percent-encoding, `%00`. `escapedSlashes` decides on `%2F` and `%5C`: `reject` refuses them, `keep` leaves them encoded,
 * `decode` makes each a slash, before dot segments are looked for. `normalize` decodes unreserved characters, writes other
 * percent-encoding in upper case, encodes bytes above ASCII and removes dot segments (never above the root).
 * `mergeSlashes` comes last. Applying it twice changes nothing; `%25` stays, so nothing is decoded twice.
 * @source RFC 3986 §5.2.4, §6.2.2
 */
export function normalizePath(path: string, policy: Required<PathPolicy>): string | undefined {
  if (path.charCodeAt(0) !== slash) return path === '*' ? path : undefined
  if (!unusual.test(path)) return path
  return refused.test(path) ? undefined : rebuild(path, policy)
}

function rebuild(path: string, policy: Required<PathPolicy>): string | undefined {
  const decoded = decode(path, policy)
  if (decoded === undefined) return undefined
  const resolved = policy.normalize && decoded.includes('/.') ? removeDotSegments(decoded) : decoded
  return policy.mergeSlashes && resolved.includes('//') ? resolved.replace(/\/{2,}/g, '/') : resolved
}

/** One pass over the percent-encoding, so that nothing it makes is looked at again. */
function decode(path: string, policy: Required<PathPolicy>): string | undefined {
  let out = ''
  let copied = 0
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i)
    if (code !== percent && code < 0x80) continue
    // Bytes above ASCII are no URI characters, but people send raw UTF-8: percent-encoded it is the same path.
    const replacement = code === percent ? decodeOne(path, i, policy) : encodeByte(code, policy)
    if (replacement === undefined) return undefined
    out += path.slice(copied, i) + replacement
    if (code === percent) i += 2
    copied = i + 1
  }
  return copied === 0 ? path : out + path.slice(copied)
}

function decodeOne(path: string, at: number, policy: Required<PathPolicy>): string | undefined {
  const high = hexValue(path.charCodeAt(at + 1))
  const low = hexValue(path.charCodeAt(at + 2))
  const byte = high * 16 + low
  if (high < 0 || low < 0 || byte === 0) return undefined
  if (byte === 0x2f || byte === 0x5c) {
    if (policy.escapedSlashes === 'reject') return undefined
    if (policy.escapedSlashes === 'decode') return '/'
  }
  const encoded = path.slice(at, at + 3)
  if (!policy.normalize) return encoded
  return unreserved[byte] === 1 ? String.fromCharCode(byte) : encoded.toUpperCase()
}

function encodeByte(code: number, policy: Required<PathPolicy>): string {
  return policy.normalize ? `%${code.toString(16).toUpperCase()}` : String.fromCharCode(code)
}

/** 0..15, or -1; also for the NaN behind the end of a string. */
function hexValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

function removeDotSegments(path: string): string {
  const kept: string[] = []
  const segments = path.split('/')
  const last = segments.length - 1
  for (let i = 1; i <= last; i++) {
    const segment = segments[i] as string
    const dots = segment === '.' || segment === '..'
    if (segment === '..') kept.pop()
    if (!dots) kept.push(segment)
    // A dot segment at the end leaves a directory: `/a/b/..` is `/a/`, not `/a`.
    else if (i === last) kept.push('')
  }
  return `/${kept.join('/')}`
}
