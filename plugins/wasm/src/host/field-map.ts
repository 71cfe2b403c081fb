// A map of header fields as a guest sees it: pseudo headers first, names in lower case, values of one byte per character.
import { Headers } from '@meshwright/core'

/** A map that a guest reads, and writes if it may. Names are lower case. */
export interface FieldMap {
  /** Name, value, name, value, … in order, pseudo headers first. */
  list(): readonly string[]
  /** How many entries `list` would have, without making it. */
  readonly size: number
  /** The first value of that name. */
  get(name: string): string | undefined
  /** Answers whether the field may have that value. */
  set(name: string, value: string): boolean
  append(name: string, value: string): boolean
  delete(name: string): void
  /** Replaces everything. */
  replaceAll(list: readonly string[]): void
}

/** A field that stands in front of the others and is kept elsewhere. */
export interface PseudoField {
  readonly name: string
  get(): string | undefined
  /** Answers whether it may have that value. Absent: it cannot be changed. */
  set?(value: string): boolean
  /** Absent: it cannot be removed. */
  delete?(): void
}

const token = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
const badValue = /[\0\r\n]/

/** Fields of a message, with pseudo fields in front. */
export class MessageFields implements FieldMap {
  readonly #headers: Headers
  readonly #pseudo: readonly PseudoField[]

  constructor(headers: Headers, pseudo: readonly PseudoField[] = []) {
    this.#headers = headers
    this.#pseudo = pseudo
  }

  get size(): number {
    let count = this.#headers.size
    for (const field of this.#pseudo) if (field.get() !== undefined) count++
    return count
  }

  list(): string[] {
    const list: string[] = []
    for (const field of this.#pseudo) {
      const value = field.get()
      if (value !== undefined) list.push(field.name, value)
    }
    const fields = this.#headers.toList()
    for (let i = 0; i < fields.length; i += 2) list.push((fields[i] as string).toLowerCase(), fields[i + 1] as string)
    return list
  }

  get(name: string): string | undefined {
    const pseudo = this.#find(name)
    return pseudo === undefined ? this.#headers.get(name) : pseudo.get()
  }

  set(name: string, value: string): boolean {
    const pseudo = this.#find(name)
    if (pseudo !== undefined) return pseudo.set?.(value) ?? false
    if (!token.test(name) || badValue.test(value)) return false
    this.#headers.set(name, value)
    return true
  }

  append(name: string, value: string): boolean {
    if (this.#find(name) !== undefined) return this.set(name, value)
    if (!token.test(name) || badValue.test(value)) return false
    this.#headers.append(name, value)
    return true
  }

  delete(name: string): void {
    const pseudo = this.#find(name)
    if (pseudo === undefined) this.#headers.delete(name)
    else pseudo.delete?.()
  }

  replaceAll(list: readonly string[]): void {
    const names = this.#headers.toList().filter((_text, at) => at % 2 === 0)
    for (const name of names) this.#headers.delete(name)
    for (let i = 0; i < list.length; i += 2) this.append((list[i] as string).toLowerCase(), list[i + 1] as string)
  }

  #find(name: string): PseudoField | undefined {
    // hot: nearly every name begins with a letter; `content-length` and pseudo fields are few
    for (const field of this.#pseudo) if (field.name === name) return field
    return undefined
  }
}

/** A map that only reads: what a callout answered. */
export function fieldsOf(list: readonly string[]): FieldMap {
  return new MessageFields(new Headers([...list]))
}
