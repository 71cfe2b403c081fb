// What may be said of an instance, and what is said about anything else.
import { describe, expect, test } from 'vitest'
import { fromInstance, toEndpoint, toInstance } from './instance.ts'

const least = { service: 'catalog', address: '10.0.0.1:8080' }
const full = { ...least, id: 'a', version: '2', zone: 'b', weight: 3, priority: 1, metadata: { a: 'b' }, ttlMs: 2000 }

describe('an instance', () => {
  test('needs a service and an address', () => {
    expect(toInstance(least)).toEqual({ service: 'catalog', id: '10.0.0.1:8080', host: '10.0.0.1', port: 8080, weight: 1, priority: 0, metadata: {}, ttlMs: 15_000 })
  })

  test('comes back as it was said', () => {
    expect(fromInstance(toInstance(full))).toEqual(full)
    expect(toInstance(fromInstance(toInstance({ ...least, address: '[fd00::1]:80' })))).toMatchObject({ id: '[fd00::1]:80', host: 'fd00::1', port: 80 })
  })

  test('is an endpoint whose metadata tell the version', () => {
    expect(toEndpoint(toInstance(full))).toEqual({ id: 'a', host: '10.0.0.1', port: 8080, weight: 3, priority: 1, zone: 'b', metadata: { a: 'b', version: '2' } })
    expect(toEndpoint(toInstance(least))).toEqual({ id: '10.0.0.1:8080', host: '10.0.0.1', port: 8080, weight: 1, priority: 0, metadata: {} })
  })

  test('from a newer registry may have keys that are not known', () => {
    expect(toInstance({ ...least, colour: 'blue' }, true)).toMatchObject({ service: 'catalog' })
  })

  test('may have a key named like a part of every object', () => {
    const { metadata } = toInstance({ ...least, metadata: JSON.parse('{"__proto__":"x","constructor":"y"}') as unknown })
    expect(Object.entries(metadata)).toEqual([['__proto__', 'x'], ['constructor', 'y']])
  })
})

test.each([
  [null, 'no JSON object'],
  [[], 'no JSON object'],
  ['catalog', 'no JSON object'],
  [{ address: 'a:1' }, 'service is missing'],
  [{ service: 'a' }, 'address is missing'],
  [{ ...least, service: '' }, 'service is a text'],
  [{ ...least, service: 'a'.repeat(129) }, 'service is a text'],
  [{ ...least, service: 'a\nb' }, 'service is a text'],
  [{ ...least, service: '\ud800' }, 'service is a text'],
  [{ ...least, address: 7 }, 'address is missing'],
  [{ ...least, address: 'a' }, 'not host:port'],
  [{ ...least, address: ':80' }, 'not host:port'],
  [{ ...least, address: 'a:0' }, 'not host:port'],
  [{ ...least, address: 'a:65536' }, 'not host:port'],
  [{ ...least, address: 'u@a:80' }, 'not host:port'],
  [{ ...least, address: `${'a'.repeat(254)}:80` }, 'not host:port'],
  [{ ...least, id: 7 }, 'id is a text'],
  [{ ...least, id: 'a'.repeat(257) }, 'id is a text'],
  [{ ...least, version: {} }, 'version is a text'],
  [{ ...least, zone: '' }, 'zone is a text'],
  [{ ...least, weight: 0 }, 'weight is a whole number'],
  [{ ...least, weight: 1.5 }, 'weight is a whole number'],
  [{ ...least, weight: '1' }, 'weight is a whole number'],
  [{ ...least, priority: 128 }, 'priority is a whole number'],
  [{ ...least, ttlMs: 999 }, 'ttlMs is a whole number'],
  [{ ...least, ttlMs: 3_600_001 }, 'ttlMs is a whole number'],
  [{ ...least, metadata: [] }, 'metadata is an object'],
  [{ ...least, metadata: { a: 1 } }, 'metadata "a" is no text'],
  [{ ...least, metadata: { a: 'b'.repeat(4096) } }, 'longer than 4096 bytes'],
  [{ ...least, metadata: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`k${i}`, ''])) }, 'more than 32 keys'],
  [{ ...least, host: 'a' }, 'unknown key "host"'],
])('%j is refused', (value, reason) => {
  expect(() => toInstance(value)).toThrow(reason)
})
