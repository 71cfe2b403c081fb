// The limiter as a filter, on a store that a test holds: what is refused and how, what is counted, which requests share a budget.
import { Exchange, Headers, Request, type Reply } from '@meshwright/core'
import { describe, expect, test } from 'vitest'
import type { Store } from './leases.ts'
import { rateLimitRedis, type RateLimitRedisOptions } from './rate-limit-redis.ts'

const basis = { url: 'redis://127.0.0.1', requests: 60, windowMs: 60_000, burst: 10 }

interface Asked {
  readonly address?: string
  readonly headers?: readonly string[]
}

function exchangeOf({ address = '192.0.2.1', headers = [] }: Asked = {}): Exchange {
  const request = new Request({
    method: 'GET', path: '/', query: '', hasQuery: false, authority: 'a', scheme: 'http', headers: new Headers([...headers]), version: '1.1',
    peerAddress: address, clientAddress: address, id: 'id-1', upgrade: undefined, expectContinue: false,
  })
  return new Exchange(request, undefined, { name: 'users' } as never, 'test', 0)
}

function setup(options: Partial<RateLimitRedisOptions> = {}, store: Partial<Store> = {}) {
  const keys: string[] = []
  const counted: Record<string, number> = { allowed: 0, refused: 0, shadow: 0, alone: 0 }
  const counter = (name: string) => ({ inc: () => void counted[name]!++, add: (amount: number) => void (counted[name]! += amount), value: 0 })
  const full: Store = {
    isAway: false,
    holders: 1,
    async lease(key, wanted) {
      keys.push(key)
      return { taken: wanted, waitMs: 0 }
    },
    doubt() {},
    ...store,
  }
  const limiters: string[] = []
  const filter = rateLimitRedis({ ...basis, ...options }, {
    store: (limiter) => {
      limiters.push(limiter)
      return full
    },
    counters: { allowed: counter('allowed'), refused: counter('refused'), shadow: counter('shadow'), alone: counter('alone') },
  })
  const ask = async (asked?: Asked): Promise<Reply | undefined> => (await filter.onRequestHeaders?.(exchangeOf(asked))) ?? undefined
  return { filter, keys, counted, limiters, ask }
}

const empty: Partial<Store> = { lease: async () => ({ taken: 0, waitMs: 2500 }) }

describe('a request', () => {
  test('that is one of too many is refused with 429, a problem, and the time to wait', async () => {
    const { ask, counted } = setup({ name: 'logins', envoyHeader: true, legacyHeaders: true }, empty)
    const reply = await ask()
    expect(reply?.status).toBe(429)
    expect(JSON.parse(new TextDecoder().decode(reply?.body))).toMatchObject({ code: 'MESH_RATE_LIMITED', requestId: 'id-1' })
    expect(Object.fromEntries(reply?.headers ?? [])).toEqual({
      'content-type': 'application/problem+json', 'ratelimit-policy': '"logins";q=60;w=60', ratelimit: '"logins";r=0;t=12', 'retry-after': '3',
      'x-ratelimit-limit': '10', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '12', 'x-envoy-ratelimited': 'true',
    })
    expect(counted).toEqual({ allowed: 0, refused: 1, shadow: 0, alone: 0 })
  })

  test('that is refused says nothing more if nothing is to be told', async () => {
    expect((await setup({ headers: 'none' }, empty).ask())?.headers.toList()).toEqual(['content-type', 'application/problem+json'])
  })

  test('that would be refused passes in the shadow, and is counted', async () => {
    const { ask, counted } = setup({ shadow: true }, empty)
    expect(await ask()).toBeUndefined()
    expect(counted).toMatchObject({ refused: 0, shadow: 1 })
  })

  test('is answered 503 while nobody knows, if it must not be guessed', async () => {
    const { filter, counted } = setup({ onFailure: 'closed' }, { isAway: true })
    const exchange = exchangeOf()
    expect(await filter.onRequestHeaders?.(exchange)).toMatchObject({ status: 503 })
    expect(exchange.error).toMatchObject({ code: 'MESH_RATE_UNKNOWN', detail: 'limiter "default"' })
    expect(counted).toMatchObject({ refused: 1, alone: 1 })
  })

  test('passes at once when something is left', async () => {
    const { filter, ask, counted } = setup({ lease: 10 })
    await ask()
    await ask()
    expect(filter.onRequestHeaders?.(exchangeOf())).toBeUndefined()
    expect(counted).toMatchObject({ allowed: 3, alone: 0 })
  })
})

describe('a key', () => {
  test('is told apart by its parts, and by what is missing', async () => {
    const { ask, keys } = setup({ key: ['address', { header: 'h' }] })
    for (const asked of [{}, { address: 'b' }, { headers: ['h', '1'] }, { headers: ['h', 'x'.repeat(1000)] }, { headers: ['h', `${'x'.repeat(1000)}y`] }, { address: '192.0.2.1-', headers: [] }]) await ask(asked)
    expect(new Set(keys).size).toBe(6)
    expect(Math.max(...keys.map((key) => key.length))).toBeLessThanOrEqual(256)
  })

  test.each([['share', 1], ['address', 2]] as const)('that is missing counts by %s', async (missing, budgets) => {
    const { ask, keys } = setup({ key: [{ header: 'h' }], missing })
    for (const address of ['a', 'b']) await ask({ address })
    expect(new Set(keys).size).toBe(budgets)
  })

  test('that is missing is not counted if that is wanted', async () => {
    const { ask, counted } = setup({ key: [{ header: 'h' }], missing: 'pass' }, empty)
    expect(await ask()).toBeUndefined()
    expect(counted).toEqual({ allowed: 0, refused: 0, shadow: 0, alone: 0 })
  })
})

test('limiters that count otherwise have budgets of their own', () => {
  const others: Partial<RateLimitRedisOptions>[] = [{}, { requests: 61 }, { burst: 11 }, { windowMs: 1 }, { key: ['address'] }, { missing: 'share' }, { ipv6Prefix: 63 }, { name: 'other' }]
  expect(new Set(others.flatMap((options) => setup(options).limiters)).size).toBe(others.length)
  expect(setup({ shadow: true, lease: 3, onFailure: 'open' }).limiters).toEqual(setup().limiters)
})

test.each<[Partial<RateLimitRedisOptions>, RegExp]>([
  [{ url: 'http://a' }, /url is redis/],
  [{ requests: 0 }, /requests/],
  [{ requests: 2000, windowMs: 1 }, /1000 per millisecond/],
  [{ lease: 0 }, /lease/],
  [{ leaseMs: 60_001 }, /leaseMs/],
  [{ timeoutMs: 0 }, /timeoutMs/],
  [{ share: 0 }, /share/],
  [{ prefix: 'a b' }, /prefix/],
  [{ name: 'a:b' }, /name/],
  [{ key: [] }, /1 to 8/],
])('%j is refused', (options, message) => {
  expect(() => setup(options)).toThrow(message)
})

test('a URL that is none is refused without its password', () => {
  const refused = (): unknown => setup({ url: 'redis://:pa/ss@host' })
  expect(refused).toThrow(/url is redis/)
  expect(refused).not.toThrow(/ss@/)
})
