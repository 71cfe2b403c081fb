// What the host knows and can do beside messages: the time, chance, functions of its own.
import { proxy_call_foreign_function, proxy_get_current_time_nanoseconds, random_get } from './abi'
import { toBytes } from './bytes'
import { begin, put, putAt, slot, takeBytes } from './memory'

/** Nanoseconds since 1970. */
export function now(): u64 {
  begin()
  return proxy_get_current_time_nanoseconds(slot) == 0 ? load<u64>(slot) : 0
}

/** Milliseconds since 1970. */
export function nowMs(): i64 {
  return <i64>(now() / 1_000_000)
}

/** A number that nobody can foretell. */
export function random(): u64 {
  begin()
  random_get(slot, 8)
  return load<u64>(slot)
}

/** The compiler's own use of chance, such as `Math.random`, begins with this. */
export function seed(): f64 {
  return reinterpret<f64>(random())
}

/** Calls a function of the host by name, with a text or bytes. Null: the host has none of the name, or it failed. */
export function foreign<T>(name: string, argument: T): Uint8Array | null {
  const bytes = toBytes(argument)
  begin()
  const length = put(name)
  return proxy_call_foreign_function(putAt, length, bytes.dataStart, bytes.length, slot, slot + 4) == 0 ? takeBytes() : null
}
