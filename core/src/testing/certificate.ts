// A key and a certificate for tests, made on the spot: self-signed, so that it is its own root.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import type { KeyPair } from '../questions.ts'

const dayMs = 86_400_000

/** Makes a P-256 key and a certificate that it has signed itself, valid for this name for a year. Takes about a millisecond. @param name of a host; up to 60 ASCII characters */
export function selfSigned(name = 'shop.example'): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const body = toBeSigned(name, publicKey.export({ type: 'spki', format: 'der' }), Date.now())
  const signature = sign('sha256', body, privateKey)
  const der = sequence(body, algorithm, element(0x03, Buffer.from([0]), signature))
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), cert: pem(der) }
}

/** The certificate without its signature (RFC 5280 §4.1). */
function toBeSigned(name: string, publicKey: Buffer, nowMs: number): Buffer {
  const subject = sequence(element(0x31, sequence(oid(85, 4, 3), element(0x0c, Buffer.from(name)))))
  const validity = sequence(utcTime(nowMs - dayMs), utcTime(nowMs + 365 * dayMs))
  const hostNames = extension([85, 29, 17], sequence(element(0x82, Buffer.from(name))))
  const isAuthority = extension([85, 29, 19], sequence(element(0x01, Buffer.from([255]))))
  const serial = element(0x02, Buffer.from([1]), randomBytes(15))
  const version3 = element(0xa0, element(0x02, Buffer.from([2])))
  return sequence(version3, serial, algorithm, subject, validity, subject, publicKey, element(0xa3, sequence(hostNames, isAuthority)))
}

/** One element of DER: what it is, how long, and what is in it. */
function element(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const length = content.length < 128 ? [content.length] : [0x82, content.length >> 8, content.length & 255]
  return Buffer.concat([Buffer.from([tag, ...length]), content])
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return element(0x30, ...parts)
}

/** An object identifier, in bytes. */
function oid(...bytes: readonly number[]): Buffer {
  return element(0x06, Buffer.from(bytes))
}

function extension(id: readonly number[], value: Buffer): Buffer {
  return sequence(oid(...id), element(0x04, value))
}

function utcTime(ms: number): Buffer {
  return element(0x17, Buffer.from(`${new Date(ms).toISOString().slice(2, 19).replaceAll(/[-:T]/g, '')}Z`))
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

// ecdsa-with-SHA256, 1.2.840.10045.4.3.2
const algorithm = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02))
