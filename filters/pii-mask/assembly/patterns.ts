// E-mail addresses and tokens, as they begin and how far they go.

const maxLocal = 64
const maxDomain = 255
/** Shorter ones are words. The prefix does not count. */
const minToken = 16

/** What is known of a byte by itself, in bits. */
export namespace Kind {
  /** An address, a card or a token may begin with it. */
  export const Begins: u8 = 1
  /** A token may. */
  export const Token: u8 = 2
  /** A letter or a digit: behind it nothing begins. */
  export const Word: u8 = 4
  /** It tells texts of JSON from the rest. */
  export const Json: u8 = 8
  /** It may be in the first part of an address, and in the second. */
  export const Local: u8 = 16
  export const Label: u8 = 32
  /** From `Word` to `Begins`. */
  export const wordShift: u8 = 2
}

/** The kinds of all bytes. */
export function kindsOf(emails: bool, cards: bool, prefixes: string[], json: bool): Uint8Array {
  const table = new Uint8Array(256)
  for (let i = 0; i < 256; i++) {
    const byte = <u8>i
    if ((emails && isLocalByte(byte)) || (cards && byte >= 0x32 && byte <= 0x39)) table[i] |= Kind.Begins
    if (isLetterOrDigit(byte)) table[i] |= Kind.Word
    if (isLocalByte(byte)) table[i] |= Kind.Local
    if (isLabelByte(byte)) table[i] |= Kind.Label
  }
  for (let i = 0; i < prefixes.length; i++) table[prefixes[i].charCodeAt(0) & 0xff] |= Kind.Begins | Kind.Token
  if (json) {
    table[0x22] |= Kind.Json
    table[0x5c] |= Kind.Json
  }
  return table
}

/** The bytes of the address that begins at `start`, also with `%40` for its sign; 0: none does. @param kinds address of their table */
export function emailLength(data: Uint8Array, start: i32, kinds: usize): i32 {
  const at = data.dataStart
  const last = min(data.length, start + maxLocal + 1)
  let i = start
  while (i < last && load<u8>(kinds + load<u8>(at + i)) & Kind.Local) i++
  // A percent sign may be of the first part, or begin the sign between the parts.
  const local = encodedIn(data, start, i)
  if (local == start || local - start > maxLocal || local >= data.length) return 0
  if (local == i && load<u8>(at + i) != 0x40) return 0
  const from = local == i ? i + 1 : local + 3
  const domain = domainLength(data, from, kinds)
  return domain == 0 ? 0 : from + domain - start
}

/** Where `%40` is; `end`: nowhere. */
function encodedIn(data: Uint8Array, start: i32, end: i32): i32 {
  const at = data.dataStart
  for (let i = start; i < end; i++) {
    if (load<u8>(at + i) == 0x25 && i + 2 < data.length && load<u8>(at + i + 1) == 0x34 && load<u8>(at + i + 2) == 0x30) return i
  }
  return end
}

/** Labels with dots between them, of which the last has two letters or more. */
function domainLength(data: Uint8Array, start: i32, kinds: usize): i32 {
  const at = data.dataStart
  const last = min(data.length, start + maxDomain)
  let end = 0
  let i = start
  while (true) {
    const label = i
    while (i < last && load<u8>(kinds + load<u8>(at + i)) & Kind.Label) i++
    if (i == label) break
    if (label > start && isTop(data, label, i)) end = i
    if (i >= last || load<u8>(at + i) != 0x2e) break
    i++
  }
  return end == 0 ? 0 : end - start
}

function isTop(data: Uint8Array, from: i32, to: i32): bool {
  if (to - from < 2) return false
  const letter = unchecked(data[from]) | 0x20
  return letter >= 0x61 && letter <= 0x7a
}

/** The bytes of the token that begins at `i`: one behind `Bearer`, a JWT, or one with a prefix that is known; 0: none does. */
export function tokenLength(data: Uint8Array, start: i32, prefixes: string[]): i32 {
  const first = unchecked(data[start])
  for (let i = 0; i < prefixes.length; i++) {
    const prefix = unchecked(prefixes[i])
    if (load<u16>(changetype<usize>(prefix)) == first && startsWith(data, start, prefix)) {
      const length = atLeast(data, start, start + prefix.length)
      if (length > 0) return length
    }
  }
  return 0
}

/** Where the sign of an address is, `@` or `%40`, at `start` or behind; the length: nowhere. */
export function signAt(data: Uint8Array, start: i32): i32 {
  const at = data.dataStart
  let i = start
  for (; i < data.length; i++) {
    const byte = load<u8>(at + i)
    if (byte == 0x40 || byte == 0x25) break
  }
  return i
}

function atLeast(data: Uint8Array, start: i32, from: i32): i32 {
  let i = from
  while (i < data.length && isTokenByte(unchecked(data[i]))) i++
  return i - from >= minToken ? i - start : 0
}

function startsWith(data: Uint8Array, at: i32, text: string): bool {
  if (at + text.length > data.length) return false
  for (let i = 0; i < text.length; i++) {
    if (unchecked(data[at + i]) != text.charCodeAt(i)) return false
  }
  return true
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
