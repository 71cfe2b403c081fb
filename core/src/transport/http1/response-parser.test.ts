// The response parser, rule by rule (RFC 9112 §4 to §7), and that no split of the bytes changes what it tells.
import { describe, expect, test } from 'vitest'
import { parse, Recording, type Asked } from './recording.test.kit.ts'

const head = (...lines: string[]): string => `HTTP/1.1 200 OK\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`
const chunked = (body: string): string => head('Transfer-Encoding: chunked') + body
const outcome = (bytes: string, asked?: Asked): string => parse(bytes, asked).outcome
const status = (line: string): unknown[] => parse(`${line}\r\nContent-Length: 0\r\n\r\n`).heads.map((it) => [it.status, it.reason])

const breach = 'MESH_UPSTREAM_PROTOCOL'
const large = 'MESH_UPSTREAM_HEAD_TOO_LARGE'
const cut = 'MESH_UPSTREAM_CLOSED'

describe('the status line', () => {
  test.each([
    ['HTTP/1.1 200 OK', 200, 'OK'],
    ['HTTP/1.0 404 Not Found', 404, 'Not Found'],
    ['HTTP/1.1 204 ', 204, ''],
    ['HTTP/1.1 204', 204, ''],
    ['HTTP/1.1 999 a\tb  c', 999, 'a\tb  c'],
    ['HTTP/1.1 200 \xfcber', 200, '\xfcber'],
    ['HTTP/1.1 200  two blanks', 200, ' two blanks'],
  ])('%j is taken', (line, code, reason) => {
    expect(status(line)).toEqual([[code, reason]])
  })

  test.each([
    '', 'HTTP/1.1', 'HTTP/1.1 ', 'HTTP/1.1 20 OK', 'HTTP/1.1 2000 OK', 'HTTP/1.1 099 OK', 'HTTP/1.1 -20 OK', 'HTTP/1.1  200 OK', 'HTTP/1.1\t200 OK',
    'HTTP/1.1 200\tOK', 'HTTP/1.2 200 OK', 'HTTP/2.0 200 OK', 'HTTP/0.9 200 OK', 'HTTP/1.10 200 OK', 'http/1.1 200 OK', ' HTTP/1.1 200 OK', 'HTTP/1.1 2e2 OK',
    'HTTP/1.1 200 O\0K', 'HTTP/1.1 200 O\x7fK', 'HTTP/1.1 200 O\x1bK', 'ICY 200 OK', 'GET / HTTP/1.1',
  ])('%j is refused', (line) => {
    expect(outcome(`${line}\r\nContent-Length: 0\r\n\r\n`)).toBe(breach)
  })

  test('an empty line before it is refused', () => {
    expect(outcome(`\r\n${head('Content-Length: 0')}`)).toBe(breach)
  })

  test('HTTP/1.0 always closes', () => {
    expect(parse('HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n').heads[0]?.close).toBe(true)
  })
})

describe('fields', () => {
  test('keep their order, their case and their repetitions, without the blanks around values', () => {
    const bytes = head('X-B:  1\t', 'x-a:2', 'X-B: ', 'Set-Cookie: a=b; c', 'Set-Cookie: \xff', 'Content-Length: 0')
    expect(parse(bytes).heads[0]?.fields).toEqual(['X-B', '1', 'x-a', '2', 'X-B', '', 'Set-Cookie', 'a=b; c', 'Set-Cookie', '\xff', 'Content-Length', '0'])
  })

  test.each([
    ['a folded field', 'X-A: 1\r\n 2'], ['a field folded with a tab', 'X-A: 1\r\n\t2'], ['a folded field with a colon', 'X-A: 1\r\n b: 2'], ['a blank before the first', ' X-A: 1'],
    ['no colon', 'X-A'], ['no name', ': 1'], ['a blank before the colon', 'X-A : 1'], ['a tab before the colon', 'X-A\t: 1'], ['a name with a blank', 'X A: 1'],
    ['a name that is not a token', 'X(A): 1'], ['a name above ASCII', 'X-\xe4: 1'], ['NUL in a value', 'X-A: a\0b'], ['NUL in a name', 'X\0A: b'], ['DEL', 'X-A: a\x7fb'],
    ['a form feed', 'X-A: a\x0cb'], ['a vertical tab', 'X-A: a\x0bb'], ['a bare CR', 'X-A: a\rb'], ['a bare LF', 'X-A: a\nX-B: b'], ['a line that ends in CR CR LF', 'X-A: a\r'],
    ['a line that ends in LF CR LF', 'X-A: a\n'],
  ])('%s is refused', (_name, line) => {
    expect(outcome(head(line, 'Content-Length: 0'))).toBe(breach)
    expect(outcome(head('Content-Length: 0', line))).toBe(breach)
  })

  test('line ends of LF alone are refused before the head is whole', () => {
    const recording = new Recording()
    recording.push(Buffer.from('HTTP/1.1 200 OK\nContent-Le'))
    expect(recording.recorded.outcome).toBe(breach)
  })

  test('fields of the connection, and those it nominates, are not passed on', () => {
    const bytes = head('Connection: close, X-Hop', 'X-Hop: 1', 'Keep-Alive: timeout=5', 'Proxy-Connection: x', 'Upgrade: h2c', 'TE: trailers', 'X-A: 1', 'Content-Length: 0')
    const [first] = parse(bytes).heads
    expect([first?.fields, first?.close]).toEqual([['X-A', '1', 'Content-Length', '0'], true])
  })
})

describe('the length of a body', () => {
  test.each([
    ['a length', head('Content-Length: 5') + 'hello', 'hello'],
    ['leading zeros', head('Content-Length: 0005') + 'hello', 'hello'],
    ['identical lengths', head('Content-Length: 5', 'content-length: 5') + 'hello', 'hello'],
    ['chunks', chunked('5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n'), 'hello!'],
    ['chunks, in another case', head('tRaNsFeR-eNcOdInG:\tCHUNKED ') + '5\r\nhello\r\n0\r\n\r\n', 'hello'],
    ['the close', head() + 'hello', 'hello'],
    ['the close, with nothing before it', head(), ''],
    ['the close, in HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\nhello', 'hello'],
  ])('is told by %s', (_name, bytes, body) => {
    expect(parse(bytes)).toMatchObject({ body, outcome: 'complete', rest: 0 })
  })

  test.each([
    'Content-Length: ', 'Content-Length: -1', 'Content-Length: +1', 'Content-Length: 1.0', 'Content-Length: 0x1', 'Content-Length: 1_0', 'Content-Length: 1 1', 'Content-Length: 1,1', 'Content-Length: \xb9',
    'Content-Length: 9007199254740993', 'Content-Length: 18446744073709551617', 'Content-Length: 1\r\nContent-Length: 2', 'Content-Length: 1\r\nContent-Length: 01', 'Content-Length: 1\r\nContent-Length:',
    'Transfer-Encoding: ', 'Transfer-Encoding: gzip', 'Transfer-Encoding: identity', 'Transfer-Encoding: gzip, chunked', 'Transfer-Encoding: chunked, gzip', 'Transfer-Encoding: chunked, chunked',
    'Transfer-Encoding: chunked;a=b', 'Transfer-Encoding: xchunked', 'Transfer-Encoding: "chunked"', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
    'Transfer-Encoding: chunked\r\nContent-Length: 5', 'Content-Length: 5\r\nTransfer-Encoding: chunked', 'Transfer-Encoding : chunked', 'Transfer-Encoding: \x0bchunked', 'Transfer-Encoding: \xa0chunked', 'Transfer-Encoding: chunked\xa0', 'Transfer-Encoding: chunked,', 'Content-Length: \xa01', 'Transfer-Encoding: chunked\r\n Content-Length: 5',
  ])('is refused as %j', (fields) => {
    expect(outcome(head(fields) + '1\r\na\r\n0\r\n\r\n')).toBe(breach)
  })

  test('Transfer-Encoding is refused in HTTP/1.0, in 204 and in interim responses', () => {
    for (const line of ['HTTP/1.0 200 OK', 'HTTP/1.1 204 No Content', 'HTTP/1.1 103 Early Hints']) expect(outcome(`${line}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`)).toBe(breach)
  })

  test.each([
    ['in the head', 'HTTP/1.1 200 OK\r\nContent-Le'], ['between head and body', head('Content-Length: 5')], ['in the body', head('Content-Length: 5') + 'hell'], ['before the first chunk', chunked('')],
    ['in a chunk size', chunked('5')], ['in a chunk', chunked('5\r\nhe')], ['behind a chunk', chunked('5\r\nhello')], ['before the last chunk', chunked('5\r\nhello\r\n')],
    ['in the last chunk', chunked('0\r\n')], ['in the trailers', chunked('0\r\nX-A: b\r\n')], ['before any byte', ''], ['behind an interim response', 'HTTP/1.1 100 Continue\r\n\r\n'],
  ])('a connection that ends %s has cut the response', (_name, bytes) => {
    expect(outcome(bytes)).toBe(cut)
  })
})

describe('responses without a body', () => {
  test.each([
    ['HEAD with a length', head('Content-Length: 5'), { head: true }],
    ['HEAD with chunks', head('Transfer-Encoding: chunked'), { head: true }],
    ['HEAD without a length', head(), { head: true }],
    ['204', 'HTTP/1.1 204 No Content\r\n\r\n', {}],
    ['204 with a length', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n', {}],
    ['304 with a length', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', {}],
    ['304 with chunks', 'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n', {}],
    ['a length of 0', head('Content-Length: 0'), {}],
  ])('%s is complete with its head, and what follows is no body', (_name, bytes, asked) => {
    const recording = new Recording(asked)
    recording.push(Buffer.from(bytes))
    expect(recording.recorded).toMatchObject({ outcome: 'complete', body: '', rest: 0 })
    expect(parse(`${bytes}hello`, asked)).toMatchObject({ outcome: 'complete', body: '', rest: 5 })
  })

  test('a 204 is freed of its length, a 304 and the answer to a HEAD keep it', () => {
    expect(parse('HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n').heads[0]?.fields).toEqual([])
    expect(parse('HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n').heads[0]?.fields).toEqual(['Content-Length', '5'])
    expect(parse(head('Content-Length: 5'), { head: true }).heads[0]?.fields).toEqual(['Content-Length', '5'])
  })
})

describe('chunks', () => {
  test.each([
    ['upper and lower case', 'A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n', '01234567890123456789'],
    ['leading zeros', '000000000001\r\na\r\n000\r\n\r\n', 'a'],
    ['extensions', '1;a\r\na\r\n1;a=b;c="d e"\r\nb\r\n0;last\r\n\r\n', 'ab'],
    ['blanks before an extension', '1 ;a\r\na\r\n1\t ; b\r\nb\r\n0\r\n\r\n', 'ab'],
    ['data that looks like framing', '7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n', '0\r\n\r\n\r\n'],
    ['the longest size line', `1;${'x'.repeat(1_020)}\r\na\r\n0\r\n\r\n`, 'a'],
  ])('may have %s', (_name, bytes, body) => {
    expect(parse(chunked(bytes))).toMatchObject({ body, outcome: 'complete', rest: 0 })
  })

  test.each([
    ['no size', '\r\n'], ['an extension alone', ';a\r\n'], ['a sign', '+1\r\na\r\n'], ['a minus', '-1\r\na\r\n'], ['0x', '0x1\r\na\r\n'], ['an underscore', '1_0\r\na\r\n'], ['a blank before', ' 1\r\na\r\n'],
    ['a blank behind', '1 \r\na\r\n'], ['two sizes', '1 1\r\na\r\n'], ['another digit', 'g\r\na\r\n'], ['13 digits', '0000000000001\r\na\r\n'], ['a bare LF behind the size', '1\na\r\n'],
    ['a bare CR behind the size', '1\ra\r\n'], ['CR CR LF behind the size', '1\r\r\na\r\n'], ['a bare LF in an extension', '1;a\nb\r\na\r\n'], ['a bare CR in an extension', '1;a\rb\r\na\r\n'],
    ['NUL in an extension', '1;a\0\r\na\r\n'], ['a bare LF behind the data', '1\r\na\n0\r\n\r\n'], ['a bare CR behind the data', '1\r\na\r0\r\n\r\n'], ['nothing behind the data', '1\r\na0\r\n\r\n'],
    ['more data than its size', '1\r\nab\r\n'], ['less data than its size', '3\r\na\r\n0\r\n\r\n'], ['an endless size line', `1;${'x'.repeat(1_024)}`], ['endless zeros', '0'.repeat(1_024)],
  ])('are refused with %s', (_name, bytes) => {
    expect(outcome(chunked(bytes))).toBe(breach)
  })

  test('the largest size that can be said is taken', () => {
    expect(outcome(chunked('ffffffffffff\r\na'))).toBe(cut)
  })
})

describe('trailers', () => {
  const last = (...lines: string[]): string => chunked(`0\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`)

  test('come apart from the fields, in order, without those that may not be trailers', () => {
    expect(parse(last('X-B: 1', 'Content-Length: 9', 'x-a:  2', 'Set-Cookie: a', 'X-B: '))).toMatchObject({ trailers: ['X-B', '1', 'x-a', '2', 'X-B', ''], outcome: 'complete', rest: 0 })
  })

  test('are not there when none may pass', () => {
    expect(parse(last('Transfer-Encoding: chunked'))).toMatchObject({ trailers: undefined, outcome: 'complete' })
  })

  test.each(['X-A', ': 1', 'X-A : 1', ' X-A: 1', 'X-A: 1\r\n 2', 'X-A: 1\r\n b: 2', 'X(A): 1', 'X-A: a\rb', 'X-A: a\nX-B: b', 'X-A: \0', 'X-A: \x7f', '\n', '\r'])('are refused as %j', (line) => {
    expect(outcome(last(line))).toBe(breach)
    expect(outcome(last('X-C: d', line))).toBe(breach)
  })
})

describe('limits', () => {
  const padded = (bytes: number): string => head(`X-A: ${'x'.repeat(bytes - 45)}`, 'Content-Length: 0')

  test('a head may have as many bytes as it may, and not one more', () => {
    expect(padded(1_000).length).toBe(1_000)
    expect(outcome(padded(1_000), { headBytes: 1_000 })).toBe('complete')
    expect(outcome(padded(1_001), { headBytes: 1_000 })).toBe(large)
  })

  test('a head that is not whole is refused as soon as it cannot become one', () => {
    const recording = new Recording({ headBytes: 1_000 })
    recording.push(Buffer.from(padded(2_000).slice(0, 1_001)))
    expect(recording.recorded.outcome).toBe(large)
  })

  test('every interim response has the limit for itself', () => {
    const hint = `HTTP/1.1 103 Hint\r\nX-A: ${'x'.repeat(900)}\r\n\r\n`
    expect(outcome(hint.repeat(10) + head('Content-Length: 0'), { headBytes: 1_000 })).toBe('complete')
  })

  test('a head has 1000 fields at most', () => {
    const fields = Array.from({ length: 999 }, (_, i) => `a${i}:`)
    expect(outcome(head(...fields, 'Content-Length: 0'))).toBe('complete')
    expect(outcome(head(...fields, 'Content-Length: 0', 'b:'))).toBe(large)
  })

  test('trailers have the limits of a head', () => {
    const trailers = (text: string): string => chunked(`0\r\n${text}\r\n\r\n`)
    expect(outcome(trailers(`X-A: ${'x'.repeat(991)}`), { headBytes: 1_000 })).toBe('complete')
    expect(outcome(trailers(`X-A: ${'x'.repeat(992)}`), { headBytes: 1_000 })).toBe(large)
    expect(outcome(trailers(`X-A: ${'x'.repeat(5_000)}`).slice(0, 3_000), { headBytes: 1_000 })).toBe(large)
    expect(outcome(trailers(Array.from({ length: 1_001 }, (_, i) => `a${i}:`).join('\r\n')))).toBe(large)
  })

  test('a response has 100 interim responses at most', () => {
    const hint = 'HTTP/1.1 103 Hint\r\n\r\n'
    expect(parse(hint.repeat(100) + head('Content-Length: 0'))).toMatchObject({ outcome: 'complete', heads: { length: 101 } })
    expect(outcome(hint.repeat(101) + head('Content-Length: 0'))).toBe(breach)
  })
})

describe('interim responses and 101', () => {
  test('interim responses come before the final one', () => {
    const bytes = `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: </a>\r\nContent-Length: 5\r\n\r\n${head('Content-Length: 2')}ok`
    const { heads, body } = parse(bytes)
    expect(heads.map((it) => [it.status, it.fields])).toEqual([[100, []], [103, ['Link', '</a>']], [200, ['Content-Length', '2']]])
    expect(body).toBe('ok')
  })

  test('101 hands the bytes behind it to the new protocol', () => {
    expect(parse('HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nhello', { upgrade: true })).toMatchObject({ outcome: 'switched', rest: 5, body: '' })
  })

  test('101 is refused when nobody asked for it', () => {
    expect(outcome('HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nhello')).toBe(breach)
  })

  test('another answer to a request for an upgrade is an ordinary one', () => {
    expect(parse(`${head('Content-Length: 2')}ok`, { upgrade: true })).toMatchObject({ outcome: 'complete', body: 'ok' })
  })
})

describe('bytes behind a response', () => {
  test.each([
    ['a length', `${head('Content-Length: 2')}ok`], ['chunks', chunked('2\r\nok\r\n0\r\n\r\n')], ['trailers', chunked('2\r\nok\r\n0\r\nX-A: b\r\n\r\n')], ['no body', 'HTTP/1.1 304 Not Modified\r\n\r\n'],
  ])('are counted and not read, behind %s', (_name, bytes) => {
    expect(parse(`${bytes}HTTP/1.1 666 Evil\r\n\r\n`)).toMatchObject({ heads: { length: 1 }, outcome: 'complete', rest: 21 })
  })
})

describe('the next response', () => {
  test('starts anew', () => {
    const recording = new Recording({ head: true })
    recording.push(Buffer.from(head('Content-Length: 2')))
    const { parser, recorded } = recording
    expect(recorded.outcome).toBe('complete')
    recorded.outcome = 'open'
    parser.expect(false, false)
    expect(parser.begun).toBe(false)
    recording.push(Buffer.from('HTTP/1.1 100 Continue\r\n\r\n'))
    recording.push(Buffer.from(`${head('Content-Length: 2')}ok`))
    expect(recorded).toMatchObject({ outcome: 'complete', body: 'ok', heads: { length: 3 } })
  })

  test('has begun with its first byte, whatever that is', () => {
    for (const first of ['H', '\r', '\n', '\0', '\r\n\r\n', 'HTTP/1.1 100 Continue\r\n\r\n', head('Content-Length: 0')]) {
      const { parser } = new Recording()
      expect(parser.begun).toBe(false)
      parser.take(Buffer.from(first))
      expect(parser.begun, JSON.stringify(first)).toBe(true)
    }
  })
})

test('a parser gives body bytes on without copying them', () => {
  const recording = new Recording()
  const bytes = Buffer.from(`${head('Content-Length: 9')}hello`)
  const seen: ArrayBufferLike[] = []
  recording.onBody = (chunk) => void seen.push(chunk.buffer)
  recording.push(bytes)
  const more = Buffer.from('more')
  recording.push(more)
  expect(seen).toEqual([bytes.buffer, more.buffer])
})

test('body bytes that were given on are never written to again', () => {
  const bytes = Buffer.from(chunked('5\r\nhello\r\n5;ext\r\nworld\r\n5\r\nagain\r\n0\r\nX-A: b\r\n\r\n'))
  for (let size = 1; size < 40; size++) {
    const recording = new Recording()
    const given: Uint8Array[] = []
    recording.onBody = (chunk) => void given.push(chunk)
    for (let at = 0; at < bytes.length; at += size) recording.push(Buffer.from(bytes.subarray(at, at + size)))
    expect([Buffer.concat(given).toString(), recording.recorded.outcome], `${size} at a time`).toEqual(['helloworldagain', 'complete'])
  }
})
