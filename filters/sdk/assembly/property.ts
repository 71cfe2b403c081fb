// Properties: what the host knows of a request, a connection and itself, each with the type it has on the wire.
import { proxy_get_property, proxy_set_property } from './abi'
import { toBytes } from './bytes'
import { begin, drop, givenAt, givenLength, put, putAt, slot, takeBytes, takeText } from './memory'

/**
 * Paths are written with dots, `source.address`. A path with a name that has a dot in it is written with NULs between its names
 * instead: `"filter_state\0my.name"`. Attributes: https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/advanced/attributes
 */
export namespace property {
  /** Null: the host does not know it here. */
  export function text(path: string): string | null {
    return look(path) ? takeText() : null
  }

  export function bytes(path: string): Uint8Array | null {
    return look(path) ? takeBytes() : null
  }

  /** A whole number: `response.code`, `source.port`. Also what is a time or a duration, in nanoseconds. */
  export function int(path: string, otherwise: i64 = 0): i64 {
    return look(path) ? number<i64>(otherwise) : otherwise
  }

  /** A number with a fraction. */
  export function float(path: string, otherwise: f64 = 0): f64 {
    return look(path) ? number<f64>(otherwise) : otherwise
  }

  /** Yes or no: `connection.mtls`. */
  export function bool(path: string, otherwise: boolean = false): boolean {
    return look(path) ? number<u8>(otherwise ? 1 : 0) != 0 : otherwise
  }

  /** Keeps something with the stream: later filters read it under the same path. A text or bytes. */
  export function set<T>(path: string, value: T): boolean {
    begin()
    const length = putPath(path)
    const at = putAt
    const bytes = toBytes(value)
    return proxy_set_property(at, length, bytes.dataStart, bytes.length) == 0
  }
}

function look(path: string): bool {
  begin()
  const length = putPath(path)
  return proxy_get_property(putAt, length, slot, slot + 4) == 0
}

/** The wire has NULs where we write dots. */
function putPath(path: string): usize {
  const length = put(path)
  if (path.indexOf('\0') >= 0) return length
  for (let i: usize = 0; i < length; i++) {
    if (load<u8>(putAt + i) == 0x2e) store<u8>(putAt + i, 0)
  }
  return length
}

/** A value of another size is of another type. */
function number<T>(otherwise: T): T {
  const value = givenLength() == sizeof<T>() ? load<T>(givenAt()) : otherwise
  drop()
  return value
}
