// A configuration as it may be shown: plain data, without secrets.

const secretName = /passw|secret|token|credential|authorization|api[-_]?key|private[-_]?key|^key$/i

/** Those of a URL. */
const credentials = /(\b[a-z][a-z0-9+.-]*:\/\/)[^/?#\s]*@/gi

/** A copy for people: answers by value become `"(by value)"`, and texts under a name that sounds like a secret or with a key in them, and credentials in URLs, `"(hidden)"`. */
export function shown(value: unknown, name = ''): unknown {
  if (typeof value === 'function') return '(by value)'
  if (typeof value === 'string') return secretName.test(name) || value.includes('PRIVATE KEY-----') ? '(hidden)' : value.replace(credentials, '$1(hidden)@')
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((element) => shown(element, name))
  const entries = Object.entries(value)
  if (Object.getPrototypeOf(value) !== Object.prototype || entries.some(([, part]) => typeof part === 'function')) return '(by value)'
  return Object.fromEntries(entries.map(([key, part]) => [key, shown(part, key)]))
}
