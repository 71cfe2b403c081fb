// Keys that guests bring: only kinds and sizes that cannot keep the host busy.
import type { Buffer } from 'node:buffer'
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'

/** Bytes of a key, in either form: the private key of RSA with 4096 bits has 3.3 KiB as PEM. */
const maxKeyBytes = 8_192
const maxRsaBits = 4_096
/** What BoringSSL, and so Envoy, takes of an exponent. */
const maxRsaExponent = 2n ** 33n
const curves: ReadonlySet<string> = new Set(['secp224r1', 'prime256v1', 'secp384r1', 'secp521r1'])

/** In one of two forms. */
export interface GivenKey {
  readonly pem: Buffer
  readonly der: Buffer
}

/** Whether there is just one. */
export function isOne({ pem, der }: GivenKey): boolean {
  return (pem.byteLength === 0) !== (der.byteLength === 0)
}

/** Undefined: it is none that is taken. */
export function publicKey({ pem, der }: GivenKey): KeyObject | undefined {
  return keyOf(pem, der, /-----BEGIN PUBLIC KEY-----/, () => (der.byteLength > 0 ? createPublicKey({ key: der, format: 'der', type: 'spki' }) : createPublicKey({ key: pem, format: 'pem' })))
}

/** The same; of private keys, those with a passphrase are none. */
export function privateKey({ pem, der }: GivenKey): KeyObject | undefined {
  return keyOf(pem, der, /-----BEGIN (?:RSA |EC )?PRIVATE KEY-----/, () => (der.byteLength > 0 ? createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }) : createPrivateKey({ key: pem, format: 'pem' })))
}

function keyOf(pem: Buffer, der: Buffer, begins: RegExp, make: () => KeyObject): KeyObject | undefined {
  if (pem.byteLength + der.byteLength > maxKeyBytes) return undefined
  if (pem.byteLength > 0 && !begins.test(pem.toString('latin1'))) return undefined
  try {
    const key = make()
    return isTaken(key) ? key : undefined
  } catch {
    // Whatever OpenSSL says of it, to the guest it is no key.
    return undefined
  }
}

function isTaken({ asymmetricKeyType, asymmetricKeyDetails: details }: KeyObject): boolean {
  if (asymmetricKeyType === 'rsa') return (details?.modulusLength ?? Infinity) <= maxRsaBits && (details?.publicExponent ?? maxRsaExponent) < maxRsaExponent
  return asymmetricKeyType === 'ec' && curves.has(details?.namedCurve ?? '')
}

/** Fuel for an operation with a key: about what it takes, in nanoseconds. */
export function keyFuel({ type, asymmetricKeyType, asymmetricKeyDetails: details }: KeyObject): number {
  if (asymmetricKeyType !== 'rsa') return 1_000_000
  const kilobits = (details?.modulusLength ?? maxRsaBits) / 1_024
  return Math.round(type === 'private' ? 100_000 * kilobits ** 3 : 20_000 * kilobits ** 2)
}
