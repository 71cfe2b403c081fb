// What may stand in a header field (RFC 9110 §5.1, §5.5).
import { toLower } from './bytes'

/** Whether it can be the name of a field that a filter may change: a token, and none that says where a message ends. */
export function fieldName(name: string): bool {
  if (name.length == 0 || name.length > 256) return false
  for (let i = 0; i < name.length; i++) {
    if (!isToken(name.charCodeAt(i))) return false
  }
  return !framing(name)
}

function framing(name: string): bool {
  const lower = toLower(name)
  return lower == 'content-length' || lower == 'transfer-encoding' || lower == 'connection' || lower == 'host' || lower == 'upgrade' || lower == 'te' || lower == 'trailer' || lower == 'keep-alive'
}

function isToken(unit: i32): bool {
  if ((unit >= 0x30 && unit <= 0x39) || ((unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a)) return true
  // !#$%&'*+-.^_`|~
  switch (unit) {
    case 0x21:
    case 0x23:
    case 0x24:
    case 0x25:
    case 0x26:
    case 0x27:
    case 0x2a:
    case 0x2b:
    case 0x2d:
    case 0x2e:
    case 0x5e:
    case 0x5f:
    case 0x60:
    case 0x7c:
    case 0x7e:
      return true
    default:
      return false
  }
}

/** The text without control characters: what comes out of a query or a token must not begin a field of its own. */
export function fieldValue(text: string): string {
  let i = 0
  while (i < text.length && !isControl(text.charCodeAt(i))) i++
  if (i == text.length) return text
  let clean = ''
  for (let j = 0; j < text.length; j++) {
    if (!isControl(text.charCodeAt(j))) clean += text.charAt(j)
  }
  return clean
}

function isControl(unit: i32): bool {
  return unit < 0x20 || unit == 0x7f
}
