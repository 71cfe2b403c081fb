// The module as it is shipped, on the real host.
import { createHash } from 'node:crypto'
import { loadFilter, type TestFilter } from '@meshwright/wasm/testing'
import { expect, test } from 'vitest'
import { module, type ApiKeyConfiguration } from './index.ts'

const alice = 'alice-alice-alice'
const bob = 'bob-bob-bob-bob-bob'
const keys = [{ identity: 'alice', key: alice }, { identity: 'bob', sha256: createHash('sha256').update(bob).digest('hex') }]
const load = async (more: Partial<ApiKeyConfiguration> = {}): Promise<TestFilter> => loadFilter(module, { configuration: { keys, ...more } })

test('a key lets the request pass, and the service is told whose it was and not the key', async () => {
  const filter = await load()
  const { sent } = await filter.request({ headers: { 'X-Api-Key': alice } })
  expect(sent.headers).toEqual({ 'x-api-identity': 'alice' })
  expect((await filter.request({ headers: { 'x-api-key': bob } })).sent.headers).toEqual({ 'x-api-identity': 'bob' })
  expect(filter.metrics).toMatchObject({ api_key_allowed: 2 })
})

test.each([{}, { 'x-api-key': '' }, { 'x-api-key': 'alice-alice-alicf' }, { 'x-api-key': `${alice} ` }, { 'x-api-key': alice.toUpperCase() }])('without one it is refused: %o', async (headers) => {
  const stream = await (await load()).request({ headers })
  expect(stream.reply).toMatchObject({ status: 401, headers: { 'www-authenticate': 'ApiKey realm="api"' }, body: 'a valid API key is needed\n' })
})

test('nobody can say himself who he is', async () => {
  const filter = await load({ forward: true })
  const { sent } = await filter.request({ headers: { 'x-api-key': alice, 'x-api-identity': ['root', 'admin'] } })
  expect(sent.headers).toEqual({ 'x-api-key': alice, 'x-api-identity': 'alice' })
})

test('a key may be in the query, from where it is taken out', async () => {
  const filter = await load({ query: 'key' })
  const stream = await filter.request({ path: `/a?x=1&k%65y=${alice}&y=%20` })
  expect(stream.sent).toMatchObject({ path: '/a?x=1&y=%20', headers: { 'x-api-identity': 'alice' } })
  expect((await filter.request({ path: `/a?key=${alice}` })).sent.path).toBe('/a')
  expect((await (await load()).request({ path: `/a?key=${alice}` })).outcome).toBe('replied')
})

test.each([
  [{ keys: [{ identity: 'a', key: 'short' }] }, 'keys[0] needs either a key of at least 16 characters'],
  [{ keys: [{ identity: 'a', key: alice, sha256: 'ab' }] }, 'keys[0] needs either'],
  [{ keys: [{ identity: 'a', sha256: 'xyz' }] }, 'keys[0] needs either'],
  [{ keys: [{ identity: 'a\nb', key: alice }] }, 'keys[0].identity'],
  [{ keys: [{ key: alice }] }, 'configuration.keys[0].identity: it is missing'],
  [{ keys, header: 'content-length' }, 'header and identityHeader must be names'],
  [{}, 'configuration.keys: it is missing'],
])('a configuration that cannot be meant is refused: %o', async (configuration, why) => {
  await expect(loadFilter(module, { configuration })).rejects.toThrow(why)
})
