// Text or bytes: functions that take a body or a value take either.

/** The bytes of a text or of bytes. */
export function toBytes<T>(content: T): Uint8Array {
  if (isString<T>()) return Uint8Array.wrap(String.UTF8.encode(changetype<string>(content)))
  return changetype<Uint8Array>(content)
}

/** The text of bytes that are UTF-8. */
export function toText(bytes: Uint8Array): string {
  return String.UTF8.decodeUnsafe(bytes.dataStart, bytes.length)
}

/**
 * Whether two texts are equal, in a time that says nothing of where they differ. It does say whether their lengths differ.
 */
export function equalInConstantTime(a: string, b: string): bool {
  if (a.length != b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference == 0
}

/** Whether two texts are equal but for the case of ASCII letters, as names of header fields are. */
export function equalIgnoringCase(a: string, b: string): bool {
  if (a.length != b.length) return false
  for (let i = 0; i < a.length; i++) {
    if (lower(a.charCodeAt(i)) != lower(b.charCodeAt(i))) return false
  }
  return true
}

/** The text with ASCII letters in lower case; `toLowerCase` would bring tables of 8 KB. */
export function toLower(text: string): string {
  let i = 0
  while (i < text.length && lower(text.charCodeAt(i)) == text.charCodeAt(i)) i++
  if (i == text.length) return text
  const out = changetype<string>(__new(<usize>text.length << 1, idof<string>()))
  for (let j = 0; j < text.length; j++) store<u16>(changetype<usize>(out) + (<usize>j << 1), <u16>lower(text.charCodeAt(j)))
  return out
}

// @ts-ignore: decorator
@inline
function lower(unit: i32): i32 {
  return <u32>(unit - 0x41) < 26 ? unit + 32 : unit
}
