// E-mail addresses and tokens, as they begin and how far they go.

const maxLocal = 64
const maxDomain = 255
/** Shorter ones are words. */
const minToken = 16

/** The bytes of the address that begins at `i`, also with `%40` for its sign; 0: none does. */
export function emailLength(data: Uint8Array, start: i32): i32 {
  let i = start
  while (i < data.length && i - start <= maxLocal && isLocalByte(data[i]) && !isEncodedAt(data, i)) i++
  if (i == start || i - start > maxLocal || i >= data.length) return 0
  if (data[i] == 0x40) i++
  else if (isEncodedAt(data, i)) i += 3
  else return 0
  const domain = domainLength(data, i)
  return domain == 0 ? 0 : i + domain - start
}

/** Labels with dots between them, of which the last has two letters or more. */
function domainLength(data: Uint8Array, start: i32): i32 {
  let end = 0
  let label = start
  let i = start
  for (; i <= data.length && i - start <= maxDomain; i++) {
    if (i < data.length && isLabelByte(data[i])) continue
    if (i == label) break
    if (label > start && isTop(data, label, i)) end = i
    if (i >= data.length || data[i] != 0x2e) break
    label = i + 1
  }
  return end == 0 ? 0 : end - start
}

function isTop(data: Uint8Array, from: i32, to: i32): bool {
  if (to - from < 2) return false
  const letter = data[from] | 0x20
  return letter >= 0x61 && letter <= 0x7a
}

/** The bytes of the token that begins at `i`: one behind `Bearer`, a JWT, or one with a prefix that is known; 0: none does. */
export function tokenLength(data: Uint8Array, start: i32, prefixes: string[]): i32 {
  if (startsWith(data, start, 'Bearer ') || startsWith(data, start, 'bearer ')) return atLeast(data, start, start + 7)
  if (startsWith(data, start, 'eyJ')) return atLeast(data, start, start + 3)
  for (let i = 0; i < prefixes.length; i++) {
    if (startsWith(data, start, prefixes[i])) {
      const length = atLeast(data, start, start + prefixes[i].length)
      if (length > 0) return length
    }
  }
  return 0
}

function atLeast(data: Uint8Array, start: i32, from: i32): i32 {
  let i = from
  while (i < data.length && isTokenByte(data[i])) i++
  return i - from >= minToken ? i - start : 0
}

function startsWith(data: Uint8Array, at: i32, text: string): bool {
  if (at + text.length > data.length) return false
  for (let i = 0; i < text.length; i++) {
    if (data[at + i] != text.charCodeAt(i)) return false
  }
  return true
}

function isEncodedAt(data: Uint8Array, i: i32): bool {
  return i + 2 < data.length && data[i] == 0x25 && data[i + 1] == 0x34 && data[i + 2] == 0x30
}

function isLabelByte(byte: u8): bool {
  return isLetterOrDigit(byte) || byte == 0x2d
}

function isLocalByte(byte: u8): bool {
  // ._%+- and those of RFC 5322 that are in use.
  return isLetterOrDigit(byte) || byte == 0x2e || byte == 0x5f || byte == 0x25 || byte == 0x2b || byte == 0x2d || byte == 0x27
}

function isLetterOrDigit(byte: u8): bool {
  const letter = byte | 0x20
  return (byte >= 0x30 && byte <= 0x39) || (letter >= 0x61 && letter <= 0x7a)
}

/** RFC 6750's b64token: letters, digits, -._~+/=. */
export function isTokenByte(byte: u8): bool {
  return isLetterOrDigit(byte) || byte == 0x2d || byte == 0x2e || byte == 0x5f || byte == 0x7e || byte == 0x2b || byte == 0x2f || byte == 0x3d
}
