// What of a configuration is shown.
import { expect, test } from 'vitest'
import { shown } from './shown.ts'

test('plain data is shown as it is', () => {
  const spec = { workers: 2, routes: [{ match: { path: '/*' }, to: 'a' }], admin: false, x: null }
  expect(shown(spec)).toEqual(spec)
})

test.each(['key', 'password', 'clientSecret', 'x-api-key', 'private_key', 'authorization', 'tokens'])('a text under %s is hidden, in a list too', (name) => {
  expect(shown({ [name]: 'abc' })).toEqual({ [name]: '(hidden)' })
  expect(shown({ [name]: ['abc'] })).toEqual({ [name]: ['(hidden)'] })
})

test('names that only look alike are shown', () => {
  expect(shown({ keepAliveMs: 5, monkey: 'x', keys: 'y' })).toEqual({ keepAliveMs: 5, monkey: 'x', keys: 'y' })
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
