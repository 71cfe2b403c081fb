// The module as it is shipped, on the real host, with a clock that the test moves.
import { loadFilter, type LoadFilterOptions, type TestFilter } from '@meshwright/wasm/testing'
import { expect, test } from 'vitest'
import { module, type TokenBucketConfiguration } from './index.ts'

const load = async (configuration: TokenBucketConfiguration, more: LoadFilterOptions = {}): Promise<TestFilter> => loadFilter(module, { configuration, ...more })

/** How many of so many requests pass. */
async function passing(filter: TestFilter, count: number, headers: Record<string, string> = {}, clientAddress = '192.0.2.1'): Promise<number> {
  let passed = 0
  for (let i = 0; i < count; i++) if ((await filter.request({ headers, clientAddress })).outcome === 'passed') passed++
  return passed
}

test('so many pass, and more as time goes by, evenly', async () => {
  const filter = await load({ requests: 10, windowMs: 1_000 })
  expect(await passing(filter, 15)).toBe(10)
  await filter.advance(250)
  expect(await passing(filter, 5)).toBe(2)
  await filter.advance(10_000)
  expect(await passing(filter, 15)).toBe(10)
})

test('a burst is a number of its own', async () => {
  const filter = await load({ requests: 100, windowMs: 1_000, burst: 3 })
  expect(await passing(filter, 5)).toBe(3)
  await filter.advance(10)
  expect(await passing(filter, 5)).toBe(1)
})

test('who is refused is told how long to wait', async () => {
  const filter = await load({ requests: 1, windowMs: 90_000 })
  await filter.request()
  expect((await filter.request()).reply).toMatchObject({ status: 429, headers: { 'retry-after': '90' }, body: 'too many requests\n' })
  expect(filter.metrics).toMatchObject({ token_bucket_passed: 1, token_bucket_refused: 1 })
})

test('each key has a budget of its own, and leaving it out gains nothing', async () => {
  const filter = await load({ requests: 2, windowMs: 60_000, key: 'header:x-api-key' })
  expect([await passing(filter, 3, { 'x-api-key': 'a' }), await passing(filter, 3, { 'x-api-key': 'b' }), await passing(filter, 3), await passing(filter, 3, { 'x-api-key': '' })]).toEqual([2, 2, 2, 0])
  expect(await passing(filter, 3, {}, '192.0.2.2')).toBe(2)
})

test('another VM with the same data has the same budget', async () => {
  const options = { requests: 3, windowMs: 60_000 }
  const first = await load(options)
  const second = await load(options, { beside: first, vmConfiguration: 'another VM' })
  expect([await passing(first, 2), await passing(second, 3), await passing(first, 1)]).toEqual([2, 1, 0])
})

test('a flood of keys makes nobody wait who has a budget', async () => {
  const filter = await load({ requests: 1, windowMs: 60_000, key: 'header:k', keys: 4 })
  for (let i = 0; i < 200; i++) expect(await passing(filter, 1, { k: `key-${i}` })).toBe(1)
})

test.each([
  [{}, 'configuration.requests: it is missing'],
  [{ requests: 0 }, 'requests and windowMs must be 1 or more'],
  [{ requests: 1, key: 'header:' }, 'key must be'],
  [{ requests: 1, key: 'route' }, 'key must be'],
  [{ requests: 1, onConflict: 'maybe' }, 'onConflict must be'],
])('a configuration that cannot be meant is refused: %o', async (configuration, why) => {
  await expect(loadFilter(module, { configuration })).rejects.toThrow(why)
})
