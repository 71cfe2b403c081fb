// Takes a parameter out of a path with a query.
import { decodePercent } from '@meshwright/filter-sdk'

/** The path without any parameter of that name; all else stays as it is. */
export function withoutParameter(path: string, name: string): string {
  const at = path.indexOf('?')
  if (at < 0) return path
  const parts = path.substring(at + 1).split('&')
  const kept: string[] = []
  for (let i = 0; i < parts.length; i++) {
    const equals = parts[i].indexOf('=')
    const own = equals < 0 ? parts[i] : parts[i].substring(0, equals)
    if (decodePercent(own, true) != name) kept.push(parts[i])
  }
  if (kept.length == parts.length) return path
  return kept.length == 0 ? path.substring(0, at) : path.substring(0, at + 1) + kept.join('&')
}
