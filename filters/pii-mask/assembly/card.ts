// Card numbers: 13 to 19 digits, with single blanks or dashes between groups of four or more, whose check digit is right.

const minDigits = 13
const maxDigits = 19
const minGroup = 4

/** The bytes of the card number that begins at `i`; 0: none does. */
export function cardLength(data: Uint8Array, start: i32): i32 {
  // No network issues numbers that begin with 0 or 1 but for those of airlines; they would match dates and counters.
  if (start >= data.length || unchecked(data[start]) < 0x32 || unchecked(data[start]) > 0x39) return 0
  const at = data.dataStart
  let digits = 0
  let group = 0
  let i = start
  for (; i < data.length && digits <= maxDigits; i++) {
    const byte = load<u8>(at + i)
    if (isDigit(byte)) {
      digits++
      group++
      continue
    }
    // A digit must follow, or what separates belongs to the text behind.
    if ((byte != 0x20 && byte != 0x2d) || group < minGroup || i + 1 >= data.length || !isDigit(load<u8>(at + i + 1))) break
    group = 0
  }
  if (digits < minDigits || digits > maxDigits || (i < data.length && isLetter(unchecked(data[i])))) return 0
  return isValid(data, start, i) ? i - start : 0
}

/** The Luhn formula (ISO/IEC 7812-1, annex B). */
function isValid(data: Uint8Array, start: i32, end: i32): bool {
  let sum = 0
  let twice = false
  for (let i = end - 1; i >= start; i--) {
    if (!isDigit(unchecked(data[i]))) continue
    let digit: i32 = unchecked(data[i]) - 0x30
    if (twice) {
      digit *= 2
      if (digit > 9) digit -= 9
    }
    sum += digit
    twice = !twice
  }
  return sum % 10 == 0
}

function isDigit(byte: u8): bool {
  return byte >= 0x30 && byte <= 0x39
}

function isLetter(byte: u8): bool {
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x7a
}
