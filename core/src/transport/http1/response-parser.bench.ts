// What it costs to read a response off a connection. Run: npx vitest bench core/src/transport/http1
import { expect, test } from 'vitest'
import type { MeshError } from '../../errors.ts'
import { ResponseParser, type ResponseEvents } from './response-parser.ts'

/** Takes everything and keeps nothing. */
const events: ResponseEvents = { onHead() {}, onBody() {}, onComplete() {}, onSwitch() {} }

const rounds = 1_000
const fields = ['Server: nginx/1.22.1', 'Date: Sun, 06 Nov 1994 08:49:37 GMT', 'Content-Type: application/json; charset=utf-8', 'Connection: keep-alive', 'ETag: W/"2f-Zx1"', 'Cache-Control: private, max-age=0', 'Vary: Accept-Encoding', 'X-Request-Id: 01HZX']
const head = (framing: string, count: number): string => `HTTP/1.1 200 OK\r\n${[...fields, ...fields, ...fields, ...fields].slice(0, count).join('\r\n')}\r\n${framing}\r\n\r\n`
const body = '{"id":42,"name":"a name","price":1299,"stock":7}'
const sized = (count: number, text: string): string => head(`Content-Length: ${text.length}`, count) + text
const chunked = (chunks: number, size: number): string => `${head('Transfer-Encoding: chunked', 5)}${`${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`.repeat(chunks)}0\r\n\r\n`

/** The pieces in which a response arrives. */
const cases: Record<string, Buffer[]> = {
  'a head of 3 fields, nothing else': [Buffer.from(sized(2, ''))],
  'a head of 6 fields and a small body': [Buffer.from(sized(5, body))],
  'a head of 33 fields and a small body': [Buffer.from(sized(32, body))],
  'a head of 6 fields, the body in a piece of its own': [Buffer.from(sized(5, body).slice(0, -body.length)), Buffer.from(body)],
  'a head cut in two': [Buffer.from(sized(5, body).slice(0, 80)), Buffer.from(sized(5, body).slice(80))],
  '64 KB with a length, one piece': [Buffer.from(sized(5, 'x'.repeat(65_000)))],
  'one chunk': [Buffer.from(chunked(1, 48))],
  '100 chunks of 100 bytes': [Buffer.from(chunked(100, 100))],
}

test(`${rounds} responses (ms divided by ${rounds} is the cost of one)`, async ({ bench }) => {
  const parser = new ResponseParser(events, 65_536)
  for (const [name, pieces] of Object.entries(cases)) {
    let error: MeshError | undefined
    const { latency } = await bench(name, () => {
      for (let i = 0; i < rounds; i++) {
        parser.expect(false, false)
        for (const piece of pieces) error ??= parser.take(piece)
      }
    }).run()
    expect(error).toBeUndefined()
    expect(latency.mean / rounds, 'ms').toBeLessThan(0.1)
  }
})

test('a head of 64 KB that comes in single bytes', async ({ bench }) => {
  const bytes = Buffer.from(`HTTP/1.1 200 OK\r\nX-Long: ${'x'.repeat(65_000)}\r\nContent-Length: 0\r\n\r\n`)
  const pieces = Array.from(bytes, (byte) => Buffer.from([byte]))
  const parser = new ResponseParser(events, 65_536)
  const { latency } = await bench('all of it', () => {
    parser.expect(false, false)
    for (const piece of pieces) parser.take(piece)
  }).run()
  expect(latency.mean / pieces.length, 'ms per byte').toBeLessThan(0.01)
})
