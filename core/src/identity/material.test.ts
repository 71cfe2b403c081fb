// What is wrong with keys and certificates is found before they are used, and said without them.
import { describe, expect, test } from 'vitest'
import type { TlsMaterial } from '../questions.ts'
import { checkMaterial, checkPair, parseCertificates } from './material.ts'

// Made for this test, known to everybody, good for nothing else.
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQggCjCPid8TcQmR0LH
K0RJs+fdZIkgV/Y0i+qQFR9LLjGhRANCAATfCdSUs3uGCuMn3Oxu//3uQn7qNLLa
68TaGN+nzHgi9tYyF+CH/XjGk5FFqeu0bTeikYj/+U2ZgF0oWmfN/D6U
-----END PRIVATE KEY-----
`
const otherKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgFipXxh9C0z76iTEC
U2hMezdU3IRBzsGxVAJb25qQDjmhRANCAARe5AoT+MWvWYrLwDnmc9rGCdbkzujl
Om/Mz40UJU7lOrA4EYJyDSwfV3QZ/YkG0U3jyPCmBr0EG/u2i6RVEIoH
-----END PRIVATE KEY-----
`
const cert = `-----BEGIN CERTIFICATE-----
MIIBhTCCASugAwIBAgIUPjUUCnsNQOxTLw+AKO3+BvA+a+IwCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMcm90YXRlZC50ZXN0MCAXDTI2MTEyMDE1MjYxM1oYDzIxMjYx
MDI3MTUyNjEzWjAXMRUwEwYDVQQDDAxyb3RhdGVkLnRlc3QwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAATfCdSUs3uGCuMn3Oxu//3uQn7qNLLa68TaGN+nzHgi9tYy
F+CH/XjGk5FFqeu0bTeikYj/+U2ZgF0oWmfN/D6Uo1MwUTAdBgNVHQ4EFgQUgDfi
h+zFk+Q88WsycSJao4YlyXYwHwYDVR0jBBgwFoAUgDfih+zFk+Q88WsycSJao4Yl
yXYwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAvplN0Sx08v1k
57gQKdU8Y1oxi0MW9HPHGLo3FQQEJRICIDT1Ka0CmOsbtP2VZqZOmuLmJGP3bywh
9iXg3LGrb5z3
-----END CERTIFICATE-----
`

test('a pair gives its certificate, also with others behind it', () => {
  expect(checkPair({ key, cert }).subject).toBe('CN=rotated.test')
  expect(checkPair({ key, cert: `some text\n${cert}${cert}` }).subject).toBe('CN=rotated.test')
  expect(parseCertificates(cert + cert)).toHaveLength(2)
})

describe('what cannot be used', () => {
  const cases: readonly [what: string, material: unknown, reason: RegExp][] = [
    ['another key', { certificates: [{ key, cert }, { key: otherKey, cert }] }, /^certificates\[1\]: the key does not belong to the certificate$/],
    ['a damaged key', { certificates: [{ key: key.replace('MIGH', 'AAAA'), cert }] }, /^certificates\[0\]: the key cannot be used: /],
    ['a damaged certificate', { certificates: [{ key, cert: cert.replace('MIIB', 'AAAA') }] }, /^certificates\[0\]: the certificate cannot be used: certificate 1 in it cannot be read: /],
    ['a damaged intermediate', { certificates: [{ key, cert: cert + cert.replace('MIIB', 'AAAA') }] }, /certificate 2 in it cannot be read/],
    ['half an intermediate', { certificates: [{ key, cert: cert + cert.slice(0, 300) }] }, /a certificate in it has no end/],
    ['a certificate in the place of the key', { certificates: [{ key: cert, cert }] }, /the key cannot be used/],
    ['bytes instead of text', { certificates: [{ key: Buffer.from(key), cert }] }, /key and cert are PEM texts/],
    ['no list', { certificates: { key, cert } }, /^certificates is a list/],
    ['a huge list', { certificates: Array.from({ length: 10_001 }, () => ({ key, cert })) }, /^certificates is a list of at most 10000/],
    ['roots that are none', { certificates: [], ca: 'nothing' }, /^ca: it has no certificate in PEM$/],
    ['roots in bytes', { certificates: [], ca: Buffer.from(cert) }, /^ca is a PEM text$/],
  ]

  test.each(cases)('%s', (_what, material, reason) => {
    const check = (): void => checkMaterial(material as TlsMaterial)
    expect(check).toThrow(reason)
    expect(check).not.toThrow(/PRIVATE|gCjCPid8|FipXxh9C/)
  })

  test('is nothing that is good', () => {
    expect(() => checkMaterial({ certificates: [{ key, cert }], ca: cert + cert })).not.toThrow()
    expect(() => checkMaterial({ certificates: [] })).not.toThrow()
  })
})
