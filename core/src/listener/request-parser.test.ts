// The request parser, rule by rule (RFC 9112 §2, §3, §5 to §7): what it takes, what it refuses, where it stops, and that nothing waits unbounded.
import { describe, expect, test } from 'vitest'
import { MeshError } from '../errors.ts'
import { parse, Recording } from './recording.test.kit.ts'
import { RequestParser, type RequestEvents, type RequestHead } from './request-parser.ts'

const head = (...lines: string[]): string => `POST /x HTTP/1.1\r\nHost: a\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`
const chunked = (body: string): string => head('Transfer-Encoding: chunked') + body
const outcome = (bytes: string): string => parse(bytes).outcome
const next = 'GET /next HTTP/1.1\r\nHost: a\r\n\r\n'

const bad = 'MESH_BAD_REQUEST'
const large = 'MESH_HEAD_TOO_LARGE'
const framing = 'MESH_BAD_FRAMING'

/** A parser with events that are only counted, and what it said of the last head. */
class Plain implements RequestEvents {
  readonly heads: RequestHead[] = []
  readonly texts: string[] = []
  readonly parser: RequestParser
  body = ''
  ends = 0
  readonly #framing: number | 'chunked' | undefined

  constructor(framing?: number | 'chunked', headBytes = 65_536) {
    this.#framing = framing
    this.parser = new RequestParser(this, headBytes)
    this.parser.expect()
  }

  onHead(read: RequestHead, text: string): void {
    this.heads.push(read)
    this.texts.push(text)
    if (this.#framing !== undefined) this.parser.expectBody(this.#framing)
  }

  onBody(chunk: Buffer): void {
    this.body += chunk.toString('latin1')
  }

  onBodyEnd(): void {
    this.ends++
  }

  /** How many bytes are left, or the code of an error. */
  push(text: string): number | string {
    const left = this.parser.push(Buffer.from(text, 'latin1'))
    return left instanceof MeshError ? left.code : left
  }
}

/** What the parser alone makes of a request line, without what a listener asks of it. */
function line(text: string): RequestHead | string {
  const plain = new Plain()
  const left = plain.push(`${text}\r\n\r\n`)
  return typeof left === 'string' ? left : (plain.heads[0] ?? 'nothing')
}

describe('the request line', () => {
  test.each([
    ['GET / HTTP/1.1', 'GET', '/', 1, 1],
    ['GET / HTTP/1.0', 'GET', '/', 1, 0],
    ['get / HTTP/1.1', 'get', '/', 1, 1],
    ['M-SEARCH * HTTP/1.1', 'M-SEARCH', '*', 1, 1],
    ["!#$%&'*+.^_`|~0Az- / HTTP/1.1", "!#$%&'*+.^_`|~0Az-", '/', 1, 1],
    [`${'A'.repeat(64)} / HTTP/1.1`, 'A'.repeat(64), '/', 1, 1],
    ['OPTIONS * HTTP/1.1', 'OPTIONS', '*', 1, 1],
    ['GET http://a/b?c HTTP/1.1', 'GET', 'http://a/b?c', 1, 1],
    ['CONNECT a:443 HTTP/1.1', 'CONNECT', 'a:443', 1, 1],
    // What a target may be is said by whoever takes the request in.
    ['GET /a b HTTP/1.1', 'GET', '/a b', 1, 1],
    ['GET  / HTTP/1.1', 'GET', ' /', 1, 1],
    ['GET  HTTP/1.1', 'GET', '', 1, 1],
    ['GET /\xff HTTP/1.1', 'GET', '/\xff', 1, 1],
    ['GET / HTTP/1.1 HTTP/1.1', 'GET', '/ HTTP/1.1', 1, 1],
    // So is which version.
    ['GET / HTTP/2.0', 'GET', '/', 2, 0],
    ['GET / HTTP/0.9', 'GET', '/', 0, 9],
    ['GET / HTTP/1.9', 'GET', '/', 1, 9],
  ])('%j is taken apart', (text, method, url, major, minor) => {
    expect(line(text)).toEqual({ method, url, httpVersion: `${major}.${minor}`, httpVersionMajor: major, httpVersionMinor: minor, rawHeaders: [] })
  })

  test.each([
    'GET', 'GET /', 'GET HTTP/1.1', '/ HTTP/1.1', ' GET / HTTP/1.1', 'GET\t/ HTTP/1.1', 'GET /\tHTTP/1.1', 'GET /HTTP/1.1', 'GET / HTTP/1.1 ', 'GET / http/1.1', 'GET / HTTP/11', 'GET / HTTP/1.1x', 'GET / HTTP/1.10', 'GET / HTTP/x.1',
    'GET / HTTP/1,1', 'GET / HTTPS/1.1', 'G(T / HTTP/1.1', 'G\xc4T / HTTP/1.1', 'G:T / HTTP/1.1', 'G\0T / HTTP/1.1', 'GET /\0 HTTP/1.1', 'GET /\x7f HTTP/1.1', 'GET /a\rb HTTP/1.1', 'GET /a\nb HTTP/1.1', `${'A'.repeat(65)} / HTTP/1.1`,
    '"GET" / HTTP/1.1', 'HTTP/1.1 200 OK', '\x16\x03\x01\x02\x00\x01', 'Host: a',
  ])('%j is refused', (text) => {
    expect(line(text)).toBe(bad)
  })

  test.each(['\r\n', '\r\n\r\n', '\r\n\r\n\r\n', '\r\n'.repeat(20)])('has empty lines before it that are skipped: %j', (empty) => {
    expect(parse(empty + next + empty + next).requests.map(({ url }) => url)).toEqual(['/next', '/next'])
    expect(new Plain().push(empty + next)).toBe(0)
  })

  test.each(['\n', '\r', '\n\n', '\r\r\n', ' \r\n', '\0\r\n'])('has nothing else before it: %j', (before) => {
    expect(outcome(before + next)).toBe(bad)
  })
})

describe('fields', () => {
  const fieldsOf = (...lines: string[]): readonly string[] | string => {
    const plain = new Plain()
    const left = plain.push(`GET / HTTP/1.1\r\n${lines.map((one) => `${one}\r\n`).join('')}\r\n`)
    return typeof left === 'string' ? left : (plain.heads[0]?.rawHeaders ?? [])
  }

  test('keep their order, their case and their repetitions, without the blanks around values', () => {
    expect(fieldsOf('X-B:  1\t', 'x-a:2', 'X-B: ', 'Cookie: a=b; c', 'Cookie: \xff', 'Host: a:1')).toEqual(['X-B', '1', 'x-a', '2', 'X-B', '', 'Cookie', 'a=b; c', 'Cookie', '\xff', 'Host', 'a:1'])
  })

  test.each([
    ['a folded field', 'X-A: 1\r\n 2'], ['a field folded with a tab', 'X-A: 1\r\n\t2'], ['a blank before the first', ' X-A: 1'], ['no colon', 'X-A'], ['no name', ': 1'], ['NUL in a value', 'X-A: a\0b'], ['NUL in a name', 'X\0A: b'],
    ['DEL', 'X-A: a\x7fb'], ['a form feed', 'X-A: a\x0cb'], ['a vertical tab', 'X-A: a\x0bb'], ['a bare CR', 'X-A: a\rb'], ['a bare LF', 'X-A: a\nX-B: b'], ['a line that ends in CR CR LF', 'X-A: a\r'], ['a line that ends in LF CR LF', 'X-A: a\n'],
    ['a folded field with a colon', 'X-A: 1\r\n b: 2'], ['a blank before the colon', 'X-A : 1'], ['a tab before the colon', 'X-A\t: 1'], ['a name with a blank', 'X A: 1'], ['a name that is not a token', 'X(A): 1'], ['a name above ASCII', 'X-\xe4: 1'],
  ])('%s is refused', (_name, line) => {
    // A name that is no token is told apart by whoever takes the request in, so that the refusal can be logged.
    const refusal = /^MESH_BAD_(REQUEST|HEADER)$/
    expect(outcome(head(line) + next)).toMatch(refusal)
    expect(outcome(`GET / HTTP/1.1\r\n${line}\r\nHost: a\r\n\r\n${next}`)).toMatch(refusal)
  })

  test('are told with the head as it came, without its last line ends', () => {
    const plain = new Plain()
    plain.push(`\r\n${next}`)
    expect(plain.texts).toEqual(['GET /next HTTP/1.1\r\nHost: a'])
  })
})

describe('what breaks the rules is refused before it is whole', () => {
  test.each([
    ['line ends of LF alone', 'GET / HTTP/1.1\nHo'], ['a bare CR', 'GET / HTTP/1.1\r\nX-A: a\rb'], ['NUL', 'GET /\0x'], ['a TLS handshake', '\x16\x03\x01\x00\xa5\x01'], ['a bare LF in front', '\n\nG'],
  ])('%s', (_name, bytes) => {
    expect(new Plain().push(bytes)).toBe(bad)
    const inPieces = new Plain()
    expect(bytes.split('').map((byte) => inPieces.push(byte))).toContain(bad)
  })

  test('a head longer than its limit, however it comes, and however much of it is empty lines', () => {
    const long = `GET / HTTP/1.1\r\nX: ${'x'.repeat(200)}\r\n\r\n`
    expect(new Plain(undefined, 100).push(long)).toBe(large)
    expect(new Plain(undefined, 100).push(long.slice(0, 101))).toBe(large)
    const bytes = new Plain(undefined, 100)
    const answers = long.split('').map((byte) => bytes.push(byte))
    expect(answers.indexOf(large)).toBe(100)
  })

  test('a head as long as its limit is taken', () => {
    expect(new Plain(undefined, next.length).push(next)).toBe(0)
    expect(new Plain(undefined, next.length - 1).push(next)).toBe(large)
  })

  test('trailers longer than the limit of a head', () => {
    const plain = new Plain('chunked', 100)
    expect(plain.push(`POST / HTTP/1.1\r\n\r\n`)).toBe(0)
    expect(plain.push(`0\r\nX: ${'x'.repeat(100)}`)).toBe(large)
  })
})

describe('a body', () => {
  test.each([
    ['a length', head('Content-Length: 5') + 'hello', 'hello'],
    ['leading zeros', head('Content-Length: 0005') + 'hello', 'hello'],
    ['chunks', chunked('5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n'), 'hello!'],
    ['chunks, in another case', `${head('tRaNsFeR-eNcOdInG:\tCHUNKED ')}5\r\nhello\r\n0\r\n\r\n`, 'hello'],
    ['chunks with upper and lower digits', chunked(`a\r\n0123456789\r\nB\r\n0123456789a\r\n00c\r\n0123456789ab\r\n0\r\n\r\n`), '01234567890123456789a0123456789ab'],
    ['chunks with extensions', chunked('5;a=b;c="d e"\r\nhello\r\n0 ; x\r\n\r\n'), 'hello'],
    ['chunks with blanks before an extension', chunked('5 \t;a\r\nhello\r\n0\r\n\r\n'), 'hello'],
    ['chunks with line ends and requests in them', chunked(`4\r\n\r\n\r\n\r\n${next.length.toString(16)}\r\n${next}\r\n0\r\n\r\n`), `\r\n\r\n${next}`],
    ['nothing', head(), ''],
    ['a length of 0', head('Content-Length: 0'), ''],
    ['no chunks', chunked('0\r\n\r\n'), ''],
  ])('is told by %s, and the next request begins behind it', (_name, bytes, body) => {
    const read = parse(bytes + next)
    expect(read.outcome).toBe('ended')
    expect(read.requests.map((one) => [one.url, one.body])).toEqual([['/x', body], ['/next', '']])
  })

  test.each([
    ['no size', '\r\nx'], ['a sign', '+1\r\nx\r\n'], ['a prefix', '0x1\r\nx\r\n'], ['no hexadecimal', 'g\r\nx\r\n'], ['a blank in front', ' 1\r\nx\r\n'], ['a blank behind', '1 \r\nx\r\n'], ['a bare LF', '1\nx\n'], ['a bare CR', '1\rx'],
    ['13 digits', '0000000000001\r\nx\r\n'], ['a size that nobody has', 'fffffffffffff\r\n'], ['more than its size', '1\r\nxy\r\n'], ['a bare LF behind it', '1\r\nx\n1\r\n'], ['CR CR LF behind it', '1\r\nx\r\r\n'],
    ['a control character in an extension', '1;a\x01\r\nx\r\n'], ['a bare LF in an extension', '1;\nx\r\n0\r\n\r\n'], ['a line of more than 1024 bytes', `1;${'a'.repeat(1_024)}\r\nx\r\n`], ['an underscore', '1_0\r\n'],
  ])('in chunks with %s is refused', (_name, body) => {
    expect(outcome(chunked(body) + next)).toBe(framing)
  })

  test.each([['a folded trailer', 'X: a\r\n b'], ['a trailer without a colon', 'X'], ['a trailer with NUL', 'X: \0'], ['a trailer name that is no token', 'X Y: 1'], ['a bare LF', 'X: 1\nY: 2']])('with %s is refused', (_name, line) => {
    expect(outcome(chunked(`0\r\n${line}\r\n\r\n`) + next)).toBe(bad)
  })

  test('may have trailers', () => {
    expect(parse(chunked('1\r\nx\r\n0\r\nX-Sum: 1\r\nX-Sum: \t2 \r\n\r\n') + next).requests.map(({ trailers }) => trailers)).toEqual([['X-Sum', '1', 'X-Sum', '2'], undefined])
  })

  test('is told as it comes, in views of what was pushed', () => {
    const plain = new Plain(10)
    expect(plain.push(head())).toBe(0)
    for (const [piece, body, ends] of [['abc', 'abc', 0], ['def', 'abcdef', 0], ['ghijGET', 'abcdefghij', 1]] as const) {
      expect(plain.push(piece)).toBe(piece.length > 3 ? 3 : 0)
      expect([plain.body, plain.ends]).toEqual([body, ends])
    }
  })
})

describe('from one request to the next', () => {
  test('nothing behind a head is looked at before it is pushed again', () => {
    const plain = new Plain(5)
    expect(plain.push(`${head()}hello${next}`)).toBe(5 + next.length)
    expect([plain.body, plain.parser.done]).toEqual(['', false])
    expect(plain.push(`hello${next}`)).toBe(next.length)
    expect([plain.body, plain.ends, plain.parser.done]).toEqual(['hello', 1, true])
    // Not even when it is no request.
    expect(plain.push('\0\0\0')).toBe(3)
    plain.parser.expect()
    expect(plain.push('\0\0\0')).toBe(bad)
  })

  test('several in one piece are read one after the other', () => {
    const plain = new Plain()
    let text = next.repeat(3)
    for (let count = 1; count <= 3; count++) {
      const left = plain.push(text)
      expect([left, plain.heads.length, plain.parser.done]).toEqual([next.length * (3 - count), count, true])
      text = text.slice(text.length - Number(left))
      plain.parser.expect()
    }
  })

  test('a part of a head is a part of a head, an empty line before it is none', () => {
    const plain = new Plain()
    const states = `\r\n${next}`.split('').map((byte) => {
      plain.push(byte)
      return plain.parser.inHead
    })
    expect(states).toEqual([false, false, ...Array.from({ length: next.length - 1 }, () => true), false])
  })

  test('a connection may end between requests, not within one', () => {
    for (const bytes of ['', next, `${next}\r\n`, chunked('0\r\n\r\n'), `${head('Content-Length: 1')}x`]) expect(outcome(bytes)).toBe('ended')
    for (const bytes of ['G', next.slice(0, -1), `${next}G`, head('Content-Length: 1'), `${head('Content-Length: 2')}x`, chunked(''), chunked('1'), chunked('1\r\n'), chunked('1\r\nx'), chunked('1\r\nx\r\n'), chunked('0\r\n'), chunked('0\r\nX: 1\r\n')]) {
      expect(outcome(bytes), JSON.stringify(bytes)).toBe('cut')
    }
  })

  test('a head that came in pieces is not a view of any of them', () => {
    const recording = new Recording()
    for (const byte of Buffer.from(next)) {
      const piece = Buffer.from([byte])
      recording.push(piece)
      piece.fill(0)
    }
    expect(recording.recorded.requests.map(({ url, fields }) => [url, ...fields])).toEqual([['/next', 'Host', 'a']])
  })
})
