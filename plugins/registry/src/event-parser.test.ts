// Server-sent events, whole and in pieces.
import { describe, expect, test } from 'vitest'
import { EventParser, type ServerEvent } from './event-parser.ts'

function parse(pieces: readonly string[], maxLength = 1000): ServerEvent[] {
  const events: ServerEvent[] = []
  const parser = new EventParser(maxLength, (event) => void events.push(event))
  for (const piece of pieces) parser.push(piece)
  return events
}

const all = ': a comment\r\nevent: instances\rid: 7\ndata: one\ndata:two\ndata:  three\r\n\r\nunknown: x\ndata\n\nid\ndata: last\n\nid: a\0b\nevent: x\n\ndata: none'
const expected: ServerEvent[] = [
  { type: 'instances', data: 'one\ntwo\n three', id: '7' },
  { type: 'message', data: '', id: '7' },
  { type: 'message', data: 'last', id: '' },
]

describe('events', () => {
  test('are read as the standard says', () => {
    expect(parse([all])).toEqual(expected)
  })

  test('are the same in whatever pieces they come', () => {
    for (let at = 0; at <= all.length; at++) expect(parse([all.slice(0, at), all.slice(at)]), `cut at ${at}`).toEqual(expected)
    expect(parse(all.split(''))).toEqual(expected)
  })

  test('that are too long are refused, in one line or in many', () => {
    expect(() => parse(['data: ', 'x'.repeat(999)])).toThrow(RangeError)
    expect(() => parse(['data: xxxxxxxxxx\n'.repeat(100)])).toThrow(RangeError)
    expect(parse(['data: xxxxxxxxxx\n\n'.repeat(1000)])).toHaveLength(1000)
  })

  test('a line of megabytes in small pieces is read in one go', () => {
    const piece = 'x'.repeat(100)
    const [event] = parse(['data: ', ...Array.from({ length: 100_000 }, () => piece), '\n\n'], 20_000_000)
    expect(event?.data).toHaveLength(10_000_000)
  })
})
