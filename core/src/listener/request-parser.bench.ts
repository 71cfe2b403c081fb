// What it costs to read a request off a connection. Run: npx vitest bench core/src/listener
import { expect, test } from 'vitest'
import { RequestParser, type RequestEvents } from './request-parser.ts'

const rounds = 1_000
const fields = ['User-Agent: Mozilla/5.0 (X11; Linux x86_64)', 'Accept: application/json', 'Accept-Encoding: gzip, deflate, br', 'Accept-Language: en', 'Cookie: session=0123456789abcdef', 'X-Request-Id: 01HZX', 'Cache-Control: no-cache', 'Connection: keep-alive']
const head = (framing: string, count: number): string => `POST /books/42?page=2 HTTP/1.1\r\nHost: shop.example\r\n${[...fields, ...fields, ...fields, ...fields].slice(0, count).map((line) => `${line}\r\n`).join('')}${framing}\r\n`
const body = '{"id":42,"name":"a name","price":1299,"stock":7}'
const sized = (text: string): string => head(`Content-Length: ${text.length}\r\n`, 5) + text
const chunked = (chunks: number, size: number): string => `${head('Transfer-Encoding: chunked\r\n', 5)}${`${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`.repeat(chunks)}0\r\n\r\n`

/** The pieces in which a request arrives. */
const cases: Record<string, Buffer[]> = {
  'a head of 1 field': [Buffer.from(head('', 0))],
  'a head of 6 fields': [Buffer.from(head('', 5))],
  'a head of 33 fields': [Buffer.from(head('', 32))],
  'a head of 7 fields and a small body': [Buffer.from(sized(body))],
  'a head cut in two': [Buffer.from(head('', 5).slice(0, 80)), Buffer.from(head('', 5).slice(80))],
  '64 KB with a length, one piece': [Buffer.from(sized('x'.repeat(65_000)))],
  'one chunk': [Buffer.from(chunked(1, 48))],
  '100 chunks of 100 bytes': [Buffer.from(chunked(100, 100))],
}

/** Takes everything and keeps nothing: a head says by its last field how its body is framed. */
class Taker implements RequestEvents {
  readonly parser: RequestParser = new RequestParser(this, 65_536)
  failed = false

  onHead({ rawHeaders }: { readonly rawHeaders: readonly string[] }): void {
    const name = rawHeaders.at(-2)
    if (name === 'Content-Length') this.parser.expectBody(Number(rawHeaders.at(-1)))
    else if (name === 'Transfer-Encoding') this.parser.expectBody('chunked')
  }

  onBody(): void {}
  onBodyEnd(): void {}

  take(bytes: Buffer): void {
    let input = bytes
    while (input.length > 0) {
      const left = this.parser.push(input)
      if (typeof left !== 'number') {
        this.failed = true
        return
      }
      input = input.subarray(input.length - left)
    }
  }
}

test(`${rounds} requests (ms divided by ${rounds} is the cost of one)`, async ({ bench }) => {
  const taker = new Taker()
  for (const [name, pieces] of Object.entries(cases)) {
    await bench(name, () => {
      for (let i = 0; i < rounds; i++) {
        taker.parser.expect()
        for (const piece of pieces) taker.take(piece)
      }
    }).run()
    expect(taker.failed).toBe(false)
  }
})

test('a head of 64 KB that comes in single bytes', async ({ bench }) => {
  const bytes = Buffer.from(`GET / HTTP/1.1\r\nX-Long: ${'x'.repeat(65_000)}\r\n\r\n`)
  const pieces = Array.from(bytes, (byte) => Buffer.from([byte]))
  const taker = new Taker()
  await bench('all of it', () => {
    taker.parser.expect()
    for (const piece of pieces) taker.take(piece)
  }).run()
  expect(taker.failed).toBe(false)
})
