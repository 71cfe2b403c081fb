// The certificates that other tests rely on are what they say.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Authority, authority, hasOpenssl } from './certificates.ts'

describe.skipIf(!hasOpenssl)('certificates made for tests (skipped without openssl)', () => {
  it('are issued by their authority, for the names they were asked for', () => {
    const root = authority('Root')
    const leaf = new X509Certificate(root.issue({ dns: ['a.example'], ips: ['127.0.0.1'], uris: ['spiffe://td/a,b'] }).cert)
    expect(leaf.verify(new X509Certificate(root.cert).publicKey)).toBe(true)
    expect(leaf.checkIssued(new X509Certificate(root.cert))).toBe(true)
    expect(leaf.subjectAltName).toBe('DNS:a.example, IP Address:127.0.0.1, URI:"spiffe://td/a\\u002cb"')
    expect(leaf.ca).toBe(false)
  })

  it('can have expired, and can come from an intermediate', () => {
    const intermediate = new Authority('Intermediate', authority())
    const pair = intermediate.issue({ days: -1 })
    const leaf = new X509Certificate(pair.cert)
    expect(new Date(leaf.validTo).getTime()).toBeLessThan(Date.now())
    expect(leaf.issuer).toBe('CN=Intermediate')
    expect(leaf.checkPrivateKey(createPrivateKey(pair.key))).toBe(true)
  })
})
