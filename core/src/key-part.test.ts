// Keys of requests: what is read, what is not believed, and which spellings are one.
import { describe, expect, test } from 'vitest'
import { Headers } from './headers.ts'
import { keyPart, toNetwork, type KeyPart } from './key-part.ts'
import { exchange } from './unit.test.kit.ts'

const ofHeaders = (part: KeyPart, ...list: string[]): string | undefined => keyPart(part)(exchange({ headers: new Headers(list) }))
const ofQuery = (name: string, query: string): string | undefined => keyPart({ query: name })(exchange({ query, hasQuery: true }))
const ofAddress = (clientAddress: string, ipv6Prefix?: number): string | undefined => keyPart('address', ipv6Prefix === undefined ? {} : { ipv6Prefix })(exchange({ clientAddress }))

describe('a header', () => {
  test('is found in any case', () => {
    expect(ofHeaders({ header: 'X-Api-Key' }, 'accept', 'a', 'x-api-KEY', 'k')).toBe('k')
  })

  test.each([[[]], [['x-api-key', '']], [['x-api-key', 'a', 'X-API-Key', 'b']], [['x-api-kez', 'a']]])('%j is none', (list) => {
    expect(ofHeaders({ header: 'x-api-key' }, ...list)).toBeUndefined()
  })
})

describe('a cookie', () => {
  test.each([
    ['sid=1', '1'],
    ['a=b; sid=1', '1'],
    ['asid=2;sid=1 ; sidb=3', '1'],
    ['sid="1"', '1'],
    ['sid=%31', '1'],
    ['sid=%zz', '%zz'],
    ['a="sid"; sid=1=2', '1=2'],
  ])('%s is %s', (field, value) => {
    expect(ofHeaders({ cookie: 'sid' }, 'Cookie', field)).toBe(value)
  })

  test.each([['sid=1; sid=2'], ['sid='], ['sid'], ['SID=1'], ['a=sid'], ['sid=""'], ['']])('%s is none', (field) => {
    expect(ofHeaders({ cookie: 'sid' }, 'cookie', field)).toBeUndefined()
  })

  test('in one of two fields is none', () => {
    expect(ofHeaders({ cookie: 'sid' }, 'cookie', 'sid=1', 'cookie', 'sid=2')).toBeUndefined()
  })
})

describe('a query parameter', () => {
  test.each([
    ['key=1', '1'],
    ['a=b&key=1&keys=2', '1'],
    ['k%65y=%31', '1'],
    ['key=a+b', 'a b'],
  ])('%s is %s', (query, value) => {
    expect(ofQuery('key', query)).toBe(value)
  })

  test.each([['key=1&key=2'], ['key=1&k%65y=2'], ['key='], ['key'], ['akey=1'], ['']])('%s is none', (query) => {
    expect(ofQuery('key', query)).toBeUndefined()
  })
})

describe('an address', () => {
  test('of IPv4 counts whole', () => {
    expect(ofAddress('192.0.2.1')).toBe('192.0.2.1')
    expect(ofAddress('')).toBeUndefined()
  })

  test('of IPv6 counts as its network, however it is written', () => {
    const spellings = ['2001:db8:0:1::1', '2001:DB8::1:ffff:0:0:2', '2001:0db8:0000:0001:0:0:0:3', '2001:db8:0:1::192.0.2.1', '2001:db8:0:1::1%eth0']
    expect([...new Set(spellings.map((address) => ofAddress(address)))]).toEqual(['2001:db8:0:1:0:0:0:0'])
    expect(ofAddress('2001:db8:0:2::1')).not.toBe(ofAddress('2001:db8:0:1::1'))
  })

  test.each([
    ['2001:db8:aaaa:bbbb::1', 48, '2001:db8:aaaa:0:0:0:0:0'],
    ['2001:db8:aaaa:bbbb::1', 52, '2001:db8:aaaa:b000:0:0:0:0'],
    ['2001:db8::1', 128, '2001:db8:0:0:0:0:0:1'],
    ['::', 64, '0:0:0:0:0:0:0:0'],
    ['::192.0.2.1', 128, '0:0:0:0:0:0:c000:201'],
    ['not:an:address', 64, 'not:an:address'],
  ])('%s with %i bits is %s', (address, bits, network) => {
    expect(toNetwork(address, bits)).toBe(network)
  })

  test('is right for more networks than are kept', () => {
    const read = keyPart('address')
    const of = (i: number): string | undefined => read(exchange({ clientAddress: `2001:db8:${i.toString(16)}::1` }))
    for (let i = 0; i < 5000; i++) expect(of(i)).toBe(`2001:db8:${i.toString(16)}:0:0:0:0:0`)
    expect(of(7)).toBe('2001:db8:7:0:0:0:0:0')
  })
})

test('a request without a route has no name of one', () => {
  expect(keyPart('route')(exchange())).toBeUndefined()
})

test.each([['host'], [{}], [{ header: '' }], [null]])('%j is refused', (part) => {
  expect(() => keyPart(part as never)).toThrow(expect.objectContaining({ code: 'MESH_BAD_OPTIONS' }))
})

test.each([0, 129, 1.5])('an ipv6Prefix of %d is refused', (ipv6Prefix) => {
  expect(() => keyPart('address', { ipv6Prefix })).toThrow(/1 to 128/)
})
