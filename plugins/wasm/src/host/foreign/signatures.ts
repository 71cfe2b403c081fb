// The foreign functions `verify_signature` and `sign`: RSA (PKCS #1 v1.5) and ECDSA, as Envoy has them.
import { Buffer } from 'node:buffer'
import { sign as signBytes, verify as verifyBytes } from 'node:crypto'
import { Status } from '../status.ts'
import { isOne, keyFuel, privateKey, publicKey } from './keys.ts'
import { encodeMessage, Message } from './message.ts'
import type { HostForeignFunction } from './table.ts'

const hashes: ReadonlySet<string> = new Set(['sha1', 'sha224', 'sha256', 'sha384', 'sha512'])
/** Fuel for reading a key. */
const readingFuel = 100_000

const refused = (hash: string): string => `${hash.slice(0, 100)} is not supported.`

/** Whether it is a signature stands in the answer, and why it is none; no key, or two, are a bad argument. */
export const verifySignature: HostForeignFunction = (argument, vm) => {
  const message = new Message(argument)
  const hash = message.text(1)
  const given = { der: message.bytes(2), pem: Buffer.from(message.text(5)) }
  if (!isOne(given)) return Status.badArgument
  if (!hashes.has(hash.toLowerCase())) return encodeMessage([[2, refused(hash)]])
  vm.burn(readingFuel)
  const key = publicKey(given)
  if (key === undefined) return encodeMessage([[2, 'Failed to initialize digest verify.']])
  const text = message.bytes(4)
  vm.burn(keyFuel(key) + text.byteLength)
  const isRight = attempt(() => verifyBytes(hash, text, key, message.bytes(3))) ?? false
  return encodeMessage([[1, isRight], [2, isRight ? '' : 'Failed to verify digest. Error code: 0']])
}

export const sign: HostForeignFunction = (argument, vm) => {
  const message = new Message(argument)
  const hash = message.text(1)
  const given = { der: message.bytes(2), pem: Buffer.from(message.text(4)) }
  if (!isOne(given)) return Status.badArgument
  if (!hashes.has(hash.toLowerCase())) return encodeMessage([[3, refused(hash)]])
  vm.burn(readingFuel)
  const key = privateKey(given)
  if (key === undefined) return encodeMessage([[3, 'Invalid key type: private key required for signing operation.']])
  const text = message.bytes(3)
  vm.burn(keyFuel(key) + text.byteLength)
  const signature = attempt(() => signBytes(hash, text, key))
  return encodeMessage(signature === undefined ? [[3, 'Failed to create signature.']] : [[1, true], [2, signature]])
}

/** Undefined where OpenSSL refuses, as for a key that is too short for the digest. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
