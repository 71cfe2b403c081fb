// What holds of every request and of every string of bytes: splits change nothing, nothing throws, nothing grows, and what was written is read.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { seeded } from '../http1/damage.test.kit.ts'
import { parse, Recording, type Recorded } from './recording.test.kit.ts'
import { damaged, requests } from './requests.test.kit.ts'

describe('every split of what comes on a connection gives the same', () => {
  test.each(requests.map((bytes) => [bytes]))('%j', (bytes) => {
    const whole = refusedAlike(parse(bytes))
    for (let cut = 1; cut < bytes.length; cut++) expect(refusedAlike(parse(bytes, [cut])), `cut at ${cut}`).toEqual(whole)
    expect(refusedAlike(parse(bytes, Array.from({ length: bytes.length - 1 }, (_, i) => i + 1))), 'single bytes').toEqual(whole)
  })

  test('also at random places', () => {
    const property = fc.property(fc.constantFrom(...requests), fc.array(fc.nat(400), { maxLength: 12 }), (bytes, places) => {
      expect(refusedAlike(parse(bytes, cutsOf(places, bytes.length)))).toEqual(refusedAlike(parse(bytes)))
    })
    fc.assert(property, { numRuns: 3_000, seed: 1 })
  })

  test('also of damaged ones: refused whole is refused in pieces, and what is read is the same', () => {
    const random = seeded(7)
    for (let i = 0; i < 10_000; i++) {
      const bytes = damaged(requests[random(requests.length)] as string, random)
      const cuts = cutsOf(Array.from({ length: 1 + random(6) }, () => random(bytes.length + 1)), bytes.length)
      expect(refusedAlike(parse(bytes, cuts)), JSON.stringify({ bytes, cuts })).toEqual(refusedAlike(parse(bytes)))
    }
  })
})

/** In order, each once, none at an end. */
function cutsOf(places: readonly number[], length: number): number[] {
  return [...new Set(places)].filter((place) => place > 0 && place < length).sort((a, b) => a - b)
}

/** Of two breaches in one section, pieces may show the one first and the whole the other; refused is refused. */
function refusedAlike<T extends Pick<Recorded, 'outcome'>>(recorded: T): T {
  return recorded.outcome.startsWith('MESH_') ? { ...recorded, outcome: 'refused' } : recorded
}

describe('any bytes', () => {
  const anyBytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    fc.tuple(fc.constantFrom(...requests), fc.uint8Array({ maxLength: 100 })).map(([start, bytes]) => start + Buffer.from(bytes).toString('latin1')),
    fc.array(fc.constantFrom('GET / HTTP/1.1', 'POST /', ' HTTP/1.1\r\n', 'Host: a', '\r\n', '\r\n\r\n', ':', 'a', 'Transfer-Encoding: chunked', 'Content-Length: 3', '0', '3', ';', ' ', '\n', '\r', '\0'), { maxLength: 60 }).map((parts) => parts.join('')),
  )

  test('are never thrown at, and told in no more events than there are bytes', () => {
    const property = fc.property(anyBytes, fc.array(fc.nat(400), { maxLength: 8 }), (bytes, places) => {
      const recording = new Recording()
      let from = 0
      for (const cut of [...cutsOf(places, bytes.length), bytes.length]) {
        if (cut > from) recording.push(Buffer.from(bytes.slice(from, cut), 'latin1'))
        from = cut
      }
      recording.end()
      const { calls, requests: read, outcome } = recording.recorded
      expect(calls).toBeLessThanOrEqual(bytes.length)
      expect(read.reduce((sum, { body }) => sum + body.length, 0)).toBeLessThanOrEqual(bytes.length)
      expect(outcome).toMatch(/^(ended|cut|closed|MESH_[A-Z_]+)$/)
    })
    fc.assert(property, { numRuns: 5_000, seed: 2 })
  })

  const chunked = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'

  test.each([
    ['a request line', 'GET /', 'x'], ['a method', 'GE', 'T'], ['fields', 'GET / HTTP/1.1\r\n', 'a: b\r\n'], ['one field', 'GET / HTTP/1.1\r\nA: ', 'x'], ['chunk sizes', chunked, '0'],
    ['an extension', `${chunked}1;`, 'x'], ['trailers', `${chunked}0\r\n`, 'a: b\r\n'],
  ])('without an end are refused at a limit: %s', (_name, start, more) => {
    const recording = new Recording(2_000)
    recording.push(Buffer.from(start))
    const piece = Buffer.from(more)
    let pushed = 0
    while (recording.recorded.outcome === 'open' && pushed < 100_000) {
      recording.push(piece)
      pushed += piece.length
    }
    expect(recording.recorded.outcome).toMatch(/^MESH_(BAD_FRAMING|HEAD_TOO_LARGE)$/)
    expect(pushed).toBeLessThan(3_000)
  })
})

describe('what a correct client writes', () => {
  const token = fc.stringMatching(/^[!#$%&'*+.^`|~0-9A-Za-z-]{1,12}$/)
  const value = fc.stringMatching(/^(?:[!-~\x80-\xff](?:[ \t!-~\x80-\xff]{0,20}[!-~\x80-\xff])?)?$/)
  const blanks = fc.stringMatching(/^[ \t]{0,3}$/)
  const reserved = /^(?:host|connection|content-length|transfer-encoding|expect|via|upgrade)$/i
  const fieldLine = fc.record({ name: token.filter((name) => !reserved.test(name)), value, before: blanks, behind: blanks })
  const bytes = fc.uint8Array({ maxLength: 60 }).map((it) => Buffer.from(it).toString('latin1'))
  const chunk = fc.record({ data: bytes.filter((it) => it !== ''), upper: fc.boolean(), zeros: fc.nat(4), extension: fc.option(fc.stringMatching(/^;[a-z]{1,5}(?:=(?:[a-z]{1,5}|"[ -!#-~]{0,5}"))?$/), { nil: '' }) })
  const framing = fc.oneof(
    fc.record({ kind: fc.constant('none' as const) }),
    fc.record({ kind: fc.constant('length' as const), data: bytes }),
    fc.record({ kind: fc.constant('chunks' as const), chunks: fc.array(chunk, { maxLength: 5 }), trailers: fc.array(fc.record({ name: token.map((name) => `X-${name}`), value }), { maxLength: 3 }) }),
  )
  const request = fc.record({
    empty: fc.nat(2),
    method: token.filter((method) => !['CONNECT', 'TRACE'].includes(method)),
    path: fc.stringMatching(/^\/[a-z0-9/_~!$&'()*+,;=:@-]{0,20}(?:\?[!-"$-~]{0,20})?$/),
    fields: fc.array(fieldLine, { maxLength: 8 }),
    framing,
  })

  /** Its bytes, and what is to be read of them. */
  function written({ empty, method, path, fields, framing }: typeof request extends fc.Arbitrary<infer T> ? T : never): [string, object] {
    const list = ['Host', 'shop.example', ...fields.flatMap(({ name, value }) => [name, value])]
    let text = `${'\r\n'.repeat(empty)}${method} ${path} HTTP/1.1\r\nHost: shop.example\r\n`
    for (const { name, value, before, behind } of fields) text += `${name}:${before}${value}${behind}\r\n`
    const read = { method, url: path, version: '1.1', fields: list, body: '', trailers: undefined as string[] | undefined, complete: true }
    if (framing.kind === 'none') return [`${text}\r\n`, read]
    if (framing.kind === 'length') {
      list.push('Content-Length', String(framing.data.length))
      return [`${text}Content-Length: ${framing.data.length}\r\n\r\n${framing.data}`, { ...read, body: framing.data }]
    }
    list.push('Transfer-Encoding', 'chunked')
    text += 'Transfer-Encoding: chunked\r\n\r\n'
    for (const { data, upper, zeros, extension } of framing.chunks) {
      const size = data.length.toString(16)
      text += `${'0'.repeat(zeros)}${upper ? size.toUpperCase() : size}${extension}\r\n${data}\r\n`
      read.body += data
    }
    text += `0\r\n${framing.trailers.map(({ name, value }) => `${name}: ${value}\r\n`).join('')}\r\n`
    if (framing.trailers.length > 0) read.trailers = framing.trailers.flatMap(({ name, value }) => [name, value])
    return [text, read]
  }

  test('is read as it was meant, however many follow each other', () => {
    const property = fc.property(fc.array(request, { minLength: 1, maxLength: 3 }), fc.array(fc.nat(900), { maxLength: 6 }), (made, places) => {
      const all = made.map(written)
      const text = all.map(([bytes]) => bytes).join('')
      expect(parse(text, cutsOf(places, text.length))).toEqual({ requests: all.map(([, read]) => read), outcome: 'ended' })
    })
    fc.assert(property, { numRuns: 1_500, seed: 3 })
  })
})
