// X-Forwarded-Client-Cert, written as Envoy writes it and so that no name can pass for more than it is.
import { X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { PeerCertificate } from '../identity/peer-certificate.ts'
import type { ClientCertificateMode } from '../spec.ts'
import { forwardedClientCert, xfccElement, xfccPolicy, type XfccConnection } from './xfcc.ts'

const hash = '468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688'

function client(peer: Partial<PeerCertificate> = {}): XfccConnection {
  const whole = { fingerprint: hash, subject: 'CN=Test Client,OU=Lyft,L=San Francisco,ST=CA,C=US', uris: ['http://testclient.lyft.com'], dnsNames: [], pem: '-----BEGIN CERTIFICATE-----\nab+/=\n', chainPem: 'one\ntwo\n', ...peer }
  return { peer: whole as unknown as PeerCertificate, own: () => undefined }
}

describe('an element', () => {
  test('has hash, subject and URI names', () => {
    expect(xfccElement(['Hash', 'Subject', 'URI', 'DNS'], client())).toBe(`Hash=${hash};Subject="CN=Test Client,OU=Lyft,L=San Francisco,ST=CA,C=US";URI=http://testclient.lyft.com`)
  })

  test('has one pair for each name', () => {
    expect(xfccElement(['URI', 'DNS'], client({ uris: ['spiffe://a/1', 'spiffe://a/2'], dnsNames: ['lyft.com', 'www.lyft.com'] }))).toBe('URI=spiffe://a/1;URI=spiffe://a/2;DNS=lyft.com;DNS=www.lyft.com')
  })

  test('says that there is no URI name, and an empty subject', () => {
    expect(xfccElement(['Subject', 'URI', 'DNS'], client({ uris: [], subject: '' }))).toBe('Subject="";URI=')
  })

  test('has certificate and chain URL-encoded', () => {
    expect(xfccElement(['Cert', 'Chain'], client())).toBe('Cert="-----BEGIN%20CERTIFICATE-----%0Aab%2B%2F%3D%0A";Chain="one%0Atwo%0A"')
  })

  test('has its keys in one order, however they were given', () => {
    expect(xfccPolicy({ mode: 'sanitize-set', keys: ['DNS', 'Subject', 'By', 'Hash'] }).keys).toEqual(['By', 'Hash', 'Subject', 'DNS'])
    expect(xfccPolicy('append-forward')).toEqual({ mode: 'append-forward', keys: ['Hash', 'Subject', 'URI', 'DNS'] })
    expect(xfccPolicy(undefined).mode).toBe('sanitize')
  })

  test.each([
    ['spiffe://a/b', 'URI=spiffe://a/b'],
    ['spiffe://a/b,URI=x', 'URI="spiffe://a/b,URI=x"'],
    ['spiffe://a/b;DNS', 'URI="spiffe://a/b;DNS"'],
    ['spiffe://a/?b=c', 'URI="spiffe://a/?b=c"'],
    ['spiffe://a/"b', 'URI="spiffe://a/\\"b"'],
  ])('quotes where it must: %s', (uri, text) => {
    expect(xfccElement(['URI'], client({ uris: [uri] }))).toBe(text)
  })

  test.each([
    ['CN=a\\"b', 'Subject="CN=a\\"b"'],
    ['CN=a\\\\', 'Subject="CN=a\\5C"'],
    ['CN=a\\\\\\";URI=spiffe://evil', 'Subject="CN=a\\5C\\";URI=spiffe://evil"'],
    ['CN=a"b', 'Subject="CN=a\\"b"'],
  ])('lets no subject end its quotes early, nor late: %s', (subject, text) => {
    const element = xfccElement(['Subject', 'URI'], client({ subject, uris: ['spiffe://true'] }))
    expect(element).toBe(`${text};URI=spiffe://true`)
    // Both kinds of reader agree: those to whom a backslash escapes anything, and those to whom it escapes a quote.
    for (const quoted of [/^Subject="(?:[^"\\]|\\.)*";URI=spiffe:\/\/true$/, /^Subject="(?:\\"|[^"])*";URI=spiffe:\/\/true$/]) expect(element).toMatch(quoted)
  })

  test('names the certificate that the client has seen by its URI names', () => {
    const own = new X509Certificate(`-----BEGIN CERTIFICATE-----
MIIBhTCCASugAwIBAgIUPjUUCnsNQOxTLw+AKO3+BvA+a+IwCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMcm90YXRlZC50ZXN0MCAXDTI2MTEyMDE1MjYxM1oYDzIxMjYx
MDI3MTUyNjEzWjAXMRUwEwYDVQQDDAxyb3RhdGVkLnRlc3QwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAATfCdSUs3uGCuMn3Oxu//3uQn7qNLLa68TaGN+nzHgi9tYy
F+CH/XjGk5FFqeu0bTeikYj/+U2ZgF0oWmfN/D6Uo1MwUTAdBgNVHQ4EFgQUgDfi
h+zFk+Q88WsycSJao4YlyXYwHwYDVR0jBBgwFoAUgDfih+zFk+Q88WsycSJao4Yl
yXYwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAvplN0Sx08v1k
57gQKdU8Y1oxi0MW9HPHGLo3FQQEJRICIDT1Ka0CmOsbtP2VZqZOmuLmJGP3bywh
9iXg3LGrb5z3
-----END CERTIFICATE-----`)
    expect(xfccElement(['By', 'Hash'], { ...client(), own: () => own })).toBe(`Hash=${hash}`)
    const withNames = Object.create(own, { subjectAltName: { value: 'URI:spiffe://a/proxy, DNS:x, URI:spiffe://a/second' } }) as X509Certificate
    expect(xfccElement(['By', 'Hash'], { ...client(), own: () => withNames })).toBe(`By=spiffe://a/proxy;By=spiffe://a/second;Hash=${hash}`)
  })
})

describe('the field that is sent', () => {
  const element = `Hash=${hash}`
  const cases: readonly [ClientCertificateMode, incoming: string | undefined, withCertificate: string | undefined, without: string | undefined][] = [
    ['sanitize', 'Hash=1', undefined, undefined],
    ['sanitize', undefined, undefined, undefined],
    ['forward-only', 'Hash=1', 'Hash=1', undefined],
    ['forward-only', undefined, undefined, undefined],
    ['append-forward', 'Hash=1', `Hash=1,${element}`, undefined],
    ['append-forward', undefined, element, undefined],
    ['append-forward', ' ', element, undefined],
    ['sanitize-set', 'Hash=1', element, undefined],
    ['sanitize-set', undefined, element, undefined],
    ['always-forward-only', 'Hash=1', 'Hash=1', 'Hash=1'],
    ['always-forward-only', undefined, undefined, undefined],
  ]

  test.each(cases)('%s: of %j becomes %j with a client certificate, %j without', (mode, incoming, withCertificate, without) => {
    const policy = xfccPolicy({ mode, keys: ['Hash'] })
    expect(forwardedClientCert(policy, incoming, client())).toBe(withCertificate)
    expect(forwardedClientCert(policy, incoming, undefined)).toBe(without)
  })

  test('is made once per connection, and anew for another policy', () => {
    const connection = client()
    const policy = xfccPolicy('sanitize-set')
    const first = forwardedClientCert(policy, undefined, connection)
    Object.assign(connection.peer, { fingerprint: 'changed' })
    expect(forwardedClientCert(policy, undefined, connection)).toBe(first)
    expect(forwardedClientCert(xfccPolicy({ mode: 'sanitize-set', keys: ['Hash'] }), undefined, connection)).toBe('Hash=changed')
  })

  test.each(['URI=spiffe://admin;Subject="', 'URI=spiffe://admin;Subject="a\\"', 'URI=spiffe://admin;Subject="a\\\\";DNS="'])('appends to no field in which a quote stays open, as this element would be read as part of it: %s', (incoming) => {
    const policy = xfccPolicy({ mode: 'append-forward', keys: ['Hash'] })
    expect(forwardedClientCert(policy, incoming, client())).toBe(`Hash=${hash}`)
  })

  test.each(['Subject="a,b";URI=x', 'Subject="a\\"b"', 'By=a,By=b', 'Subject=""'])('appends to a field whose quotes are closed: %s', (incoming) => {
    const policy = xfccPolicy({ mode: 'append-forward', keys: ['Hash'] })
    expect(forwardedClientCert(policy, incoming, client())).toBe(`${incoming},Hash=${hash}`)
  })
})
