// The module as it is shipped, on the real host.
import { loadFilter, type TestFilter } from '@meshwright/wasm/testing'
import { expect, test } from 'vitest'
import { module, type AbTestConfiguration } from './index.ts'

const variants = [{ name: 'a', weight: 3 }, { name: 'b', weight: 1 }, { name: 'off', weight: 0 }]
const load = async (more: Partial<AbTestConfiguration> = {}): Promise<TestFilter> => loadFilter(module, { configuration: { variants, ...more } })

async function variantOf(filter: TestFilter, headers: Record<string, string> = {}): Promise<{ variant: string | undefined; cookie: string | undefined; rerouted: number }> {
  const stream = await filter.request({ headers })
  await stream.response()
  return { variant: stream.sent.headers['x-variant'], cookie: stream.received.headers['set-cookie'], rerouted: stream.rerouted }
}

test('a client gets a variant with a cookie, the route is chosen again, and the cookie keeps it there', async () => {
  const filter = await load()
  const first = await variantOf(filter)
  expect(first).toEqual({ variant: expect.stringMatching(/^[ab]$/), cookie: `variant=${first.variant}; Path=/; Max-Age=2592000; SameSite=Lax`, rerouted: 1 })
  for (const name of ['a', 'b']) expect(await variantOf(filter, { cookie: `x=1; variant=${name}` })).toMatchObject({ variant: name, cookie: undefined })
})

test('clients are spread as the weights say', async () => {
  const filter = await load()
  for (let i = 0; i < 2_000; i++) await filter.request()
  const { ab_test_variant_a: a, ab_test_variant_b: b } = filter.metrics as Record<string, number>
  expect((a ?? 0) + (b ?? 0)).toBe(2_000)
  // Six standard deviations of 2000 draws with probability 1/4: outside once in five hundred million runs.
  expect(Math.abs((b ?? 0) - 500)).toBeLessThan(117)
})

test('a header keeps a client with its variant, without a cookie; another salt gives it another', async () => {
  const filter = await load({ stickyHeader: 'x-user' })
  const other = await load({ stickyHeader: 'x-user', salt: 'second' })
  const users = Array.from({ length: 100 }, (_, i) => `user-${i}`)
  const assigned = async (from: TestFilter): Promise<(string | undefined)[]> => Promise.all(users.map(async (user) => (await variantOf(from, { 'x-user': user })).variant))
  const first = await assigned(filter)
  expect(await assigned(filter)).toEqual(first)
  expect(await assigned(other)).not.toEqual(first)
  expect((await variantOf(filter, { 'x-user': 'user-1' })).cookie).toBeUndefined()
})

test('what a client says it is does not count, unless it may choose', async () => {
  const sticky = { cookie: 'variant=a', 'x-variant': 'b' }
  expect((await variantOf(await load(), sticky)).variant).toBe('a')
  expect((await variantOf(await load({ clientMayChoose: true }), sticky)).variant).toBe('b')
  expect((await variantOf(await load({ clientMayChoose: true }), { ...sticky, 'x-variant': 'none' })).variant).toBe('a')
})

test('a variant without weight gets nobody, not even those it had', async () => {
  const kept = await variantOf(await load(), { cookie: 'variant=off' })
  expect(kept.variant).toMatch(/^[ab]$/)
  expect(kept.cookie).toContain(`variant=${kept.variant};`)
})

test.each([
  [{ variants: [] }, 'at least one variant must have a weight'],
  [{ variants: [{ name: 'a b' }] }, 'names of variants'],
  [{ variants, cookie: 'a;b' }, 'header, stickyHeader and cookie'],
  [{ variants: [{ name: 'a', weight: -1 }] }, 'configuration.variants[0].weight'],
])('a configuration that cannot be meant is refused: %o', async (configuration, why) => {
  await expect(loadFilter(module, { configuration })).rejects.toThrow(why)
})
