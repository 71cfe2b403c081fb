// The limiter as a filter: what passes, what is refused and how, what clients are told, and what is counted.
import { Headers, Response, type ExchangeState, type Reply } from '@meshwright/core'
import { describe, expect, test } from 'vitest'
import { exchangeOf, limiter } from './limiter.test.kit.ts'
import { memoryOf, rateLimit, type RateLimitOptions } from './rate-limit.ts'

const told = (reply: Reply | undefined): Record<string, string> => Object.fromEntries(reply?.headers ?? [])

/** The fields of the response of a request that passes. */
function responseTo(options: RateLimitOptions, times = 1, headers: Headers = new Headers()): Headers {
  const { filter } = limiter(options)
  for (let i = 0; i < times; i++) {
    const exchange = exchangeOf({}, 1_000_000)
    expect(filter.onRequestHeaders(exchange)).toBeUndefined()
    exchange.response = new Response(200, '', headers)
    if (i === times - 1) filter.onResponseHeaders?.(exchange)
  }
  return headers
}

describe('a limiter', () => {
  test('passes as many as it may, and more after a while', () => {
    const { passes, at } = limiter({ requests: 4, windowMs: 1000 })
    expect(passes(10)).toBe(4)
    at(500)
    expect(passes(10)).toBe(2)
    at(10_000)
    expect(passes(10)).toBe(4)
  })

  test('refuses with 429, a problem with a code, and the time to wait', () => {
    const { ask } = limiter({ requests: 2, windowMs: 60_000 })
    ask()
    ask()
    const reply = ask()
    expect(reply?.status).toBe(429)
    expect(JSON.parse(new TextDecoder().decode(reply?.body))).toEqual({ type: 'about:blank', title: 'The request is one of too many', status: 429, code: 'MESH_RATE_LIMITED', requestId: 'id-1' })
    expect(told(reply)).toEqual({ 'content-type': 'application/problem+json', 'ratelimit-policy': '"default";q=2;w=60', ratelimit: '"default";r=0;t=60', 'retry-after': '30' })
  })

  test('puts the error into the exchange, for log and metrics', () => {
    const { filter, ask } = limiter({ requests: 1, name: 'logins' })
    ask()
    const exchange = exchangeOf({}, 1_000_000)
    filter.onRequestHeaders(exchange)
    expect(exchange.error).toMatchObject({ code: 'MESH_RATE_LIMITED', flag: 'RL', source: 'mesh', detail: 'limiter "logins"' })
  })

  test('counts what it does', () => {
    const { passes, counters } = limiter({ requests: 3 })
    passes(5)
    expect(counters).toMatchObject({ allowed: { value: 3 }, refused: { value: 2 }, shadow: { value: 0 }, forgotten: { value: 0 } })
  })

  test('counts the budgets it had to forget', () => {
    const { ask, counters } = limiter({ requests: 1, windowMs: 60_000, keys: 1 })
    for (let i = 0; i < 30; i++) ask({ address: `192.0.2.${i}` })
    ask({ address: '192.0.3.1' })
    expect(counters.forgotten.value).toBe(31 - 8)
  })

  test('in the shadow refuses nothing and says nothing, and counts what it would have refused', () => {
    const { passes, counters, filter } = limiter({ requests: 3, shadow: true, headers: 'all' })
    expect(passes(5)).toBe(5)
    expect(counters).toMatchObject({ allowed: { value: 3 }, refused: { value: 0 }, shadow: { value: 2 } })
    expect('onResponseHeaders' in filter).toBe(false)
  })
})

describe('what clients are told', () => {
  test('is nothing when a request passes, unless all are to be told', () => {
    expect('onResponseHeaders' in limiter({ requests: 3 }).filter).toBe(false)
    expect(responseTo({ requests: 3, windowMs: 3000, headers: 'all' }, 2).toList()).toEqual(['ratelimit-policy', '"default";q=3;w=3', 'ratelimit', '"default";r=1;t=2'])
  })

  test('of two limiters stands side by side', () => {
    const exchange = exchangeOf({}, 1_000_000)
    const filters = [limiter({ requests: 10, windowMs: 60_000, headers: 'all', name: 'slow' }), limiter({ requests: 5, headers: 'all', name: 'fast' })].map(({ filter }) => filter)
    for (const filter of filters) filter.onRequestHeaders(exchange)
    exchange.response = new Response(200, '', new Headers(['ratelimit', '"theirs";r=1']))
    for (const filter of filters) filter.onResponseHeaders?.(exchange)
    expect(exchange.response.headers.getAll('ratelimit')).toEqual(['"theirs";r=1', '"slow";r=9;t=6', '"fast";r=4;t=1'])
    expect((exchange.state satisfies ExchangeState).rateLimits).toHaveLength(2)
  })

  test('has the older fields if they are asked for', () => {
    expect(Object.fromEntries(responseTo({ requests: 3, burst: 7, headers: 'all', legacyHeaders: true }))).toMatchObject({ 'x-ratelimit-limit': '7', 'x-ratelimit-remaining': '6', 'x-ratelimit-reset': '1' })
  })

  test('is nothing at all if nothing is to be told', () => {
    const { ask } = limiter({ requests: 1, headers: 'none' })
    ask()
    expect(told(ask())).toEqual({ 'content-type': 'application/problem+json' })
  })

  test('has Envoy\'s mark if it is asked for', () => {
    const { ask } = limiter({ requests: 1, headers: 'none', envoyHeader: true })
    ask()
    expect(told(ask())).toMatchObject({ 'x-envoy-ratelimited': 'true' })
  })
})

describe('budgets', () => {
  test('live on in the next limiter with the same numbers', () => {
    const memory = new SharedArrayBuffer(memoryOf({ requests: 3 }).bytes)
    expect(limiter({ requests: 3 }, memory).passes(2)).toBe(2)
    expect(limiter({ requests: 3, shadow: false, headers: 'none' }, memory).passes(5)).toBe(1)
  })

  test('are known by name and by what counts, not by what is told', () => {
    const { name } = memoryOf({ requests: 3 })
    expect(memoryOf({ requests: 3, burst: 3, windowMs: 1000, headers: 'all', shadow: true }).name).toBe(name)
    const others: RateLimitOptions[] = [{ requests: 4 }, { requests: 3, burst: 4 }, { requests: 3, windowMs: 1 }, { requests: 3, key: ['address'] }, { requests: 3, missing: 'share' }, { requests: 3, ipv6Prefix: 63 }, { requests: 3, name: 'other' }]
    expect(new Set([name, ...others.map((options) => memoryOf(options).name)]).size).toBe(8)
  })
})

test('the machine\'s clock is good enough for a limiter that is made without one', () => {
  const filter = rateLimit({ requests: 2, windowMs: 60_000 })
  const answers = [1, 2, 3].map(() => filter.onRequestHeaders(exchangeOf({}, performance.now())))
  expect(answers.map((reply) => reply === undefined)).toEqual([true, true, false])
})

test.each<[Partial<RateLimitOptions>, RegExp]>([
  [{ requests: 0 }, /requests is a whole number from 1/],
  [{ requests: 1.5 }, /requests/],
  [{ windowMs: 0 }, /windowMs/],
  [{ requests: 2000, windowMs: 1 }, /1000 per millisecond/],
  [{ burst: 0 }, /burst/],
  [{ keys: 0 }, /keys/],
  [{ key: [] }, /1 to 8 parts/],
  [{ name: 'a"b' }, /name/],
  [{ ipv6Prefix: 0 }, /ipv6Prefix/],
])('%j is refused', (options, message) => {
  expect(() => rateLimit({ requests: 1, ...options })).toThrow(message)
})
