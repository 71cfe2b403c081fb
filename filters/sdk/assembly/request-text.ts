// Cookies and query parameters, out of the texts they stand in.

/** The value of a cookie in a `cookie` field; null if it has none of the name. */
export function cookieIn(field: string, name: string): string | null {
  let at = 0
  while (at < field.length) {
    let end = field.indexOf(';', at)
    if (end < 0) end = field.length
    while (at < end && field.charCodeAt(at) == 0x20) at++
    const equals = field.indexOf('=', at)
    if (equals >= 0 && equals < end && equals - at == name.length && field.substring(at, equals) == name) return field.substring(equals + 1, end)
    at = end + 1
  }
  return null
}

/** The decoded value of a parameter in a path with a query; null if there is none of the name. */
export function queryIn(path: string, name: string): string | null {
  let at = path.indexOf('?') + 1
  if (at == 0) return null
  while (at <= path.length) {
    let end = path.indexOf('&', at)
    if (end < 0) end = path.length
    const equals = path.indexOf('=', at)
    const nameEnd = equals < 0 || equals > end ? end : equals
    if (nameEnd > at && decodePart(path.substring(at, nameEnd)) == name) return nameEnd == end ? '' : decodePart(path.substring(nameEnd + 1, end))
    at = end + 1
  }
  return null
}

/** Percent signs undone, and pluses as in a query; a percent sign without two digits behind it is itself. */
function decodePart(text: string): string {
  return decodePercent(text, true)
}

/** Percent signs undone. @param plus a plus is a blank, as in queries */
export function decodePercent(text: string, plus: bool = false): string {
  if (text.indexOf('%') < 0 && !(plus && text.indexOf('+') >= 0)) return text
  const bytes = Uint8Array.wrap(String.UTF8.encode(text))
  let length = 0
  for (let i = 0; i < bytes.length; i++, length++) {
    let byte = bytes[i]
    if (plus && byte == 0x2b) byte = 0x20
    else if (byte == 0x25 && i + 2 < bytes.length && hex(bytes[i + 1]) >= 0 && hex(bytes[i + 2]) >= 0) {
      byte = <u8>((hex(bytes[i + 1]) << 4) | hex(bytes[i + 2]))
      i += 2
    }
    bytes[length] = byte
  }
  return String.UTF8.decodeUnsafe(bytes.dataStart, length)
}

/** The value of a hexadecimal digit; -1 if it is none. */
export function hex(byte: u8): i32 {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
