// Finds the longest of many path prefixes that covers a path, in one pass and without making strings.

/** What is stored under one prefix. */
export interface PrefixNode<V> {
  readonly prefix: string
  readonly value: V
  /** The next shorter stored prefix that covers this one. */
  readonly parent: PrefixNode<V> | undefined
}

interface Slot<V> {
  readonly node: PrefixNode<V>
  readonly next: Slot<V> | undefined
}

const slash = 0x2f
// Non-negative and within 30 bits: a small integer, which a Map finds without boxing.
const mask = 0x3fffffff

/**
 * An index of prefixes by path element: `/a` covers `/a`, `/a/` and `/a/b`, not `/ab`; the empty prefix covers everything.
 * Lookup hashes the path from the left, asks a table at each element's end and compares on a hit,
 * so its cost is the length of the longest stored prefix, however long or deep the path is.
 */
export class PrefixIndex<V> {
  readonly #slots = new Map<number, Slot<V>>()
  #root: PrefixNode<V> | undefined
  #longest = 0

  /** @param values by prefix without a trailing slash */
  constructor(values: ReadonlyMap<string, V>) {
    // Shorter ones first, so that each finds its parent.
    for (const prefix of [...values.keys()].toSorted((a, b) => a.length - b.length)) this.#insert(prefix, values.get(prefix) as V)
  }

  /** The longest prefix that covers the path; shorter ones follow by `parent`. */
  find(path: string): PrefixNode<V> | undefined {
    let found = this.#root
    let hash = 0
    const end = Math.min(path.length, this.#longest)
    for (let i = 0; i < end; i++) {
      const code = path.charCodeAt(i)
      if (code === slash && i > 0) found = this.#at(hash, path, i) ?? found
      hash = (Math.imul(hash, 31) + code) & mask
    }
    if (end > 0 && (end === path.length || path.charCodeAt(end) === slash)) found = this.#at(hash, path, end) ?? found
    return found
  }

  #at(hash: number, path: string, length: number): PrefixNode<V> | undefined {
    for (let slot = this.#slots.get(hash); slot !== undefined; slot = slot.next) {
      const { prefix } = slot.node
      if (prefix.length === length && path.startsWith(prefix)) return slot.node
    }
    return undefined
  }

  #insert(prefix: string, value: V): void {
    const node: PrefixNode<V> = { prefix, value, parent: this.find(prefix) }
    if (prefix === '') {
      this.#root = node
      return
    }
    const hash = hashOf(prefix)
    this.#slots.set(hash, { node, next: this.#slots.get(hash) })
    this.#longest = Math.max(this.#longest, prefix.length)
  }
}

function hashOf(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) & mask
  return hash
}
