// Values by the number that something under way is known by, most of which are gone again soon.

const firstSlots = 16
/** The id of a slot that nobody has. */
const nobody = -1

/**
 * Like a Map from whole numbers, for entries that come and go with requests: open addressing with linear probing, and
 * deletion by moving back what follows (Knuth, The Art of Computer Programming vol. 3, 6.4, algorithm R).
 *
 * hot: a Map to which things are added and deleted moves to a new table again and again, and V8 has each old one point to the
 * next. Once one of them has grown old, all later ones survive every young collection, with all that they ever held, until
 * there is a full one: 10 ms per collection instead of 1, and 30 µs more for a request (bench wasm).
 */
export class IdTable<V> {
  #ids: number[] = freeSlots(firstSlots)
  #values: (V | undefined)[] = emptySlots(firstSlots)
  #bits = Math.log2(firstSlots)
  #size = 0

  get size(): number {
    return this.#size
  }

  get(id: number): V | undefined {
    return this.#values[this.#slotOf(id)]
  }

  has(id: number): boolean {
    return this.#ids[this.#slotOf(id)] === id
  }

  set(id: number, value: V): void {
    const at = this.#slotOf(id)
    this.#values[at] = value
    if (this.#ids[at] === id) return
    this.#ids[at] = id
    if (++this.#size * 2 > this.#ids.length) this.#grow()
  }

  delete(id: number): boolean {
    const ids = this.#ids
    const last = ids.length - 1
    let free = this.#slotOf(id)
    if (ids[free] !== id) return false
    this.#size--
    // What stands behind it may stand there because this was taken: it moves up unless it would pass its own place.
    for (let at = (free + 1) & last; ids[at] !== nobody; at = (at + 1) & last) {
      if (((at - this.#home(ids[at] as number)) & last) < ((at - free) & last)) continue
      ids[free] = ids[at] as number
      this.#values[free] = this.#values[at]
      free = at
    }
    ids[free] = nobody
    this.#values[free] = undefined
    return true
  }

  clear(): void {
    this.#ids = freeSlots(firstSlots)
    this.#values = emptySlots(firstSlots)
    this.#bits = Math.log2(firstSlots)
    this.#size = 0
  }

  /** What is there now: it may change meanwhile. */
  values(): V[] {
    return this.#values.filter((_value, at) => this.#ids[at] !== nobody) as V[]
  }

  /** Where it is, or would be. */
  #slotOf(id: number): number {
    const ids = this.#ids
    let at = this.#home(id)
    while (ids[at] !== nobody && ids[at] !== id) at = (at + 1) & (ids.length - 1)
    return at
  }

  /** Numbers that follow each other are strewn about, so that none of them has long runs to pass (op. cit., 6.4, Fibonacci hashing). */
  #home(id: number): number {
    return Math.imul(id, 0x9e37_79b1) >>> (32 - this.#bits)
  }

  #grow(): void {
    const [ids, values] = [this.#ids, this.#values]
    this.#ids = freeSlots(ids.length * 2)
    this.#values = emptySlots(ids.length * 2)
    this.#bits++
    this.#size = 0
    for (const [at, id] of ids.entries()) if (id !== nobody) this.set(id, values[at] as V)
  }
}

function freeSlots(count: number): number[] {
  return Array.from({ length: count }, () => nobody)
}

function emptySlots(count: number): undefined[] {
  return Array.from({ length: count }, () => undefined)
}
