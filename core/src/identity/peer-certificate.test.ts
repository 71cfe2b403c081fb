// Who a client is: names read from a certificate as they stand there, and none that could be taken for something else.
import type { X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { PeerCertificate, serverNamesOf, urisOf } from './peer-certificate.ts'

/** The parts of a certificate that are looked at, as Node gives them. */
function certificate(parts: Partial<X509Certificate>): X509Certificate {
  const dates = { validFromDate: new Date(0), validToDate: new Date(1) }
  return { subject: '', fingerprint256: 'AB:CD', serialNumber: '0A', toString: () => 'pem\n', ...dates, ...parts } as X509Certificate
}

function peer(subjectAltName: string | undefined, subject = ''): PeerCertificate {
  return new PeerCertificate(certificate({ subject, subjectAltName }))
}

describe('a peer', () => {
  test('has its names in the order of the certificate', () => {
    const { uris, dnsNames, spiffeId } = peer('DNS:b.example, URI:https://x/, IP Address:127.0.0.1, DNS:a.example, URI:spiffe://td/web, othername:<unsupported>')
    expect([uris, dnsNames, spiffeId]).toEqual([['https://x/', 'spiffe://td/web'], ['b.example', 'a.example'], 'spiffe://td/web'])
  })

  test.each([
    ['URI:spiffe://td/web, DNS:a.example', 'CN=x', 'spiffe://td/web'],
    ['DNS:a.example, URI:spiffe://td/web', 'CN=x', 'spiffe://td/web'],
    ['DNS:a.example', 'CN=x', 'a.example'],
    ['IP Address:127.0.0.1', 'CN=x', 'CN=x'],
    [undefined, 'O=Acme\nCN=x', 'CN=x,O=Acme'],
    [undefined, '', ''],
  ])('of %j and %j is called %j', (names, subject, principal) => {
    expect(peer(names, subject).principal).toBe(principal)
  })

  test('has a name with commas whole', () => {
    const { uris, dnsNames } = peer('URI:"spiffe://td/a\\u002cDNS:evil", DNS:x')
    expect([uris, dnsNames]).toEqual([['spiffe://td/a,DNS:evil'], ['x']])
  })

  test.each([
    'URI:"spiffe://td/a\\u0000b"',
    'DNS:"a.example\\u0000.evil"',
    'URI:"spiffe://td/a\\u000d\\u000aX: y"',
    'URI:"a\\"b"',
    'URI:"a\\\\b"',
    'URI:spiffe://td/ä',
    'DNS:a b',
  ])('with a name that is none is refused: %s', (names) => {
    expect(() => peer(names)).toThrow('characters that it may not have')
  })

  test.each([
    ['CN=leaf', 'CN=leaf'],
    ['C=US\nST=CA\nL=San Francisco\nOU=Lyft\nCN=Test Client', 'CN=Test Client,OU=Lyft,L=San Francisco,ST=CA,C=US'],
    // As openssl writes it with -nameopt RFC2253.
    ['C=DE\nO=Acme\\, \\"Inc\\"\\; x=1\\\\\nOU=a + OU=bä \\+ c\nCN=foo/bar', 'CN=foo/bar,OU=b\\C3\\A4 \\+ c+OU=a,O=Acme\\, \\"Inc\\"\\; x=1\\\\,C=DE'],
    ['', ''],
  ])('has the subject %j as RFC 2253 writes it', (subject, text) => {
    expect(peer(undefined, subject).subject).toBe(text)
  })

  test('has its fingerprint in lower case without colons, and a chain with what led to a root', () => {
    const one = new PeerCertificate(certificate({}), () => [certificate({ toString: () => 'intermediate\n' })])
    expect([one.fingerprint, one.serialNumber, one.pem, one.chainPem]).toEqual(['abcd', '0A', 'pem\n', 'pem\nintermediate\n'])
    expect([one.validFrom.getTime(), one.validTo.getTime()]).toEqual([0, 1])
  })
})

describe('a certificate of our own', () => {
  test.each([
    ['DNS:A.example, DNS:*.b.example, IP Address:127.0.0.1', 'CN=other', ['a.example', '*.b.example']],
    ['URI:spiffe://td/x', 'CN=other', []],
    [undefined, 'O=Acme\nCN=Shop.example', ['shop.example']],
    [undefined, 'O=Acme', []],
  ])('with the names %j and %j is for %j', (subjectAltName, subject, names) => {
    expect(serverNamesOf(certificate({ subjectAltName, subject }))).toEqual(names)
  })

  test('tells its URI names, but for bad ones', () => {
    expect(urisOf(certificate({ subjectAltName: 'URI:spiffe://td/a, DNS:x, URI:"b\\u0000"' }))).toEqual(['spiffe://td/a'])
  })
})
