// Header fields of a message, read and changed in the host; nothing is copied until it is asked for.
import { proxy_add_header_map_value, proxy_get_header_map_pairs, proxy_get_header_map_value, proxy_remove_header_map_value, proxy_replace_header_map_value } from './abi'
import { equalIgnoringCase, toBytes } from './bytes'
import { MapType } from './enums'
import { begin, drop, givenAt, givenLength, put, putAt, slot, takeBytes, takeText } from './memory'
import { decodePairs, Field } from './pairs'

/**
 * Names are told apart without regard to case; the host keeps them in lower case. Changes are answered with whether the host
 * took them: it does not once the headers have gone on.
 */
export class Headers {
  constructor(private type: MapType) {}

  /** The value of a field; the first one if there are several. Null: there is none. */
  get(name: string): string | null {
    return this.look(name) ? takeText() : null
  }

  /** The same as it came on the wire, for values that may not be UTF-8. */
  getBytes(name: string): Uint8Array | null {
    return this.look(name) ? takeBytes() : null
  }

  /** All values of a name, in order. */
  getAll(name: string): string[] {
    const values: string[] = []
    const fields = this.entries()
    for (let i = 0; i < fields.length; i++) {
      if (equalIgnoringCase(fields[i].name, name)) values.push(fields[i].value)
    }
    return values
  }

  has(name: string): bool {
    if (!this.look(name)) return false
    drop()
    return true
  }

  /** One field with this value, in place of all that have the name. A text or bytes. */
  set<T>(name: string, value: T): bool {
    begin()
    const length = put(name)
    const at = putAt
    if (isString<T>()) {
      const valueLength = put(changetype<string>(value))
      return proxy_replace_header_map_value(this.type, at, length, putAt, valueLength) == 0
    }
    const bytes = toBytes(value)
    return proxy_replace_header_map_value(this.type, at, length, bytes.dataStart, bytes.length) == 0
  }

  /** One more field. A text or bytes. */
  append<T>(name: string, value: T): bool {
    begin()
    const length = put(name)
    const at = putAt
    if (isString<T>()) {
      const valueLength = put(changetype<string>(value))
      return proxy_add_header_map_value(this.type, at, length, putAt, valueLength) == 0
    }
    const bytes = toBytes(value)
    return proxy_add_header_map_value(this.type, at, length, bytes.dataStart, bytes.length) == 0
  }

  /** Removes all fields of the name. True also if there was none. */
  delete(name: string): bool {
    begin()
    const length = put(name)
    return proxy_remove_header_map_value(this.type, putAt, length) == 0
  }

  /** All fields in their order, those that begin with a colon too: `for (let i = 0; i < all.length; i++) all[i].name`. */
  entries(): Field[] {
    begin()
    if (proxy_get_header_map_pairs(this.type, slot, slot + 4) != 0) return []
    const fields = decodePairs(givenAt(), givenLength())
    drop()
    return fields
  }

  private look(name: string): bool {
    begin()
    const length = put(name)
    return proxy_get_header_map_value(this.type, putAt, length, slot, slot + 4) == 0
  }
}
