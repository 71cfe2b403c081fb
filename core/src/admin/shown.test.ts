// What of a configuration is shown.
import { Type, type TSchema } from 'typebox'
import { describe, expect, test } from 'vitest'
import { keySchema } from '../key-part-schema.ts'
import { optionSchemas, shown } from './shown.ts'

test('plain data is shown as it is', () => {
  const spec = { workers: 2, routes: [{ match: { path: '/*' }, to: 'a' }], admin: false, x: null }
  expect(shown(spec)).toEqual(spec)
})

test.each(['key', 'password', 'clientSecret', 'x-api-key', 'private_key', 'authorization', 'tokens', 'secretBase64', 'API_TOKEN', 'githubtoken', 'signingKey', 'dbPassword', 'passphrase', 'configuration', 'vmConfiguration'])('a text under %s is hidden, in a list too', (name) => {
  expect(shown({ [name]: 'abc' })).toEqual({ [name]: '(hidden)' })
  expect(shown({ [name]: ['abc'] })).toEqual({ [name]: ['(hidden)'] })
})

test('names that only look alike are shown', () => {
  const spec = { keepAliveMs: 5, monkey: 'x', keys: 'y', tokenFile: '/run/t', token_url: 'http://a/', tokenPrefixes: ['a_'], secretName: 'b', authorizationHeader: 'x-a', tokens: true }
  expect(shown(spec)).toEqual(spec)
})

test('answers by value are named as such', () => {
  expect(shown({ balancer: { pick() {} }, discovery: new Map(), calls: [() => 1] })).toEqual({ balancer: '(by value)', discovery: '(by value)', calls: ['(by value)'] })
})

test('a text with a private key in it is hidden, whatever its name', () => {
  expect(shown({ pem: 'a\n-----BEGIN EC PRIVATE KEY-----\nMIGH', cert: '-----BEGIN CERTIFICATE-----' })).toEqual({ pem: '(hidden)', cert: '-----BEGIN CERTIFICATE-----' })
})

test('credentials in a URL are hidden, the rest of it is shown', () => {
  expect(shown({ url: 'redis://me:pass@10.0.0.1:6379/1', bare: 'redis://h/1?a=b@c', list: ['see rediss://:p%40ss@h, and http://a@b/'] })).toEqual({
    url: 'redis://(hidden)@10.0.0.1:6379/1',
    bare: 'redis://h/1?a=b@c',
    list: ['see rediss://(hidden)@h, and http://(hidden)@b/'],
  })
})

describe('a schema', () => {
  const limit: TSchema = Type.Object({ key: Type.Optional(keySchema('A key.')), name: Type.Optional(Type.String()) })
  const other: TSchema = Type.Object({
    pin: Type.String({ writeOnly: true }),
    deep: Type.Object({ any: Type.Unknown() }, { writeOnly: true }),
    list: Type.Array(Type.Union([Type.String({ writeOnly: true }), Type.Object({ header: Type.String() })])),
    password: Type.String(),
    certificates: Type.Array(Type.Object({ key: Type.String({ writeOnly: false }) })),
  })
  const schemas = optionSchemas([{ name: 'limit', schema: limit }, { name: 'other', schema: other }, { name: 'none', schema: undefined }])

  test('that says what is no secret is believed', () => {
    const spec = { filters: [{ limit: { key: ['route', { header: 'x-api-key' }] } }, { other: { certificates: [{ key: './key.pem' }] } }] }
    expect(shown(spec, schemas)).toEqual(spec)
    expect(shown({ other: { certificates: [{ key: '-----BEGIN PRIVATE KEY-----' }] } }, schemas)).toEqual({ other: { certificates: [{ key: '(hidden)' }] } })
    expect(shown({ limit: { key: ['redis://me:pass@h/'] } }, schemas)).toEqual({ limit: { key: ['redis://(hidden)@h/'] } })
  })

  test('that says what is secret hides it, and all that is in it', () => {
    const other = { pin: '1234', deep: { any: ['a', { b: 'c' }] }, list: ['a', { header: 'b' }], password: 'x' }
    expect(shown({ a: { other } }, schemas)).toEqual({ a: { other: { pin: '(hidden)', deep: { any: ['(hidden)', { b: '(hidden)' }] }, list: ['(hidden)', { header: 'b' }], password: '(hidden)' } } })
  })

  test('says nothing about what stands elsewhere', () => {
    expect(shown({ none: { key: ['a'] }, filter: { key: 'b' }, pin: 'c' }, schemas)).toEqual({ none: { key: ['(hidden)'] }, filter: { key: '(hidden)' }, pin: 'c' })
  })
})
