// Values of expressions as the bytes that a guest reads: those of a property of the same type.
import { Buffer } from 'node:buffer'
import { encodePairs } from '../pairs.ts'
import { propertyBool, propertyInt } from '../property-value.ts'

/** How deep lists and maps may stand in each other. */
const maxDepth = 4

/** Undefined: it has no bytes, as nothing and types have none. */
export function toPropertyBytes(value: unknown, depth = 0): Buffer | undefined {
  switch (typeof value) {
    case 'string':
      return Buffer.from(value, 'utf8')
    case 'bigint':
      return propertyInt(value)
    case 'boolean':
      return propertyBool(value)
    case 'number':
      return double(value)
    case 'object':
      return value === null || depth === maxDepth ? undefined : objectBytes(value, depth + 1)
    default:
      return undefined
  }
}

function double(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return bytes
}

function objectBytes(value: object, depth: number): Buffer | undefined {
  if (value instanceof Uint8Array) return Buffer.from(value)
  if (value instanceof Date) return propertyInt(BigInt(value.getTime()) * 1_000_000n)
  if (Array.isArray(value)) return listBytes(value.map((one: unknown) => [one, '']), depth)
  if (value instanceof Map) return listBytes([...(value as ReadonlyMap<unknown, unknown>)], depth)
  return spanBytes(value) ?? (isPlain(value) ? listBytes(Object.entries(value), depth) : unsignedBytes(value))
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** A whole number without a sign. */
function unsignedBytes(value: object): Buffer | undefined {
  const number: unknown = 'valueOf' in value ? value.valueOf() : undefined
  return typeof number === 'bigint' ? propertyInt(number) : undefined
}

/** A duration: seconds and nanoseconds. */
function spanBytes(value: object): Buffer | undefined {
  if (!('seconds' in value && 'nanos' in value)) return undefined
  const { seconds, nanos } = value
  if (typeof seconds !== 'bigint' || (typeof nanos !== 'number' && typeof nanos !== 'bigint')) return undefined
  return propertyInt(seconds * 1_000_000_000n + BigInt(nanos))
}

function listBytes(entries: readonly (readonly [unknown, unknown])[], depth: number): Buffer | undefined {
  const list: string[] = []
  for (const entry of entries) {
    for (const one of entry) {
      const bytes = toPropertyBytes(one, depth)
      if (bytes === undefined) return undefined
      list.push(bytes.toString('latin1'))
    }
  }
  return list.length === 0 ? Buffer.alloc(4) : encodePairs(list)
}
