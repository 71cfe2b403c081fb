// Whether keys and certificates can be used, said in words that never contain a key.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { messageOf } from '../errors.ts'
import type { KeyPair, TlsMaterial } from '../questions.ts'

/** More pairs than any listener has names for. */
const maxPairs = 10_000

const block = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/**
 * The certificates in a PEM text, in order.
 * @throws Error that says which of them is damaged, or that there is none
 */
export function parseCertificates(pem: string): X509Certificate[] {
  const blocks = pem.match(block) ?? []
  if (blocks.length === 0) throw new Error('it has no certificate in PEM')
  if (blocks.length !== pem.split('-----BEGIN CERTIFICATE-----').length - 1) throw new Error('a certificate in it has no end')
  return blocks.map((text, index) => {
    try {
      return new X509Certificate(text)
    } catch (cause) {
      throw new Error(`certificate ${index + 1} in it cannot be read: ${messageOf(cause)}`, { cause })
    }
  })
}

/** @returns the certificate itself, without its intermediates. @throws Error with what is wrong: unreadable, encrypted, or not made for each other */
export function checkPair({ key, cert }: KeyPair): X509Certificate {
  if (typeof key !== 'string' || typeof cert !== 'string') throw new Error('key and cert are PEM texts')
  const [certificate] = attempt('the certificate cannot be used', () => parseCertificates(cert)) as [X509Certificate]
  const privateKey = attempt('the key cannot be used', () => createPrivateKey(key))
  if (!certificate.checkPrivateKey(privateKey)) throw new Error('the key does not belong to the certificate')
  return certificate
}

/** @throws Error with what is wrong and where */
export function checkMaterial(material: TlsMaterial): void {
  const { certificates, ca } = material as Partial<TlsMaterial>
  if (!Array.isArray(certificates) || certificates.length > maxPairs) throw new Error(`certificates is a list of at most ${maxPairs} keys and certificates`)
  certificates.forEach((pair: KeyPair, index) => attempt(`certificates[${index}]`, () => checkPair(pair)))
  if (ca === undefined) return
  if (typeof ca !== 'string') throw new Error('ca is a PEM text')
  attempt('ca', () => parseCertificates(ca))
}

function attempt<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw new Error(`${what}: ${messageOf(cause)}`, { cause })
  }
}
