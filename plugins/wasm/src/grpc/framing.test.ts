// Messages in a stream, however it is cut.
import { Buffer } from 'node:buffer'
import { expect, test } from 'vitest'
import { Deframer, frame } from './framing.ts'

test.each([1, 2, 3, 4, 5, 6, 7, 11, 1_000])('messages come out as they went in, in pieces of %i bytes', (size) => {
  const messages = ['', 'a', 'hello', 'x'.repeat(300), ''].map((text) => Buffer.from(text))
  const stream = Buffer.concat(messages.map((message) => frame(message)))
  const deframer = new Deframer(1_000)
  const seen: Buffer[] = []
  for (let at = 0; at < stream.byteLength; at += size) expect(deframer.push(stream.subarray(at, at + size), (message) => seen.push(message))).toBeUndefined()
  expect(seen).toEqual(messages)
  expect(deframer.inside).toBe(false)
})

test('a message that is too large or compressed is not waited for', () => {
  expect(new Deframer(10).push(Buffer.from([0, 0, 0, 0, 11]), () => {})).toBe('too large')
  expect(new Deframer(10).push(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]), () => {})).toBe('too large')
  expect(new Deframer(10).push(Buffer.from([1, 0, 0, 0, 1, 7]), () => {})).toBe('compressed')
})

test('half a message is seen as one', () => {
  const deframer = new Deframer(10)
  deframer.push(frame(Buffer.from('abc')).subarray(0, 6), () => {})
  expect(deframer.inside).toBe(true)
})
