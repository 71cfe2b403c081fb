// Patterns with stars, and paths as servers will understand them.
import { decodePercent, toLower } from '@meshwright/filter-sdk'

/** Matches a whole text, without regard to the case of ASCII letters; `*` is any number of any characters. */
export class Glob {
  private parts: string[]

  constructor(pattern: string) {
    this.parts = toLower(pattern).split('*')
  }

  /** In a time that grows with the length of the text, however many stars there are. */
  matches(text: string): bool {
    const lower = toLower(text)
    const parts = this.parts
    if (parts.length == 1) return lower == parts[0]
    if (!lower.startsWith(parts[0])) return false
    let at = parts[0].length
    // The earliest place of each part leaves the most room for the next.
    for (let i = 1; i < parts.length - 1; i++) {
      const found = lower.indexOf(parts[i], at)
      if (found < 0) return false
      at = found + parts[i].length
    }
    const last = parts[parts.length - 1]
    return lower.length - at >= last.length && lower.endsWith(last)
  }
}

/** The path without its query, percent signs undone, double slashes made one, `.` and `..` resolved: no spelling slips by a rule. */
export function normalPath(path: string): string {
  const query = path.indexOf('?')
  // Some servers undo percent signs twice, and take a backslash for a slash.
  const decoded = decodePercent(decodePercent(query < 0 ? path : path.substring(0, query))).replaceAll('\\', '/')
  const parts = decoded.split('/')
  const kept: string[] = []
  for (let i = 0; i < parts.length; i++) {
    // What follows a semicolon is a parameter, which some servers drop before they look for the resource.
    const semicolon = parts[i].indexOf(';')
    const part = semicolon < 0 ? parts[i] : parts[i].substring(0, semicolon)
    if (part == '..') {
      if (kept.length > 0) kept.pop()
    } else if (part.length > 0 && part != '.') kept.push(part)
  }
  const slash = kept.length > 0 && parts[parts.length - 1].length == 0 ? '/' : ''
  return '/' + kept.join('/') + slash
}
