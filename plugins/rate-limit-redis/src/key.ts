// The key of a request as Redis knows it: a hash of what tells clients apart, so that nobody's address or token stands there.
import { hash } from 'node:crypto'
import { keyPart, type Exchange, type KeyPart, type ReadKeyPart } from '@meshwright/core'

/** What becomes of a request that lacks a part of the key. */
export type Missing = 'address' | 'share' | 'pass'

export interface KeyOptions {
  readonly key: readonly KeyPart[]
  readonly missing: Missing
  readonly ipv6Prefix: number
}

/** A header may have 64 KB, and what is remembered of a key is bounded. */
const maxLength = 256

export class Key {
  readonly #readers: readonly ReadKeyPart[]
  readonly #missing: Missing
  readonly #address: ReadKeyPart

  constructor({ key, missing, ipv6Prefix }: KeyOptions) {
    this.#readers = key.map((part) => keyPart(part, { ipv6Prefix }))
    this.#address = keyPart('address', { ipv6Prefix })
    this.#missing = missing
  }

  /** The parts in one text, none of which can be taken for another. Undefined: the request is not to be counted. */
  read(exchange: Exchange): string | undefined {
    let text = ''
    for (const read of this.#readers) {
      const value = read(exchange)
      if (value !== undefined) text += `${value.length}:${value}`
      else if (this.#missing === 'pass') return undefined
      else text += this.#missing === 'share' ? '-' : `-${this.#address(exchange) ?? ''}-`
    }
    return text.length <= maxLength ? text : toRedisKey(text)
  }
}

/** 128 bits: no two keys meet by chance. */
export function toRedisKey(key: string): string {
  return hash('sha256', key, 'base64url').slice(0, 22)
}
