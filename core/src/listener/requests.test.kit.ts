// For tests: requests as clients send them and as hostile ones do, and a seeded way to damage them.
import { damagedBy } from '../http1/damage.test.kit.ts'

const head = (...lines: string[]): string => `${lines.join('\r\n')}\r\n\r\n`
const chunkedHead = head('POST /upload HTTP/1.1', 'Host: shop.example', 'Transfer-Encoding: chunked')
const next = head('GET /next HTTP/1.1', 'Host: shop.example')

/** Bytes of one or more requests on one connection, latin1: whole, cut, ambiguous, wrong. */
export const requests: readonly string[] = [
  head('GET / HTTP/1.1', 'Host: shop.example'),
  head('GET /books?sort=price&page=2 HTTP/1.1', 'Host: shop.example:8080', 'User-Agent: curl/8.5.0', 'Accept: */*', 'Accept-Encoding: gzip, br', 'Cookie: a=b; c=d', 'Cookie: e=f', 'X-Empty:', 'X-Long: \xe4\xf6 \t x'),
  head('HEAD /a HTTP/1.1', 'Host: a', 'Connection: keep-alive') + next,
  head('POST /orders HTTP/1.1', 'Host: shop.example', 'Content-Type: application/json', 'Content-Length: 11') + '{"id": 421}' + next,
  head('PUT /orders/1 HTTP/1.1', 'Host: shop.example', 'content-length:\t5 ') + 'hello' + next,
  head('DELETE /orders/1 HTTP/1.1', 'Host: shop.example', 'Content-Length: 0') + next,
  head('OPTIONS * HTTP/1.1', 'Host: shop.example') + next,
  head('GET http://other.example/a?b HTTP/1.1', 'Host: shop.example') + next,
  head('M-SEARCH /x HTTP/1.1', 'Host: a') + head('PROPFIND /y HTTP/1.1', 'Host: a', 'Depth: 1'),
  head('GET /old HTTP/1.0') + next,
  head('GET /old HTTP/1.0', 'Connection: keep-alive', 'Host: a') + next,
  head('GET /last HTTP/1.1', 'Host: a', 'Connection: close') + next,
  head('GET /chat HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket') + next,
  head('PUT /big HTTP/1.1', 'Host: a', 'Content-Length: 5', 'Expect: 100-continue') + 'hello' + next,
  `\r\n${next}`,
  `\r\n\r\n\r\n${next}\r\n${next}`,
  head('POST /form HTTP/1.1', 'Host: a', 'Content-Length: 3') + `a=b\r\n${next}`,
  next.repeat(4),
  `${chunkedHead}5\r\nhello\r\n0\r\n\r\n${next}`,
  `${chunkedHead}5;name=value\r\nhello\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0;last\r\n\r\n${next}`,
  `${chunkedHead}00A\r\n0123456789\r\n000\r\nX-Sum: 42\r\nX-Other: a b\r\n\r\n${next}`,
  `${chunkedHead}7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n${next}`,
  `${chunkedHead}${'1\r\nx\r\n'.repeat(20)}0\r\n\r\n`,
  // A body that looks like a request.
  head('POST /wrap HTTP/1.1', 'Host: a', `Content-Length: ${next.length}`) + next + next,
  `${chunkedHead}${next.length.toString(16)}\r\n${next}\r\n0\r\n\r\n${next}`,
  // Cut.
  head('POST / HTTP/1.1', 'Host: a', 'Content-Length: 50') + 'hello',
  `${chunkedHead}5\r\nhel`,
  `${next}GET /half HTTP/1.1\r\nHost: a`,
  // Ambiguous or wrong.
  head('POST / HTTP/1.1', 'Host: a', 'Content-Length: 6', 'Transfer-Encoding: chunked') + `0\r\n\r\nG${next}`,
  head('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked', 'Content-Length: 3') + `8\r\nSMUGGLED\r\n0\r\n\r\n${next}`,
  head('POST / HTTP/1.1', 'Host: a', 'Content-Length: 3', 'Content-Length: 4') + `abcd${next}`,
  head('POST / HTTP/1.1', 'Host: a', 'Content-Length: 3', 'Content-Length: 3') + `abc${next}`,
  head('POST / HTTP/1.1', 'Host: a', 'Content-Length: 3, 3') + `abc${next}`,
  head('POST / HTTP/1.1', 'Host: a', 'Content-Length: +3') + `abc${next}`,
  head('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: gzip, chunked') + `3\r\nabc\r\n0\r\n\r\n${next}`,
  head('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity') + `3\r\nabc\r\n0\r\n\r\n${next}`,
  head('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: xchunked') + `3\r\nabc\r\n0\r\n\r\n${next}`,
  head('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked\t') + `3\r\nabc\r\n0\r\n\r\n${next}`,
  head('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding:\x0bchunked') + `3\r\nabc\r\n0\r\n\r\n${next}`,
  head('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding : chunked') + `3\r\nabc\r\n0\r\n\r\n${next}`,
  head('POST / HTTP/1.0', 'Host: a', 'Transfer-Encoding: chunked', 'Connection: keep-alive') + `3\r\nabc\r\n0\r\n\r\n${next}`,
  head('GET / HTTP/1.1', 'Host: a', 'Host: b') + next,
  head('GET / HTTP/1.1', 'Host: a b') + next,
  head('GET / HTTP/1.1') + next,
  head('GET / HTTP/1.1', 'Host: a', 'X-Folded: a', ' b') + next,
  head('GET / HTTP/1.1', 'Host: a', 'X-Blank : a') + next,
  'GET / HTTP/1.1\nHost: a\n\n' + next,
  head('GET / HTTP/1.1', 'Host: a', 'X-Bare: a\rb') + next,
  head('GET / HTTP/1.1', 'Host: a', 'X-Nul: a\0b') + next,
  head('GET / HTTP/1.1', 'Host: a', 'X-A: b\nContent-Length: 5') + `hello${next}`,
  head('GET /a b HTTP/1.1', 'Host: a') + next,
  head('GET  / HTTP/1.1', 'Host: a') + next,
  head('GET / HTTP/2.0', 'Host: a') + next,
  head('GET / HTTP/1.2', 'Host: a') + next,
  head('GET /'),
  head('CONNECT shop.example:443 HTTP/1.1', 'Host: shop.example:443') + next,
  head('TRACE / HTTP/1.1', 'Host: a') + next,
  head('PRI * HTTP/2.0') + 'SM\r\n\r\n',
  `${chunkedHead}0x5\r\nhello\r\n0\r\n\r\n${next}`,
  `${chunkedHead}5\nhello\n0\n\n${next}`,
  `${chunkedHead}5 \r\nhello\r\n0\r\n\r\n${next}`,
  `${chunkedHead}5\r\nhello0\r\n\r\n${next}`,
  `${chunkedHead}-5\r\nhello\r\n0\r\n\r\n${next}`,
  `${chunkedHead}0000000000005\r\nhello\r\n0\r\n\r\n${next}`,
  `${chunkedHead}0\r\nContent-Length: 5\r\n\r\n${next}`,
  `${chunkedHead}0\r\nX-Folded: a\r\n b\r\n\r\n${next}`,
  `${chunkedHead}2;\nxx\r\n4c\r\n0\r\n\r\n${next}`,
]

/** What is put into damaged requests: everything that means something to a parser. */
const pieces: readonly string[] = [
  '\r\n', '\r', '\n', '\r\n\r\n', '\n\n', '\r\r\n', ' ', '\t', '\0', '\x0b', '\x7f', '\x80', '\xff', ':', ';', ',', '"', '=', '-', '+', '_', '0', '1', '5', 'a', 'F', 'x', '0x', '/', '?', '#', '*', '%', '\\',
  ' HTTP/1.1', ' HTTP/1.0', ' HTTP/2.0', ' HTTP/1.1\r\n', 'GET ', 'POST ', 'CONNECT ', 'http://b', 'Host: b\r\n', 'Content-Length: 5\r\n', 'Content-Length: 0\r\n', 'content-length:', 'Transfer-Encoding: chunked\r\n', 'transfer-encoding:',
  'Transfer-Encoding: identity\r\n', 'chunked', 'gzip, ', 'Connection: close\r\n', 'Connection: keep-alive\r\n', 'Connection: upgrade\r\nUpgrade: x\r\n', 'Expect: 100-continue\r\n', 'X-A: b\r\n', ' X-A: b\r\n', 'X-A : b\r\n', '0\r\n\r\n',
  '5\r\nhello\r\n', ';a=b', ';a="\r\n', '\r\n ', '18446744073709551617', 'ffffffffffffffff', '000000000000', next,
]

/** A request with one to three damages. */
export function damaged(request: string, random: (limit: number) => number): string {
  return damagedBy({ others: requests, pieces }, request, random)
}
