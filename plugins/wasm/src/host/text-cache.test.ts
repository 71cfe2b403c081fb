// Texts that are found by their bytes: always those that stand there.
import { Buffer } from 'node:buffer'
import { expect, test } from 'vitest'
import { type Latin1Buffer, TextCache } from './text-cache.ts'

/** Reads texts out of one memory, behind a byte of something else. */
function reader(cache: TextCache): (text: string) => string {
  const bytes = Buffer.alloc(200, 0xff) as Latin1Buffer
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return (text) => {
    bytes.latin1Write(text, 1, text.length)
    return cache.read(1, text.length, view, bytes)
  }
}

test('texts that differ in one byte are told apart, wherever it is and however long they are', () => {
  const read = reader(new TextCache(1, 64, (text) => text))
  for (let length = 0; length <= 70; length++) {
    const text = 'a'.repeat(length)
    for (let at = 0; at < length; at++) {
      const other = `${text.slice(0, at)}b${text.slice(at + 1)}`
      expect([read(text), read(other), read(text)]).toEqual([text, other, text])
    }
  }
})

test('texts like names of properties and like numbers are texts like any other', () => {
  const texts = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '0000', '1234', '4294967295', '-1.5', 'NaN!', '\0\0\0\0', '\0\0\0\0\0', '\xe4\xf6\xfc\xff', '\xc3\x84bc']
  const read = reader(new TextCache(9, 64, (text) => text))
  for (let round = 0; round < 3; round++) expect(texts.map(read)).toEqual(texts)
})

test('a text that could not be made leaves no other in its place', () => {
  let fails = false
  const read = reader(
    new TextCache(1, 64, (text) => {
      if (fails) throw new RangeError('no room on the stack')
      return text
    }),
  )
  for (let i = 0; i < 100; i++) {
    const [before, wanted] = [`before ${i}`, `wanted ${i}`]
    read(before)
    fails = true
    expect(() => read(wanted)).toThrow('no room')
    fails = false
    expect([read(wanted), read(before)]).toEqual([wanted, before])
  }
})
