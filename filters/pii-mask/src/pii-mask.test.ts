// The module as it is shipped, on the real host.
import { loadFilter, type TestFilter } from '@meshwright/wasm/testing'
import { expect, test } from 'vitest'
import { module, type PiiMaskConfiguration } from './index.ts'

const load = async (configuration: PiiMaskConfiguration = {}): Promise<TestFilter> => loadFilter(module, { configuration, fuelMs: 200 })
const jwt = `eyJ${'hbGciOiJIUzI1NiJ9'.repeat(3)}.eyJzdWIiOiIxMjMifQ.abc-_123`

async function masked(filter: TestFilter, body: string | readonly string[], type = 'text/plain'): Promise<string> {
  const stream = await filter.request()
  await stream.response({ headers: { 'content-type': type }, body })
  return stream.received.body
}

const cases: readonly (readonly [string, string])[] = [
  ['write to ada.l+x@mail.example.org, please', 'write to [email], please'],
  ['a@b', 'a@b'],
  ['<a@b.co>', '<[email]>'],
  ['x@y.example.', '[email].'],
  ['email=ada%40example.org&x=1', 'email=[email]&x=1'],
  ['4111 1111 1111 1111', '[card 1111]'],
  ['4111-1111-1111-1111!', '[card 1111]!'],
  ['5500005555555559', '[card 5559]'],
  ['378282246310005', '[card 0005]'],
  ['4111111111111112', '4111111111111112'],
  ['14111111111111111', '14111111111111111'],
  ['order 4111 1111 for 20 pieces', 'order 4111 1111 for 20 pieces'],
  ['Authorization: Bearer abcdefghijklmnop123456', 'Authorization: [token]'],
  ['Bearer short', 'Bearer short'],
  [`token ${jwt}.`, 'token [token]'],
  ['sk_live_abcdefghijklmnop1234 ghp_abcdefghijklmnop1234', '[token] [token]'],
  ['task-sk-learn', 'task-sk-learn'],
]

test.each(cases)('%s becomes %s', async (text, expected) => {
  expect(await masked(await load(), text)).toBe(expected)
})

test('it does not matter where a body is cut', async () => {
  const filter = await load()
  const text = cases.map(([one]) => one).join('\n')
  const expected = cases.map(([, one]) => one).join('\n')
  for (let at = 1; at < text.length; at += 3) expect(await masked(filter, [text.slice(0, at), text.slice(at)])).toBe(expected)
  expect(await masked(filter, text.split(''))).toBe(expected)
})

test('JSON stays JSON', async () => {
  const body = JSON.stringify({ mail: 'a@b.example', card: 4_111_111_111_111_111, text: 'card "4111111111111111" \\', next: '4111111111111111', list: [5_500_005_555_555_559] })
  expect(JSON.parse(await masked(await load(), [body.slice(0, 40), body.slice(40)], 'application/json; charset=utf-8'))).toEqual({
    mail: '[email]',
    card: '[card 1111]',
    text: 'card "[card 1111]" \\',
    next: '[card 1111]',
    list: ['[card 5559]'],
  })
})

test('a long body without a blank is neither held nor lost', async () => {
  const filter = await load()
  const run = 'Abc/123+'.repeat(5_000)
  expect(await masked(filter, [run.slice(0, 9_000), run.slice(9_000)])).toBe(run)
  expect(await masked(filter, `${'x/'.repeat(2_000)}ada@example.org/${'y/'.repeat(2_000)}`)).toBe(`${'x/'.repeat(2_000)}[email]/${'y/'.repeat(2_000)}`)
})

test('a token longer than what is held back is masked to its end', async () => {
  const filter = await load()
  const token = `eyJ${'a'.repeat(5_000)}`
  expect(await masked(filter, ['a ', ...(token.match(/.{1,700}/g) ?? []), ' b'])).toBe('a [token] b')
})

test('bytes that are no text stay as they are', async () => {
  const filter = await load()
  const stream = await filter.request()
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
  await stream.response({ headers: { 'content-type': 'text/plain' }, body: bytes })
  expect([...stream.received.bytes]).toEqual([...bytes])
})

test('other media types pass as they are', async () => {
  const filter = await load()
  expect(await masked(filter, 'a@b.example', 'image/png')).toBe('a@b.example')
  expect(await masked(filter, '"a@b.example"', 'application/problem+json')).toBe('"[email]"')
})

test('endpoints are asked for what is not encoded, and what is encoded all the same is refused or passed', async () => {
  const filter = await load()
  const stream = await filter.request({ headers: { 'accept-encoding': 'gzip' } })
  expect(stream.sent.headers['accept-encoding']).toBe('identity')
  await stream.response({ headers: { 'content-type': 'text/plain', 'content-encoding': 'gzip' }, body: 'x' })
  expect(stream.reply).toMatchObject({ status: 502 })
  const lenient = await (await load({ onEncoded: 'pass' })).request()
  await lenient.response({ headers: { 'content-type': 'text/plain', 'content-encoding': 'gzip' }, body: 'a@b.example' })
  expect(lenient.received.body).toBe('a@b.example')
})

test('requests are masked when that is asked for, and what the old bytes were proved by is removed', async () => {
  const filter = await load({ request: true, emails: false, tokenPrefixes: ['my-'] })
  const stream = await filter.request({ method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'a@b.example my-abcdefghijklmnop1234' })
  expect(stream.sent.body).toBe('a@b.example [token]')
  await stream.response({ headers: { 'content-type': 'text/plain', etag: '"1"' }, body: 'x' })
  expect(stream.received.headers).not.toHaveProperty('etag')
  expect(filter.metrics).toMatchObject({ pii_mask_masked: 1 })
})

test.each([
  [{ onEncoded: 'maybe' }, 'onEncoded must be'],
  [{ tokenPrefixes: ['a'] }, 'three characters or more'],
])('a configuration that cannot be meant is refused: %o', async (configuration, why) => {
  await expect(loadFilter(module, { configuration })).rejects.toThrow(why)
})
