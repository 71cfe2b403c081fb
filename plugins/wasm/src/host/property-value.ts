// Values of properties as a guest reads them: the bytes that Envoy would hand out for each type.
import { Buffer } from 'node:buffer'
import { encodePairs } from './pairs.ts'

/** Text of one byte per character. */
export function propertyText(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

/** A whole number, signed or not: 8 bytes, little-endian. */
export function propertyInt(value: number | bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeBigInt64LE(BigInt.asIntN(64, typeof value === 'bigint' ? value : BigInt(Math.trunc(value))))
  return bytes
}

export function propertyBool(value: boolean): Buffer {
  return Buffer.from([value ? 1 : 0])
}

/** A moment or a duration, in milliseconds: nanoseconds in 8 bytes. */
export function propertyMs(ms: number): Buffer {
  return propertyInt(BigInt(Math.round(ms * 1_000)) * 1_000n)
}

/** A map: name, value, name, value, … */
export function propertyMap(list: readonly string[]): Buffer {
  return list.length === 0 ? noEntries : encodePairs(list)
}

/** A count of nothing; a map of fields that is empty has no bytes at all. */
const noEntries = Buffer.alloc(4)
