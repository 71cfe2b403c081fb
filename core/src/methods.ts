// What a request method promises.

const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'QUERY'])

/** Does the same request, executed twice, mean what it means once (RFC 9110 §9.2.2)? An unknown method does not. */
export function isIdempotent(method: string): boolean {
  return idempotent.has(method)
}
