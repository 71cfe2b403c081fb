// For tests: responses as servers send them and as hostile ones do, and a seeded way to damage them.
import { damagedBy } from '../../http1/damage.test.kit.ts'

const head = (...lines: string[]): string => `${lines.join('\r\n')}\r\n\r\n`
const chunkedHead = head('HTTP/1.1 200 OK', 'Content-Type: text/plain', 'Transfer-Encoding: chunked')

/** Bytes of responses, latin1: whole, cut, ambiguous, wrong. */
export const responses: readonly string[] = [
  head('HTTP/1.1 200 OK', 'Content-Length: 5') + 'hello',
  head('HTTP/1.1 200 OK', 'Server: nginx/1.22.1', 'Date: Sun, 06 Nov 1994 08:49:37 GMT', 'Content-Type: text/html', 'Content-Length: 13', 'Connection: keep-alive', 'ETag: "5f-2"', 'Accept-Ranges: bytes') + '<p>hello</p>\n',
  head('HTTP/1.1 200 OK', 'X-Powered-By: Express', 'Set-Cookie: a=b; Path=/', 'Set-Cookie: c=d', 'Vary: Accept-Encoding', 'Keep-Alive: timeout=5, max=3', 'Content-Length: 0'),
  head('HTTP/1.1 301 Moved Permanently', 'Location: https://shop.example/', 'Content-Length: 0', 'Connection: close'),
  head('HTTP/1.1 404 Not Found', 'content-length: 9') + 'not found',
  head('HTTP/1.1 500') + 'until the close',
  head('HTTP/1.0 200 OK', 'Content-Length: 2') + 'ok',
  head('HTTP/1.0 200 OK') + 'until the close',
  head('HTTP/1.1 204 No Content'),
  head('HTTP/1.1 304 Not Modified', 'ETag: "x"', 'Content-Length: 7'),
  head('HTTP/1.1 100 Continue') + head('HTTP/1.1 200 OK', 'Content-Length: 2') + 'ok',
  head('HTTP/1.1 103 Early Hints', 'Link: </style.css>; rel=preload') + head('HTTP/1.1 102 Processing') + head('HTTP/1.1 200 OK', 'Content-Length: 2') + 'ok',
  head('HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade') + '\x81\x02hi',
  `${chunkedHead}5\r\nhello\r\n0\r\n\r\n`,
  `${chunkedHead}5;name=value\r\nhello\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0;last\r\n\r\n`,
  `${chunkedHead}00A\r\n0123456789\r\n000\r\nX-Sum: 42\r\nX-Other: a b\r\n\r\n`,
  `${chunkedHead}7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n`,
  `${chunkedHead}${'1\r\nx\r\n'.repeat(20)}0\r\n\r\n`,
  head('HTTP/1.1 200 OK', 'X-Long: \xe4\xf6 \t x', 'x-empty:', 'Content-Length:\t2 ') + 'ok',
  // Two of them: what is behind the first is nobody's answer.
  head('HTTP/1.1 200 OK', 'Content-Length: 2') + 'ok' + head('HTTP/1.1 666 Evil', 'Content-Length: 4') + 'evil',
  `${chunkedHead}2\r\nok\r\n0\r\n\r\n${head('HTTP/1.1 666 Evil', 'Content-Length: 4')}evil`,
  // Cut.
  head('HTTP/1.1 200 OK', 'Content-Length: 50') + 'hello',
  `${chunkedHead}5\r\nhel`,
  'HTTP/1.1 200 OK\r\nContent-Le',
  // Ambiguous or wrong.
  head('HTTP/1.1 200 OK', 'Content-Length: 3', 'Transfer-Encoding: chunked') + '3\r\nabc\r\n0\r\n\r\n',
  head('HTTP/1.1 200 OK', 'Content-Length: 3', 'Content-Length: 4') + 'abcd',
  head('HTTP/1.1 200 OK', 'Content-Length: 3', 'Content-Length: 3') + 'abc',
  head('HTTP/1.1 200 OK', 'Transfer-Encoding: gzip, chunked') + '3\r\nabc\r\n0\r\n\r\n',
  head('HTTP/1.1 200 OK', 'X-Folded: a', ' b', 'Content-Length: 2') + 'ok',
  head('HTTP/1.1 200 OK', 'X-Blank : a', 'Content-Length: 2') + 'ok',
  'HTTP/1.1 200 OK\nContent-Length: 2\n\nok',
  head('HTTP/1.1 200 OK', 'X-Bare: a\rb', 'Content-Length: 2') + 'ok',
  head('HTTP/1.1 200 OK', 'X-Nul: a\0b', 'Content-Length: 2') + 'ok',
  `${chunkedHead}0x5\r\nhello\r\n0\r\n\r\n`,
  `${chunkedHead}5\nhello\n0\n\n`,
  `${chunkedHead}0000000000005\r\nhello\r\n0\r\n\r\n`,
  head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked\t') + '5\r\nhello\r\n0\r\n\r\n',
  head('HTTP/1.1 200 OK', 'Transfer-Encoding: \xa0chunked') + '5\r\nhello\r\n0\r\n\r\n',
  head('HTTP/2.0 200 OK', 'Content-Length: 2') + 'ok',
  head('HTTP/1.1 099 Low', 'Content-Length: 2') + 'ok',
  head('HTTP/1.1 103 Early Hints', 'Connection: close') + head('HTTP/1.1 200 OK', 'Content-Length: 2') + 'ok',
]

/** What is put into damaged responses: everything that means something to a parser. */
const pieces: readonly string[] = [
  '\r\n', '\r', '\n', '\r\n\r\n', '\n\n', ' ', '\t', '\0', '\x0b', '\x7f', '\x80', '\xff', ':', ';', ',', '"', '=', '-', '+', '_', '0', '1', '5', 'a', 'F', 'x', '0x', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', ' 200 ',
  '100', '101', '204', '304', 'Content-Length: 5\r\n', 'Content-Length: 0\r\n', 'content-length:', 'Transfer-Encoding: chunked\r\n', 'transfer-encoding:', 'Transfer-Encoding: identity\r\n', 'chunked', 'gzip, ',
  'Connection: close\r\n', 'Connection: upgrade\r\nUpgrade: x\r\n', 'X-A: b\r\n', ' X-A: b\r\n', 'X-A : b\r\n', '0\r\n\r\n', '5\r\nhello\r\n', ';a=b', '\r\n ', '18446744073709551617', 'ffffffffffffffff', '000000000000',
]

/** A response with one to three damages. */
export function damaged(response: string, random: (limit: number) => number): string {
  return damagedBy({ others: responses, pieces }, response, random)
}
