// What requests have in common that go to the same endpoint.
import { keyPart, type Exchange, type KeyPart, type KeyPartOptions, type ReadKeyPart } from '@meshwright/core'
import { fnv1a } from './hash.ts'

/** One part, or several: then requests have to be alike in all of them. `path`: as it is sent upstream, without the query. */
export type MaglevKey = readonly (KeyPart | 'path')[]

/** Hashes the first key that a request has all parts of; undefined if it has none. */
export type HashKey = (exchange: Exchange) => number | undefined

/** @throws MESH_BAD_OPTIONS for a part that is none */
export function hashKey(keys: readonly MaglevKey[], options: KeyPartOptions): HashKey {
  const readers = keys.map((key) => key.map((part) => reader(part, options)))
  return (exchange) => {
    for (const key of readers) {
      const hash = hashOf(key, exchange)
      if (hash !== undefined) return hash
    }
    return undefined
  }
}

function reader(part: KeyPart | 'path', options: KeyPartOptions): ReadKeyPart {
  return part === 'path' ? ({ request }) => request.path : keyPart(part, options)
}

function hashOf(key: readonly ReadKeyPart[], exchange: Exchange): number | undefined {
  let hash: number | undefined
  for (const read of key) {
    const value = read(exchange)
    if (value === undefined) return undefined
    // Something stands between two parts that no field can hold.
    hash = hash === undefined ? fnv1a(value) : fnv1a(value, fnv1a('\0', hash))
  }
  return hash
}
