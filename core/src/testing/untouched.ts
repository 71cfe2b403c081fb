// Whether an answer that was only to look has changed what it was shown.
import type { Endpoint } from '../endpoint.ts'
import type { Exchange } from '../exchange.ts'
import { demand, show } from './conformance.ts'

/** Writes down what is there now; the function that it returns demands that nothing has changed since. `state` is for plugins. */
export function watchExchange(exchange: Exchange, who: string): () => void {
  const before = told(exchange)
  return () => demandSame(before, told(exchange), `the exchange as it was before ${who}`)
}

/** The same for endpoints, whose state only the core changes. */
export function watchEndpoints(endpoints: readonly Endpoint[], who: string): () => void {
  const before = endpoints.map(fields)
  return () => endpoints.forEach((one, index) => demandSame(before[index] ?? {}, fields(one), `endpoint ${one.id} as it was before ${who}`))
}

/** Everything of an exchange that a plugin could change. */
export function told(exchange: Exchange): Record<string, unknown> {
  const { request, response, body } = exchange
  const { method, path, query, hasQuery, authority, scheme } = request
  const seen = { ...fields(exchange), request: undefined, response: undefined, body: undefined, tried: [...exchange.tried] }
  return {
    ...seen,
    method, path, query, hasQuery, authority, scheme,
    declaredBytes: body?.declaredBytes,
    'request.headers': [...request.headers.toList()],
    ...(response !== undefined && { status: response.status, reason: response.reason, 'response.headers': [...response.headers.toList()] }),
  }
}

/** The public fields, as they are now. */
function fields(object: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object))
}

function demandSame(before: Record<string, unknown>, after: Record<string, unknown>, expected: string): void {
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    demand(same(before[key], after[key]), expected, `${key} was ${show(before[key])} and is ${show(after[key])}`, 'only the core changes it')
  }
}

function same(a: unknown, b: unknown): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return Object.is(a, b)
  return a.length === b.length && a.every((value, index) => Object.is(value, b[index]))
}
