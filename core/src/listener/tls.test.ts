// Names and settings of TLS listeners; what happens on the wire is tested with real clients in test/tls.
import { describe, expect, test } from 'vitest'
import { tlsSettings } from './tls.ts'

const identity = 'files'

describe('TLS settings', () => {
  test('are none without an identity, and the safe ones with it', () => {
    expect(tlsSettings({})).toBeUndefined()
    expect(tlsSettings({ tls: {} })).toBeUndefined()
    expect(tlsSettings({ identity })).toEqual({ minVersion: 'TLSv1.2', clientCertificates: 'none', unknownServerName: 'default' })
  })

  test.each([
    [1.2, 'TLSv1.2'],
    ['1.2', 'TLSv1.2'],
    [1.3, 'TLSv1.3'],
    ['1.3', 'TLSv1.3'],
  ] as const)('take the version %j', (minVersion, known) => {
    expect(tlsSettings({ identity, tls: { minVersion } })?.minVersion).toBe(known)
  })

  test.each([1, 1.1, '1.1', 'TLSv1.2', 2])('refuse the version %j', (minVersion) => {
    expect(() => tlsSettings({ identity, tls: { minVersion: minVersion as 1.2 } })).toThrow(/tls\.minVersion is 1\.2 or 1\.3/)
  })

  test('refuse a way to ask for client certificates that is none', () => {
    expect(() => tlsSettings({ identity, tls: { clientCertificates: 'require' as 'required' } })).toThrow(/none, optional or required, not require/)
  })

  test('without an identity are refused: the listener would speak plain HTTP', () => {
    expect(() => tlsSettings({ tls: { clientCertificates: 'required' } })).toThrow(/no identity/)
  })
})
