// Nanoseconds per request. Run: node --conditions=mw-source src/rate-limit.bench.ts
import { Headers, KeyHash, keyPart, Response, type Exchange } from '@meshwright/core'
import { rateLimit, type RateLimitOptions } from './rate-limit.ts'

const calls = 1_000_000
const route = { name: 'users' }

/** So many clients, each with an exchange that is used again and again. */
function exchangesOf(clients: number, address: (i: number) => string): Exchange[] {
  return Array.from({ length: clients }, (_, i) => {
    const headers = new Headers(['accept', '*/*', 'user-agent', 'bench', 'accept-encoding', 'gzip', 'x-api-key', `key-of-client-${i}`])
    let state: object | undefined
    return {
      request: { headers, query: '', clientAddress: address(i), id: 'bench-1' },
      route,
      startedMs: performance.now(),
      response: new Response(200, '', new Headers()),
      get state() {
        return (state ??= {})
      },
      forget: () => (state = undefined),
    } as unknown as Exchange
  })
}

function measure(label: string, run: (i: number) => void): void {
  let best = Infinity
  for (let round = 0; round < 7; round++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < calls; i++) run(i)
    best = Math.min(best, Number(process.hrtime.bigint() - start) / calls)
  }
  console.log(`${label.padEnd(52)} ${best.toFixed(1).padStart(7)} ns`)
}

const v4 = (i: number): string => `198.51.${(i >> 8) & 255}.${i & 255}`
const v6 = (i: number): string => `2001:db8:${i.toString(16)}::1`
const none = {} as Partial<RateLimitOptions>
for (const [label, clients, address, options] of [
  ['1 client', 1, v4, none],
  ['1000 clients', 1000, v4, none],
  ['10000 clients', 10_000, v4, none],
  ['1000 clients of IPv6', 1000, v6, none],
  ['1000 clients by a header', 1000, v4, { key: [{ header: 'x-api-key' }] }],
  ['1000 clients by route, address and a header', 1000, v4, { key: ['route', 'address', { header: 'x-api-key' }] }],
  ['100000 clients, room for 10000', 100_000, v4, none],
] as const) {
  const exchanges = exchangesOf(clients, address)
  const limiter = rateLimit({ requests: 100_000_000, windowMs: 100_000, ...options })
  measure(label, (i) => {
    const exchange = exchanges[i % clients] as Exchange
    limiter.onRequestHeaders(exchange)
  })
}

{
  const exchanges = exchangesOf(1000, v4)
  const limiter = rateLimit({ requests: 100_000_000, windowMs: 100_000, headers: 'all' })
  measure('1000 clients, fields on every response', (i) => {
    const exchange = exchanges[i % 1000] as Exchange & { forget(): void; response: Response }
    exchange.forget()
    exchange.response = new Response(200, '', new Headers())
    limiter.onRequestHeaders(exchange)
    limiter.onResponseHeaders?.(exchange)
  })
  measure('  of which the bench itself', (i) => {
    const exchange = exchanges[i % 1000] as Exchange & { forget(): void; response: Response }
    exchange.forget()
    exchange.response = new Response(200, '', new Headers())
  })
}
{
  const exchanges = exchangesOf(1000, v4)
  const limiter = rateLimit({ requests: 1, windowMs: 31_536_000_000 })
  measure('1000 clients, all refused', (i) => {
    limiter.onRequestHeaders(exchanges[i % 1000] as Exchange)
  })
  const shadow = rateLimit({ requests: 1, windowMs: 31_536_000_000, shadow: true })
  measure('1000 clients, all would be refused', (i) => {
    shadow.onRequestHeaders(exchanges[i % 1000] as Exchange)
  })
}
{
  const hash = new KeyHash(1, 2)
  for (const text of ['users', '198.51.100.17', 'x'.repeat(100)]) {
    measure(`the hash of ${text.length} characters`, () => {
      hash.start()
      hash.text(text)
      hash.finish()
    })
  }
  const [exchange] = exchangesOf(1, v6) as [Exchange]
  const read = keyPart('address')
  measure('the network of an IPv6 address that is known', () => void read(exchange))
  const fresh = keyPart('address')
  const many = exchangesOf(50_000, v6)
  measure('the network of a new IPv6 address', (i) => void fresh(many[i % 50_000] as Exchange))
  measure('performance.now()', () => void performance.now())
}
