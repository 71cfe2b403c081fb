// A body, or the part of it that the host holds: read whole or in pieces, replaced, or with something before or behind it.
import { proxy_get_buffer_bytes, proxy_get_buffer_status, proxy_set_buffer_bytes } from './abi'
import { toBytes } from './bytes'
import { BufferType } from './enums'
import { begin, slot, takeBytes, takeText } from './memory'

export class Body {
  constructor(private type: BufferType) {}

  /** Bytes that are there now. */
  get size(): u32 {
    begin()
    return proxy_get_buffer_status(this.type, slot, slot + 4) == 0 ? load<u32>(slot) : 0
  }

  /** A copy of the bytes from `start` on, `most` of them at most. Empty: there are none. */
  bytes(start: u32 = 0, most: u32 = u32.MAX_VALUE): Uint8Array {
    begin()
    return proxy_get_buffer_bytes(this.type, start, most, slot, slot + 4) == 0 ? takeBytes() : new Uint8Array(0)
  }

  /** The whole as a text. Bytes that are not UTF-8 are lost: what is to be sent on unchanged in part should be `bytes()`. */
  text(): string {
    begin()
    return proxy_get_buffer_bytes(this.type, 0, u32.MAX_VALUE, slot, slot + 4) == 0 ? takeText() : ''
  }

  /** Puts a text or bytes in place of what is there. @returns whether the host has taken it */
  replace<T>(content: T): bool {
    return this.write(0, u32.MAX_VALUE, toBytes(content))
  }

  /** Adds a text or bytes behind what is there. */
  append<T>(content: T): bool {
    return this.write(u32.MAX_VALUE, 0, toBytes(content))
  }

  /** Adds a text or bytes before what is there. */
  prepend<T>(content: T): bool {
    return this.write(0, 0, toBytes(content))
  }

  protected write(start: u32, length: u32, bytes: Uint8Array): bool {
    return proxy_set_buffer_bytes(this.type, start, length, bytes.dataStart, bytes.length) == 0
  }
}
