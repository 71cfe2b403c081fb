// The key of a request: a hash of what tells clients apart.
import { KeyHash, keyPart, type Exchange, type KeyPart, type ReadKeyPart } from '@meshwright/core'

/** What becomes of a request that lacks a part of the key. */
export type Missing = 'address' | 'share' | 'pass'

export interface KeyOptions {
  readonly parts: readonly KeyPart[]
  readonly missing: Missing
  readonly ipv6Prefix: number
}

/** Stands for a part that is missing; no text hashes to such words. */
const missingWord = 2 ** 31 - 1

/** A header may have 64 KB: what is hashed of it is bounded. */
const maxHashed = 1024

export class Key {
  readonly hash: KeyHash
  readonly #readers: readonly ReadKeyPart[]
  readonly #missing: Missing
  readonly #address: ReadKeyPart

  /** @param secret 64 bits, the same for all that share the budgets */
  constructor({ parts, missing, ipv6Prefix }: KeyOptions, [k0, k1]: readonly [number, number]) {
    this.hash = new KeyHash(k0, k1)
    this.#readers = parts.map((part) => keyPart(part, { ipv6Prefix }))
    this.#address = keyPart('address', { ipv6Prefix })
    this.#missing = missing
  }

  /** Leaves the key in `hash`. False: the request is not to be counted. */
  read(exchange: Exchange): boolean {
    const { hash } = this
    hash.start()
    for (let i = 0; i < this.#readers.length; i++) {
      const value = (this.#readers[i] as ReadKeyPart)(exchange)
      if (value !== undefined) {
        hash.text(value, maxHashed)
        continue
      }
      if (this.#missing === 'pass') return false
      this.#withoutPart(exchange)
    }
    hash.finish()
    return true
  }

  /** Who leaves out what would tell them apart shares a budget with those at the same address, or with all who do. */
  #withoutPart(exchange: Exchange): void {
    this.hash.word(missingWord)
    if (this.#missing === 'address') this.hash.text(this.#address(exchange) ?? '', maxHashed)
  }
}
