// The client is whoever the socket or a trusted hop says it is, and nobody else.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileTrust, newRequestId, trustedAddress, type Origin } from './forwarded.ts'

const nobody = compileTrust(undefined)
const inner = compileTrust(['10.0.0.0/8', '192.0.2.1', '2001:db8::/32'])
const xff = (value: string): string[] => ['X-Forwarded-For', value]

function clientOf(peer: string, forwardedFor: string): string {
  return inner.resolve(peer, xff(forwardedFor), undefined).clientAddress
}

describe('a peer that is not trusted', () => {
  const lies = ['x-forwarded-for', '1.1.1.1', 'X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'evil.example', 'X-Forwarded-Port', '1', 'X-Real-IP', '1.1.1.1', 'Forwarded', 'for=1.1.1.1']

  it.each([['nobody is', nobody], ['others are', inner]])('has nothing it says believed where %s', (_who, trust) => {
    expect(trust.resolve('203.0.113.9', lies, 'chosen-by-me')).toEqual<Origin>({
      clientAddress: '203.0.113.9', scheme: undefined, host: undefined, forwardedFor: '203.0.113.9', kept: undefined, requestId: expect.not.stringContaining('chosen') as string,
    })
  })

  it('is written as IPv4 if it is IPv4 mapped into IPv6', () => {
    expect(nobody.resolve('::ffff:203.0.113.9', undefined, undefined)).toMatchObject({ clientAddress: '203.0.113.9', forwardedFor: '203.0.113.9' })
  })

  it('is unknown where the socket has no address', () => {
    for (const trust of [nobody, inner]) expect(trust.resolve('', xff('1.1.1.1'), undefined)).toMatchObject({ clientAddress: '', forwardedFor: 'unknown' })
  })
})

describe('a trusted hop', () => {
  it('is appended to X-Forwarded-For, and the client is the one it names', () => {
    expect(inner.resolve('10.0.0.1', xff('203.0.113.9'), undefined)).toMatchObject({ clientAddress: '203.0.113.9', forwardedFor: '203.0.113.9, 10.0.0.1' })
  })

  it('is the client itself if it names none', () => {
    for (const fields of [undefined, xff(''), xff('  ')]) expect(inner.resolve('10.0.0.1', fields, undefined)).toMatchObject({ clientAddress: '10.0.0.1', forwardedFor: '10.0.0.1' })
  })

  it.each([
    ['the first from the right that is not trusted', '1.1.1.1, 203.0.113.9, 10.0.0.2, 192.0.2.1', '203.0.113.9'],
    ['the leftmost if all are trusted', '10.0.0.3,10.0.0.2', '10.0.0.3'],
    ['never what is no address', 'evil, 10.0.0.2', '10.0.0.2'],
    ['never what stands left of what is no address', '203.0.113.9, unknown', '10.0.0.1'],
    ['never an empty element', '203.0.113.9, ', '10.0.0.1'],
    ['never what stands left of an empty element', '203.0.113.9,,10.0.0.2', '10.0.0.2'],
    ['found without its port', '203.0.113.9:4711', '203.0.113.9'],
    ['found without brackets', '[2001:DB9::1]:4711, [2001:db8::1]', '2001:db9::1'],
    ['IPv4 where it is mapped into IPv6', '::ffff:203.0.113.9, ::ffff:10.0.0.2', '203.0.113.9'],
    ['IPv4 where it is mapped in hexadecimal', '0:0:0:0:0:FFFF:cb00:7109', '203.0.113.9'],
    ['not an address with a zone', 'fe80::1%eth0', '10.0.0.1'],
    ['not an obfuscated name', '_hidden', '10.0.0.1'],
    ['not a name in quotes', '"203.0.113.9"', '10.0.0.1'],
    ['not an address with more behind it', '203.0.113.9 evil', '10.0.0.1'],
  ])('makes the client %s', (_rule, forwardedFor, expected) => {
    expect(clientOf('10.0.0.1', forwardedFor)).toBe(expected)
  })

  it('may send X-Forwarded-For in several fields', () => {
    expect(inner.resolve('10.0.0.1', [...xff('203.0.113.9'), 'x-forwarded-for', '10.0.0.2'], undefined)).toMatchObject({ clientAddress: '203.0.113.9', forwardedFor: '203.0.113.9, 10.0.0.2, 10.0.0.1' })
  })

  it('is followed back 64 hops and no further', () => {
    expect(clientOf('10.0.0.1', `203.0.113.9${', 10.0.0.2'.repeat(63)}`)).toBe('203.0.113.9')
    expect(clientOf('10.0.0.1', `203.0.113.9${', 10.0.0.2'.repeat(64)}`)).toBe('10.0.0.2')
  })

  it.each([['https', 'https'], ['HTTPS', 'https'], ['http', 'http'], ['https, http', 'http'], ['ftp', undefined], ['', undefined], ['https evil', undefined]])('that says %j has the scheme %s', (proto, scheme) => {
    expect(inner.resolve('10.0.0.1', ['X-Forwarded-Proto', proto], undefined).scheme).toBe(scheme)
  })

  it.each([['shop.example', 'shop.example'], ['shop.example:8443', 'shop.example:8443'], ['[::1]:80', '[::1]:80'], ['a.example, b.example', 'b.example'], ['a b', undefined], ['a/b', undefined], ['', undefined], ['a:b', undefined]])('that says %j has the host %s', (host, expected) => {
    expect(inner.resolve('10.0.0.1', ['X-Forwarded-Host', host], undefined).host).toBe(expected)
  })

  it('has its port kept and its X-Real-IP set right, and its Forwarded dropped', () => {
    expect(inner.resolve('10.0.0.1', [...xff('203.0.113.9'), 'X-Forwarded-Port', '8443', 'X-Real-IP', '6.6.6.6', 'Forwarded', 'for=6.6.6.6'], undefined).kept).toEqual(['x-forwarded-port', '8443', 'x-real-ip', '203.0.113.9'])
    expect(['0', '65536', 'x', '-1'].map((port) => inner.resolve('10.0.0.1', ['X-Forwarded-Port', port], undefined).kept)).toEqual([undefined, undefined, undefined, undefined])
  })

  it('has its request id kept if that is sane', () => {
    const idFor = (id: string | undefined): string => inner.resolve('10.0.0.1', undefined, id).requestId
    expect(idFor('abc-123')).toBe('abc-123')
    expect(idFor('x'.repeat(128))).toBe('x'.repeat(128))
    for (const bad of [undefined, '', 'x'.repeat(129), 'a b', 'a\r\nb', 'a\n', '\u00e9']) expect(idFor(bad)).toMatch(/^[0-9a-f]{20}-[0-9a-z]+$/)
  })

  it('is known by address or range, in whatever spelling', () => {
    expect(['10.255.255.255', '192.0.2.1', '::ffff:10.0.0.1', '::ffff:a00:1', '2001:db8:1::', '2001:DB8::1', '2001:db8::1%eth0'].map((address) => inner.trusts(address))).toEqual(Array(7).fill(true))
    expect(['11.0.0.1', '192.0.2.2', '::ffff:11.0.0.1', '2001:db9::', '', 'localhost', '10.0.0.1 ', '10.0.0.256', '10.0.0'].map((address) => inner.trusts(address))).toEqual(Array(9).fill(false))
    expect(compileTrust(['::ffff:10.0.0.0/104']).trusts('10.1.2.3')).toBe(true)
  })

  it('stays known after thousands of other addresses', () => {
    for (let i = 0; i < 10_000; i++) expect(inner.trusts(`203.${i >> 8}.${i & 255}.1`)).toBe(false)
    expect(inner.trusts('10.0.0.1')).toBe(true)
  })

  it.each(['10.0.0.0/33', '10.0.0.0/-1', '10.0.0', 'localhost', '', '::/129', '10.0.0.0/8/8', 'fe80::1%eth0', '::ffff:10.0.0.0/8', '10.0.0.1:80', 7 as never])('cannot be %j', (hop) => {
    expect(() => compileTrust(['10.0.0.1', hop])).toThrow(expect.objectContaining({ code: 'MESH_BAD_OPTIONS', message: expect.stringContaining('trustedHops[1]:') as string }))
  })
})

describe('counted hops', () => {
  const list = '203.0.113.128, 203.0.113.10, 203.0.113.1'

  it.each([
    [1, true, 0, '192.0.2.5', list, '192.0.2.5'],
    [2, false, 0, '10.11.12.13', `${list}, 192.0.2.5`, '192.0.2.5'],
    [3, true, 2, '192.0.2.5', list, '203.0.113.10'],
    [4, false, 2, '10.11.12.13', `${list}, 192.0.2.5`, '203.0.113.10'],
    [5, false, 0, '10.20.30.40', undefined, '10.20.30.40'],
    [6, false, 0, '10.20.30.50', '10.20.30.40', '10.20.30.40'],
  ])('of vector %i (remote address %s, %i hops, peer %s) lead to the right client', (_number, useRemoteAddress, hops, peer, forwardedFor, expected) => {
    expect(trustedAddress({ useRemoteAddress, hops, peer, xff: forwardedFor })).toBe(expected)
  })

  it('beyond the list, or at what is no address, lead to the peer', () => {
    const peer = '192.0.2.5'
    expect(trustedAddress({ useRemoteAddress: true, hops: 4, peer, xff: list })).toBe(peer)
    expect(trustedAddress({ useRemoteAddress: false, hops: 3, peer, xff: list })).toBe(peer)
    expect(trustedAddress({ useRemoteAddress: true, hops: 1, peer, xff: `${list}, evil` })).toBe(peer)
    expect(trustedAddress({ useRemoteAddress: true, hops: 1e9, peer, xff: list })).toBe(peer)
  })

  it('say the same as a list that has the peer and the last of them in it', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.ipV4(), { minLength: 2, maxLength: 8 }), fc.nat(), (addresses, some) => {
        const peer = addresses.pop() as string
        const hops = 1 + (some % addresses.length)
        const trusted = hops === 1 ? [peer] : [peer, ...addresses.slice(1 - hops)]
        const forwardedFor = addresses.join(', ')
        const listed = compileTrust(trusted).resolve(peer, xff(forwardedFor), undefined).clientAddress
        expect(listed).toBe(trustedAddress({ useRemoteAddress: true, hops, peer, xff: forwardedFor }))
      }),
    )
  })
})

describe('whatever a hop sends', () => {
  it('never throws, and the client is an address that was there', () => {
    const element = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('10.0.0.2', '', 'unknown', '[::1', '::ffff:1.2.3.4', '1.2.3.4:5', 'a,b', '%'), fc.string())
    fc.assert(
      fc.property(fc.array(element, { maxLength: 10 }), fc.string(), (elements, other) => {
        const { clientAddress } = inner.resolve('10.0.0.1', [...xff(elements.join(',')), 'x-forwarded-host', other, 'x-forwarded-proto', other, 'x-forwarded-port', other], other)
        expect(clientAddress).toMatch(/^[0-9a-f.:]+$/)
      }),
    )
  })
})

describe('request ids', () => {
  it('differ', () => {
    const ids = Array.from({ length: 10_000 }, newRequestId)
    expect(new Set(ids).size).toBe(10_000)
    expect(ids[0]).toMatch(/^[0-9a-f]{20}-[0-9a-z]+$/)
  })
})
