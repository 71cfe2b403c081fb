// Base64 (RFC 4648), of both alphabets, read.

/** Bytes of a text in base64 or base64url, with padding or without. Null: it is something else. */
export function fromBase64(text: string): Uint8Array | null {
  let length = text.length
  while (length > 0 && text.length - length < 2 && text.charCodeAt(length - 1) == 0x3d) length--
  const rest = length & 3
  if (rest == 1) return null
  const bytes = new Uint8Array((length >> 2) * 3 + (rest == 0 ? 0 : rest - 1))
  let bits: u32 = 0
  let held = 0
  let at = 0
  for (let i = 0; i < length; i++) {
    const value = valueOf(text.charCodeAt(i))
    if (value < 0) return null
    bits = (bits << 6) | value
    held += 6
    if (held < 8) continue
    held -= 8
    bytes[at++] = <u8>(bits >> held)
  }
  // Bits that are left over must be zero, or the same bytes would have several texts.
  return bits & ((1 << held) - 1) ? null : bytes
}

function valueOf(unit: i32): i32 {
  if (unit >= 0x41 && unit <= 0x5a) return unit - 0x41
  if (unit >= 0x61 && unit <= 0x7a) return unit - 0x61 + 26
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30 + 52
  if (unit == 0x2b || unit == 0x2d) return 62
  return unit == 0x2f || unit == 0x5f ? 63 : -1
}
