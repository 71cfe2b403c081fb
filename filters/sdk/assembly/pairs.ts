// Lists of names and values as the ABI encodes them: count, lengths, then the texts, each with a NUL behind it.
import { decode, copy } from './memory'

/** One name with its value. */
export class Field {
  /** Of the value, as they came. */
  bytes: Uint8Array
  constructor(public name: string, bytes: Uint8Array) {
    this.bytes = bytes
  }

  get value(): string {
    return decode(this.bytes.dataStart, this.bytes.length)
  }
}

/** @param fields each a name and a value; others are left out */
export function encodePairs(fields: string[][]): Uint8Array {
  let size = 4
  for (let i = 0; i < fields.length; i++) {
    if (fields[i].length == 2) size += 10 + String.UTF8.byteLength(fields[i][0]) + String.UTF8.byteLength(fields[i][1])
  }
  const out = new Uint8Array(size)
  const at = out.dataStart
  let count: u32 = 0
  for (let i = 0; i < fields.length; i++) {
    if (fields[i].length == 2) count++
  }
  store<u32>(at, count)
  let lengthAt = at + 4
  let textAt = lengthAt + <usize>count * 8
  for (let i = 0; i < fields.length; i++) {
    if (fields[i].length != 2) continue
    for (let j = 0; j < 2; j++) {
      const text = fields[i][j]
      const bytes = String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, textAt)
      store<u32>(lengthAt, <u32>bytes)
      lengthAt += 4
      // The array began as zeroes: the NUL is there.
      textAt += bytes + 1
    }
  }
  return out
}

/** What the host has encoded; nothing where it makes no sense. */
export function decodePairs(at: usize, length: usize): Field[] {
  const fields: Field[] = []
  if (length < 4) return fields
  const count = load<u32>(at)
  // Ten bytes are the least that a pair takes.
  if (<u64>count * 10 + 4 > length) return fields
  const end = at + length
  let textAt = at + 4 + <usize>count * 8
  for (let i: u32 = 0; i < count; i++) {
    const nameLength = load<u32>(at + 4 + <usize>i * 8)
    const valueLength = load<u32>(at + 8 + <usize>i * 8)
    const valueAt = textAt + nameLength + 1
    if (valueAt > end || valueAt < textAt || <usize>valueLength >= end - valueAt) break
    fields.push(new Field(decode(textAt, nameLength), copy(valueAt, valueLength)))
    textAt = valueAt + valueLength + 1
  }
  return fields
}
