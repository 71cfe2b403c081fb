// Keys: what tells clients apart, and what becomes of those who leave it out.
import { describe, expect, test } from 'vitest'
import { limiter, type Asked } from './limiter.test.kit.ts'
import type { RateLimitOptions } from './rate-limit.ts'

const once = { requests: 1, windowMs: 60_000 }

/** Do two requests share a budget? */
function share(options: Partial<RateLimitOptions>, one: Asked, other: Asked): boolean {
  const { ask } = limiter({ ...once, ...options })
  return ask(one) === undefined && ask(other) !== undefined
}

describe('budgets are apart', () => {
  test.each<[string, Partial<RateLimitOptions>, Asked, Asked]>([
    ['by route', {}, { route: 'a' }, { route: 'b' }],
    ['by address', {}, { address: '192.0.2.1' }, { address: '192.0.2.2' }],
    ['by header', { key: [{ header: 'x-api-key' }] }, { headers: ['X-Api-Key', '1'] }, { headers: ['x-api-key', '2'] }],
    ['by cookie', { key: [{ cookie: 'sid' }] }, { headers: ['cookie', 'sid=1'] }, { headers: ['cookie', 'sid=2'] }],
    ['by query parameter', { key: [{ query: 'key' }] }, { query: 'key=1' }, { query: 'key=2' }],
    ['by each part', { key: ['address', { header: 'h' }] }, { address: 'a', headers: ['h', 'bc'] }, { address: 'ab', headers: ['h', 'c'] }],
    ['by network', {}, { address: '2001:db8:0:1::1' }, { address: '2001:db8:0:2::1' }],
    ['by IPv6 address if that is asked for', { ipv6Prefix: 128 }, { address: '2001:db8::1' }, { address: '2001:db8::2' }],
    ['by address, without the part', { key: [{ header: 'h' }] }, { address: 'a' }, { address: 'b' }],
    ['from the ones of those who have the part', { key: [{ header: 'h' }] }, { address: 'a' }, { headers: ['h', 'a'] }],
    ['by the end of a long header', { key: [{ header: 'h' }] }, { headers: ['h', `${'x'.repeat(5000)}1`] }, { headers: ['h', `${'x'.repeat(5000)}2`] }],
  ])('%s', (_what, options, one, other) => {
    expect(share(options, one, other)).toBe(false)
  })
})

describe('a budget is shared', () => {
  test.each<[string, Partial<RateLimitOptions>, Asked, Asked]>([
    ['by the same client', {}, {}, {}],
    ['by an IPv6 network', {}, { address: '2001:db8:0:1::1' }, { address: '2001:db8:0:1:ffff::2' }],
    ['by all routes if they are no part', { key: ['address'] }, { route: 'a' }, { route: 'b' }],
    ['by all without the part', { key: [{ header: 'h' }], missing: 'share' }, { address: 'a' }, { address: 'b' }],
    ['by those with two of the part', { key: [{ header: 'h' }] }, { headers: ['h', '1', 'h', '2'] }, { headers: ['h', '3', 'h', '4'] }],
    ['by two spellings', { key: [{ query: 'key' }] }, { query: 'key=1' }, { query: 'key=%31' }],
  ])('%s', (_what, options, one, other) => {
    expect(share(options, one, other)).toBe(true)
  })
})

test('who lacks the part is not counted where that is wanted', () => {
  const { passes, counters } = limiter({ ...once, key: [{ header: 'h' }], missing: 'pass' })
  expect(passes(5)).toBe(5)
  expect(passes(5, { headers: ['h', '1'] })).toBe(1)
  expect(counters.allowed.value).toBe(1)
})
