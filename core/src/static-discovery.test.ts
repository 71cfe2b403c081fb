// Endpoints as people write them.
import { describe, expect, test } from 'vitest'
import type { EndpointSpec } from './endpoint.ts'
import { parseAddress, staticEndpoints } from './static-discovery.ts'

describe('an address', () => {
  test.each([
    ['127.0.0.1:80', '127.0.0.1', 80],
    ['shop-1.internal:65535', 'shop-1.internal', 65_535],
    ['under_score:1', 'under_score', 1],
    ['[::1]:8080', '::1', 8080],
    ['[::ffff:127.0.0.1]:1', '::ffff:127.0.0.1', 1],
    [':0', '0.0.0.0', 0],
  ])('%s is host and port', (text, host, port) => {
    expect(parseAddress(text)).toEqual({ host, port })
  })

  test.each(['', 'shop', 'shop:', 'shop:65536', 'shop:123456', 'shop:8a', '::1:80', '[::1]', '[shop]:80', 'a b:80', 'http://shop:80', 'shop:80/', 'shop:-1', ' shop:80', 'shop:80\n'])('%j is refused', (text) => {
    expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'MESH_BAD_OPTIONS' }))
    expect(() => parseAddress(text)).toThrow(JSON.stringify(text).slice(1, -1).replace('\\n', '\n'))
  })
})

describe('static endpoints', () => {
  test('are published once, all of them', async () => {
    const sets: (readonly EndpointSpec[])[] = []
    const stop = await staticEndpoints(['a:1', { address: 'b:2', weight: 3, zone: 'z', id: 'two', metadata: { v: '1' } }]).watch('users', (set) => sets.push(set))
    stop()
    expect(sets).toEqual([[{ host: 'a', port: 1 }, { host: 'b', port: 2, weight: 3, zone: 'z', id: 'two', metadata: { v: '1' } }]])
  })

  test.each(['a:0', { address: 'a:1', weight: 0 }, { address: 'a:1', weight: 1.5 }, { address: 'a:1', weight: 1_000_001 }, { address: 'a:1', weight: Number.NaN }])('that nobody could reach or weigh are refused: %j', (endpoint) => {
    expect(() => staticEndpoints([endpoint])).toThrow(expect.objectContaining({ code: 'MESH_BAD_OPTIONS' }))
  })
})
