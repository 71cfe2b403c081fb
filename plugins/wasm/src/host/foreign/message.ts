// Messages of Protocol Buffers, as far as foreign functions take and answer them: numbers, texts and bytes, none of them nested.
// @source https://protobuf.dev/programming-guides/encoding/
import { Buffer, isUtf8 } from 'node:buffer'

/** The bytes are no message, or a text in it is not UTF-8. */
export class Malformed extends Error {
  override readonly name = 'Malformed'
}

const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const
const longestVarint = 10
const greatestField = 0x1fff_ffffn

/** The fields of a message; of one that is there more than once the last counts, as everywhere. */
export class Message {
  readonly #bytes = new Map<number, Buffer>()
  readonly #numbers = new Map<number, bigint>()

  /** @throws Malformed */
  constructor(encoded: Buffer) {
    const reader = new Reader(encoded)
    while (!reader.ended) this.#take(reader)
  }

  bytes(field: number): Buffer {
    return this.#bytes.get(field) ?? Buffer.alloc(0)
  }

  /** @throws Malformed */
  text(field: number): string {
    const bytes = this.bytes(field)
    if (!isUtf8(bytes)) throw new Malformed(`field ${field} is no text`)
    return bytes.toString('utf8')
  }

  bool(field: number): boolean {
    return (this.#numbers.get(field) ?? 0n) !== 0n
  }

  #take(reader: Reader): void {
    const tag = reader.varint()
    const number = tag >> 3n
    if (number === 0n || number > greatestField) throw new Malformed('no such field can be')
    const field = Number(number)
    switch (Number(tag & 7n)) {
      case wire.varint:
        this.#numbers.set(field, reader.varint())
        return
      case wire.bytes:
        this.#bytes.set(field, reader.bytes(Number(reader.varint())))
        return
      case wire.fixed64:
        reader.bytes(8)
        return
      case wire.fixed32:
        reader.bytes(4)
        return
      default:
        throw new Malformed('there is no such type of field')
    }
  }
}

class Reader {
  readonly #from: Buffer
  #at = 0

  constructor(from: Buffer) {
    this.#from = from
  }

  get ended(): boolean {
    return this.#at === this.#from.byteLength
  }

  varint(): bigint {
    let value = 0n
    for (let i = 0; i < longestVarint; i++) {
      const byte = this.#from[this.#at++]
      if (byte === undefined) throw new Malformed('it ends within a number')
      value |= BigInt(byte & 0x7f) << BigInt(7 * i)
      if (byte < 0x80) return value
    }
    throw new Malformed('a number is too long')
  }

  bytes(length: number): Buffer {
    if (length > this.#from.byteLength - this.#at) throw new Malformed('it ends within a field')
    this.#at += length
    return this.#from.subarray(this.#at - length, this.#at)
  }
}

/** A message of fields that are true, or bytes, or a text; those that are empty or false are left out. */
export function encodeMessage(fields: readonly (readonly [field: number, value: boolean | Uint8Array | string])[]): Buffer {
  const parts: Buffer[] = []
  for (const [field, value] of fields) {
    if (value === true) parts.push(Buffer.from([(field << 3) | wire.varint, 1]))
    if (typeof value === 'boolean') continue
    const bytes = Buffer.from(value)
    if (bytes.byteLength > 0) parts.push(Buffer.from([(field << 3) | wire.bytes]), varint(bytes.byteLength), bytes)
  }
  return Buffer.concat(parts)
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest])
    bytes.push((rest & 0x7f) | 0x80)
  }
}
