// The encoding in which whole header maps cross to and from a guest.
import { Buffer } from 'node:buffer'

/** What is taken from a guest; more is read as an empty map. */
const maxBytes = 1_048_576
const maxPairs = 1_024

/**
 * Count, then the lengths of each name and value, then names and values, each ended by a NUL.
 * @param list name, value, name, value, … of one byte per character
 */
export function encodePairs(list: readonly string[]): Buffer {
  const count = list.length / 2
  if (count === 0) return Buffer.alloc(0)
  const bytes = Buffer.allocUnsafe(list.reduce((sum, text) => sum + text.length + 1, 4 + list.length * 4))
  let at = bytes.writeUInt32LE(count)
  for (const text of list) at = bytes.writeUInt32LE(text.length, at)
  for (const text of list) {
    at += bytes.write(text, at, 'latin1')
    bytes[at++] = 0
  }
  return bytes
}

/** Name, value, name, value, …; empty for what is not encoded well. */
export function decodePairs(bytes: Buffer): string[] {
  if (bytes.byteLength > maxBytes || bytes.byteLength < 4) return []
  const count = bytes.readUInt32LE()
  if (count > maxPairs || bytes.byteLength < 4 + count * 8) return []
  const list: string[] = []
  let at = 4 + count * 8
  for (let i = 0; i < count * 2; i++) {
    const end = at + bytes.readUInt32LE(4 + i * 4)
    if (end >= bytes.byteLength || bytes[end] !== 0) return []
    list.push(bytes.toString('latin1', at, end))
    at = end + 1
  }
  return at === bytes.byteLength ? list : []
}
