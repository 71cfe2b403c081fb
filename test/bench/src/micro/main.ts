// The micro-benches: what single steps of the path cost, as JSON on standard output.
import { type Exchange, type Filter, Headers, RouteTable } from '@meshwright/core'
import { nanosecondsOf } from './loop.ts'

/** The part of the core's chain that is measured. It is not public, so it is taken from the source beside us. */
interface Chain {
  requestHeaders(exchange: Exchange): unknown
  responseHeaders(exchange: Exchange): unknown
}
const source = new URL('../../../../core/src/chain.ts', import.meta.url).href
const { Chain } = (await import(source)) as { Chain: new (filters: readonly Filter[]) => Chain }

const exchange = {} as Exchange // empty filters do not look at it
const empty = (name: number): Filter => ({ name: String(name), onRequestHeaders: () => undefined, onResponseHeaders: () => undefined })
const chains = [0, 4, 8].map((count) => ({ count, chain: new Chain(Array.from({ length: count }, (_, index) => empty(index))) }))

const wire = ['Host', 'shop.example', 'User-Agent', 'curl/8', 'Accept', '*/*', 'Accept-Encoding', 'gzip', 'Cookie', 'a=b', 'X-Trace', '1', 'X-Canary', '1', 'Content-Type', 'text/plain']
const headers = new Headers(wire.slice())

const routes = (count: number): RouteTable<number> =>
  new RouteTable(Array.from({ length: count }, (_, value) => ({ match: { host: `shop${value % 100}.example`, path: `/api/v${value % 3}/tenant${value}/*` }, value })))
const tables = [10, 10_000].map((count) => ({ count, table: routes(count) }))
const request = (value: number): Parameters<RouteTable<number>['match']>[0] => ({ method: 'GET', path: `/api/v${value % 3}/tenant${value}/orders/42`, query: '', authority: `shop${value % 100}.example`, headers })
const question = request(7)

const benches: readonly (readonly [string, () => unknown])[] = [
  ...chains.map(({ count, chain }) => [`chain of ${count} empty filters, request and response`, () => [chain.requestHeaders(exchange), chain.responseHeaders(exchange)]] as const),
  ['headers: get the last of 8', () => headers.get('content-type')],
  ['headers: get one that is not there', () => headers.get('x-missing')],
  ['headers: copy 8, set one, delete one', () => copyAndChange()],
  ...tables.map(({ count, table }) => [`route match, ${count} routes`, () => table.match(question)] as const),
]

function copyAndChange(): Headers {
  const copy = headers.clone()
  copy.set('x-trace', '2')
  copy.delete('cookie')
  return copy
}

console.log(JSON.stringify(benches.map(([name, run]) => ({ name, ns: nanosecondsOf(run) }))))
