// A map of header fields as a guest sees it: names in lower case, values of one byte per character.
import { Headers } from '@meshwright/core/thread'

/**
 * A map that a guest reads, and writes if it may. Names that it is asked for are lower case. A field that HTTP cannot carry is
 * taken as it is: the core refuses to send it, and only the exchange fails, not the guest that has copied it from somewhere.
 */
export interface FieldMap {
  /** Name, value, name, value, … in order, pseudo headers first. */
  list(): string[]
  /** How many entries `list` would have, without making it. */
  readonly size: number
  /** The first value of that name. */
  get(name: string): string | undefined
  /** Answers whether the field may have that value; so does `append`. */
  set(name: string, value: string): boolean
  append(name: string, value: string): boolean
  delete(name: string): void
  /** Replaces everything. */
  replaceAll(list: readonly string[]): void
}

/** Fields without pseudo headers: trailers. */
export class PlainFields implements FieldMap {
  protected readonly headers: Headers

  constructor(headers: Headers) {
    this.headers = headers
  }

  get size(): number {
    return this.headers.size
  }

  list(): string[] {
    return loweredList(this.headers, [])
  }

  get(name: string): string | undefined {
    return this.headers.get(name)
  }

  set(name: string, value: string): boolean {
    this.headers.set(name, value)
    return true
  }

  append(name: string, value: string): boolean {
    this.headers.append(name, value)
    return true
  }

  delete(name: string): void {
    this.headers.delete(name)
  }

  replaceAll(list: readonly string[]): void {
    this.headers.clear()
    for (let i = 0; i < list.length; i += 2) this.append((list[i] as string).toLowerCase(), list[i + 1] as string)
  }
}

/** Adds the fields to a list, names in lower case. */
export function loweredList(headers: Headers, list: string[]): string[] {
  const fields = headers.toList()
  for (let i = 0; i < fields.length; i += 2) list.push((fields[i] as string).toLowerCase(), fields[i + 1] as string)
  return list
}

/** A map that only reads: what a callout answered. */
export function fieldsOf(list: readonly string[]): FieldMap {
  return new PlainFields(new Headers([...list]))
}
