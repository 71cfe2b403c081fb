// The module as it is shipped, on the real host. Tokens are made by Node's own crypto.
import { createHmac } from 'node:crypto'
import { loadFilter, type TestFilter } from '@meshwright/wasm/testing'
import { expect, test } from 'vitest'
import { module, type JwtClaimsConfiguration } from './index.ts'

const secret = 'a secret of thirty-two bytes, yes'
const nowMs = Date.UTC(2026, 0, 1)
const now = nowMs / 1_000
const claims = { sub: 'x-user', 'realm.roles': 'x-roles', email: 'x-email', admin: 'x-admin', age: 'x-age' }
const load = async (more: Partial<JwtClaimsConfiguration> = {}): Promise<TestFilter> => loadFilter(module, { nowMs, configuration: { secret, claims, ...more } })

function token(payload: unknown, header: unknown = { alg: 'HS256', typ: 'JWT' }, key = secret): string {
  const signed = [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`
}

const bearer = (text: string): { headers: Record<string, string> } => ({ headers: { authorization: `Bearer ${text}` } })
const good = { sub: 'ada', realm: { roles: ['a', 'b,c', 'd'] }, admin: true, age: 36, exp: now + 60 }

test('the claims of a good token come in headers, and nobody can set those himself', async () => {
  const filter = await load()
  const { sent } = await filter.request({ headers: { authorization: `bearer ${token(good)}`, 'x-user': 'root', 'x-email': 'root@example' } })
  expect(sent.headers).toEqual({ authorization: `bearer ${token(good)}`, 'x-user': 'ada', 'x-roles': 'a,d', 'x-admin': 'true', 'x-age': '36' })
})

test.each([
  ['none', undefined],
  ['another key', token(good, undefined, 'another secret of thirty-two bytes')],
  ['alg none', token(good, { alg: 'none' })],
  ['another algorithm', token(good, { alg: 'HS512' })],
  ['no algorithm', token(good, {})],
  ['critical extensions', token(good, { alg: 'HS256', crit: ['b64'] })],
  ['no signature', token(good).replace(/[^.]*$/, '')],
  ['part of a signature', token(good).slice(0, -2)],
  ['other claims', token(good).replace(/\.[^.]*\./, `.${Buffer.from('{"sub":"root"}').toString('base64url')}.`)],
  ['its time over', token({ ...good, exp: now - 61 })],
  ['its time to come', token({ ...good, nbf: now + 61 })],
  ['a time that is no number', token({ ...good, exp: 'later' })],
  ['no JSON', `a.${'b'.repeat(10)}.c`],
  ['four parts', `${token(good)}.x`],
  ['no end', token({ ...good, pad: 'p'.repeat(9_000) })],
])('a request is refused with %s', async (_what, text) => {
  const stream = await (await load()).request(text === undefined ? {} : bearer(text))
  expect(stream.reply).toMatchObject({ status: 401, headers: { 'www-authenticate': expect.stringContaining('Bearer realm="api"') } })
})

test('clocks may differ a little', async () => {
  const filter = await load()
  expect((await filter.request(bearer(token({ ...good, exp: now - 59, nbf: now + 59 })))).outcome).toBe('passed')
})

test('issuer and audience must be those', async () => {
  const filter = await load({ issuer: 'me', audience: 'shop' })
  const asked = async (more: object): Promise<string> => (await filter.request(bearer(token({ ...good, ...more })))).outcome
  expect([await asked({ iss: 'me', aud: 'shop' }), await asked({ iss: 'me', aud: ['a', 'shop'] }), await asked({ iss: 'you', aud: 'shop' }), await asked({ iss: 'me', aud: 'bank' }), await asked({ iss: 'me' })]).toEqual(['passed', 'passed', 'replied', 'replied', 'replied'])
})

test('a token may be in a cookie, need not be there, and need not go on', async () => {
  const filter = await load({ cookie: 'session', required: false, forward: false })
  expect((await filter.request({ headers: { cookie: `session=${token(good)}` } })).sent.headers['x-user']).toBe('ada')
  expect((await filter.request({ headers: { 'x-user': 'root' } })).sent.headers).toEqual({})
  expect((await filter.request(bearer(token(good)))).sent.headers).not.toHaveProperty('authorization')
  expect((await filter.request(bearer('bad'))).outcome).toBe('replied')
})

test('what a claim says cannot begin a field of its own', async () => {
  const { sent } = await (await load()).request(bearer(token({ ...good, sub: 'ada\r\nx-admin: 1' })))
  expect(sent.headers['x-user']).toBe('adax-admin: 1')
})

test('unverified tokens are believed only where that is said, and the log says so', async () => {
  const filter = await loadFilter(module, { nowMs, configuration: { unverified: true, claims } })
  expect((await filter.request(bearer(token(good, undefined, 'whatever')))).sent.headers['x-user']).toBe('ada')
  expect(filter.logs[0]).toMatchObject({ level: 'warn', text: expect.stringContaining('NOT verified') })
})

test.each([
  [{ claims }, 'give one of secret, secretBase64 and unverified'],
  [{ claims, secret, unverified: true }, 'give one of'],
  [{ claims, secret: 'short' }, 'at least 32 bytes'],
  [{ claims, secretBase64: '!!' }, 'must be base64'],
  [{ claims: { sub: 'host' }, secret }, '"host" is no header field'],
])('a configuration that cannot be meant is refused: %o', async (configuration, why) => {
  await expect(loadFilter(module, { configuration })).rejects.toThrow(why)
})
