// A response's head as text: what is written, how the body's end is told, and what is not written at all.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Headers } from '../headers.ts'
import { writeResponseHead, type ResponseManner, type ResponseText } from './response-text.ts'

const keepAlive = 'connection: keep-alive\r\nkeep-alive: timeout=60\r\n\r\n'

function head(fields: string[], manner: Partial<ResponseManner> = {}, status = 200, reason = ''): ResponseText | undefined {
  return writeResponseHead(status, reason, new Headers(fields), { http10: false, bodyless: false, last: false, keepAlive, ...manner })
}

describe('a response head', () => {
  beforeEach(() => void vi.useFakeTimers({ now: new Date('2026-11-21T10:00:00.900Z') }))
  afterEach(() => void vi.useRealTimers())

  test('is its line, its fields in order, its framing and the rest of the connection', () => {
    expect(head(['X-B', '1', 'x-a', '', 'X-B', '\xe4'])?.text.split('\r\n')).toEqual([
      'HTTP/1.1 200 OK', 'X-B: 1', 'x-a: ', 'X-B: \xe4', 'date: Sat, 21 Nov 2026 10:00:00 GMT', 'transfer-encoding: chunked', 'connection: keep-alive', 'keep-alive: timeout=60', '', '',
    ])
  })

  test('gets a date of this second only if it has none', () => {
    expect(head(['Date', 'yesterday'])?.text.match(/date:/gi)).toHaveLength(1)
    expect(head([])?.text).toContain('date: Sat, 21 Nov 2026 10:00:00 GMT\r\n')
    vi.advanceTimersByTime(100)
    expect(head([])?.text).toContain('date: Sat, 21 Nov 2026 10:00:01 GMT\r\n')
  })

  test.each([
    [200, 'Fine', 'Fine'], [200, '', 'OK'], [299, '', ''], [200, '\xfcber', '\xfcber'], [404, 'a\r\nX-A: b', 'Not Found'], [404, 'a\0', 'Not Found'], [404, '\u2603', 'Not Found'], [999, '', ''],
  ])('of %i with the reason %j says %j', (status, reason, written) => {
    expect(head([], {}, status, reason)?.text.split('\r\n')[0]).toBe(`HTTP/1.1 ${status} ${written}`)
  })

  test.each([
    ['an ordinary one', [], {}, 'chunked', 'transfer-encoding: chunked\r\n'],
    ['one with a length', ['Content-Length', '12'], {}, 12, 'content-length: 12\r\n'],
    ['one that says its length twice', ['Content-Length', '12', 'content-length', '12'], {}, 12, 'content-length: 12\r\n'],
    ['HTTP/1.0', [], { http10: true }, 'close', 'connection: close\r\n\r\n'],
    ['HTTP/1.0 with a length', ['content-length', '0'], { http10: true }, 0, 'content-length: 0\r\n'],
    ['one without a body', [], { bodyless: true }, 'none', keepAlive],
    ['one without a body whose length is told', ['content-length', '7'], { bodyless: true }, 'none', 'content-length: 7\r\n'],
  ] as const)('of %s tells where the body ends', (_name, fields, manner, framing, text) => {
    const written = head([...fields], manner)
    expect(written?.framing).toBe(framing)
    expect(written?.text).toContain(text)
    expect(written?.text.match(/content-length|transfer-encoding/g)?.length ?? 0).toBeLessThan(2)
  })

  test('says that the connection ends when it does, and never anything else', () => {
    for (const manner of [{ last: true }, { http10: true }]) {
      const { text } = head(['Connection', 'keep-alive, X-A', 'Keep-Alive', 'timeout=9', 'Transfer-Encoding', 'gzip', 'Proxy-Connection', 'x'], manner) as ResponseText
      expect(text).toMatch(/\r\nconnection: close\r\n\r\n$/)
      expect(text.replace(/date: [^\r]*\r\n/, '')).not.toMatch(/keep-alive|gzip|proxy/i)
    }
    expect(head([])?.text.endsWith(keepAlive)).toBe(true)
  })

  test.each([
    ['a status below 200', [], 199], ['a status above 999', [], 1_000], ['half a status', [], 200.5], ['no number', [], Number.NaN], ['a name with a blank', ['X A', '1'], 200], ['an empty name', ['', '1'], 200],
    ['a name with a colon', ['X:', '1'], 200], ['a line end in a name', ['X\r\nY', '1'], 200], ['a line end in a value', ['X', 'a\r\nY: b'], 200], ['a bare LF', ['X', 'a\nb'], 200], ['NUL', ['X', '\0'], 200], ['a snowman', ['X', '\u2603'], 200],
    ['a line end in a field that is not passed on', ['Connection', 'a\r\nY: b'], 200], ['two lengths', ['content-length', '1', 'content-length', '2'], 200], ['a length that is none', ['content-length', '-1'], 200],
    ['a length with a blank', ['content-length', '1 '], 200], ['a list of lengths', ['content-length', '1, 1'], 200], ['a length of 16 digits', ['content-length', '1000000000000000'], 200],
  ])('is not written with %s', (_name, fields, status) => {
    expect(head(fields, {}, status)).toBeUndefined()
  })
})
