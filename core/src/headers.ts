// Header fields as they stand on the wire: a flat list in order, looked up without regard to case.

/** The lower-case form of a field name. */
export function lowerName(name: string): string {
  // hot: a table of known names takes 43 ns for the new strings that come from the wire, this 25; for known ones both 15 (bench headers)
  return name.toLowerCase()
}

/**
 * The fields of a message in wire order. Repeated names stay apart (`Set-Cookie` is never joined) and keep the case
 * they arrived with; every lookup ignores case. Not safe to change after the message's head has been sent.
 */
export class Headers implements Iterable<[string, string]> {
  readonly #list: string[]

  /** @param list name, value, name, value, … — owned by this object from now on */
  constructor(list: string[] = []) {
    this.#list = list
  }

  /** From an object or pairs; a value that is a list becomes one field per element. */
  static from(source: Iterable<readonly [string, string]> | Readonly<Record<string, string | readonly string[]>>): Headers {
    const headers = new Headers()
    const pairs = Symbol.iterator in source ? source : Object.entries(source)
    for (const [name, value] of pairs) {
      if (typeof value === 'string') headers.append(name, value)
      else for (const one of value) headers.append(name, one)
    }
    return headers
  }

  /** How many fields there are. */
  get size(): number {
    return this.#list.length / 2
  }

  /** The first value of a name, or undefined. */
  get(name: string): string | undefined {
    const at = this.#find(name, 0)
    return at < 0 ? undefined : this.#list[at + 1]
  }

  /** Every value of a name, in wire order. */
  getAll(name: string): string[] {
    const values: string[] = []
    for (let at = this.#find(name, 0); at >= 0; at = this.#find(name, at + 2)) values.push(this.#list[at + 1] as string)
    return values
  }

  has(name: string): boolean {
    return this.#find(name, 0) >= 0
  }

  /** Replaces every field of that name by one, at the place of the first; appends it if there was none. */
  set(name: string, value: string): void {
    const at = this.#find(name, 0)
    if (at < 0) {
      this.#list.push(name, value)
      return
    }
    this.#list[at + 1] = value
    const next = this.#find(name, at + 2)
    if (next >= 0) this.#removeFrom(next, name)
  }

  /** Adds a field at the end, whether or not the name exists. */
  append(name: string, value: string): void {
    this.#list.push(name, value)
  }

  /** Removes every field of that name; tells whether there was one. */
  delete(name: string): boolean {
    const at = this.#find(name, 0)
    if (at < 0) return false
    this.#removeFrom(at, name)
    return true
  }

  /** Removes every field. */
  clear(): void {
    this.#list.length = 0
  }

  /** Name, value, name, value, … The live list: read it, do not keep it. */
  toList(): readonly string[] {
    return this.#list
  }

  clone(): Headers {
    return new Headers(this.#list.slice())
  }

  *[Symbol.iterator](): Iterator<[string, string]> {
    for (let i = 0; i < this.#list.length; i += 2) yield [this.#list[i] as string, this.#list[i + 1] as string]
  }

  #find(name: string, from: number): number {
    const list = this.#list
    const length = name.length
    let lower: string | undefined
    for (let i = from; i < list.length; i += 2) {
      const candidate = list[i] as string
      // hot: the length rules most fields out before any character is compared (bench headers)
      if (candidate.length !== length) continue
      if (candidate === name) return i
      // hot: most names are asked for in lower case as they are
      const lowered = lowerName(candidate)
      if (lowered === name) return i
      lower ??= lowerName(name)
      if (lowered === lower) return i
    }
    return -1
  }

  /** Removes the field at this place and those of its name behind it: each of the others moves once, however many go. */
  #removeFrom(at: number, name: string): void {
    const list = this.#list
    let to = at
    // hot: `splice` makes a list of what it takes out (bench headers)
    for (let gone = at; gone < list.length; ) {
      const following = this.#find(name, gone + 2)
      const end = following < 0 ? list.length : following
      for (let i = gone + 2; i < end; i++) list[to++] = list[i] as string
      gone = end
    }
    while (list.length > to) list.pop()
  }
}
