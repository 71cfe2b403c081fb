// What holds of every response and of every string of bytes: splits change nothing, nothing throws, nothing grows, and what was written is read.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse, Recording, type Asked } from './recording.test.kit.ts'
import { seeded } from '../../http1/damage.test.kit.ts'
import { damaged, responses } from './responses.test.kit.ts'

const asks: readonly Asked[] = [{}, { head: true }, { upgrade: true }]

describe('every split of a response gives the same', () => {
  test.each(responses.map((bytes) => [bytes]))('%j', (bytes) => {
    for (const asked of asks) {
      const whole = parse(bytes, asked)
      for (let cut = 1; cut < bytes.length; cut++) expect(parse(bytes, asked, [cut]), `cut at ${cut}`).toEqual(whole)
      expect(parse(bytes, asked, Array.from({ length: bytes.length - 1 }, (_, i) => i + 1)), 'single bytes').toEqual(whole)
    }
  })

  test('also at random places', () => {
    const property = fc.property(fc.constantFrom(...responses), fc.constantFrom(...asks), fc.array(fc.nat(400), { maxLength: 12 }), (bytes, asked, places) => {
      expect(parse(bytes, asked, cutsOf(places, bytes.length))).toEqual(parse(bytes, asked))
    })
    fc.assert(property, { numRuns: 3_000, seed: 1 })
  })

  test('also of damaged ones: refused whole is refused in pieces, and what is read is the same', () => {
    const random = seeded(7)
    for (let i = 0; i < 20_000; i++) {
      const bytes = damaged(responses[random(responses.length)] as string, random)
      const asked = asks[random(asks.length)] as Asked
      const cuts = cutsOf(Array.from({ length: 1 + random(6) }, () => random(bytes.length + 1)), bytes.length)
      // Of two breaches in one section, pieces may show the one first and the whole the other; refused is refused.
      expect(refusedAlike(parse(bytes, asked, cuts)), JSON.stringify({ bytes, asked, cuts })).toEqual(refusedAlike(parse(bytes, asked)))
    }
  })
})

/** In order, each once, none at an end. */
function cutsOf(places: readonly number[], length: number): number[] {
  return [...new Set(places)].filter((place) => place > 0 && place < length).sort((a, b) => a - b)
}

function refusedAlike<T extends { outcome: string }>(recorded: T): T {
  return recorded.outcome.startsWith('MESH_') ? { ...recorded, outcome: 'refused' } : recorded
}

describe('any bytes', () => {
  const anyBytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    fc.tuple(fc.constantFrom(...responses), fc.uint8Array({ maxLength: 100 })).map(([start, bytes]) => start + Buffer.from(bytes).toString('latin1')),
    fc.array(fc.constantFrom('HTTP/1.1 200 OK', '\r\n', '\r\n\r\n', ':', 'a', 'Transfer-Encoding: chunked', 'Content-Length: 3', '0', '3', ';', ' ', '\n', '\r', '\0'), { maxLength: 60 }).map((parts) => parts.join('')),
  )

  test('are never thrown at, and told in no more events than there are bytes', () => {
    const property = fc.property(anyBytes, fc.constantFrom(...asks), fc.array(fc.nat(400), { maxLength: 8 }), (bytes, asked, places) => {
      const recording = new Recording(asked)
      let from = 0
      for (const cut of [...cutsOf(places, bytes.length), bytes.length]) {
        if (cut > from) recording.push(Buffer.from(bytes.slice(from, cut), 'latin1'))
        from = cut
      }
      recording.end()
      const { calls, heads, body, outcome } = recording.recorded
      expect(calls + heads.length).toBeLessThanOrEqual(bytes.length + 1)
      expect(body.length).toBeLessThanOrEqual(bytes.length)
      expect(outcome).toMatch(/^(complete|switched|MESH_UPSTREAM_(CLOSED|PROTOCOL|HEAD_TOO_LARGE))$/)
    })
    fc.assert(property, { numRuns: 10_000, seed: 2 })
  })

  test.each([
    ['a status line', 'HTTP/1.1 200 ', 'x'], ['fields', 'HTTP/1.1 200 OK\r\n', 'a: b\r\n'], ['one field', 'HTTP/1.1 200 OK\r\nA: ', 'x'], ['chunk sizes', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', '0'],
    ['an extension', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;', 'x'], ['trailers', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n', 'a: b\r\n'],
    ['interim responses', '', 'HTTP/1.1 100 Continue\r\n\r\n'],
  ])('without an end are refused at a limit: %s', (_name, start, more) => {
    const recording = new Recording({ headBytes: 2_000 })
    recording.push(Buffer.from(start || more))
    const piece = Buffer.from(more)
    let pushed = 0
    while (recording.recorded.outcome === 'open' && pushed < 100_000) {
      recording.push(piece)
      pushed += piece.length
    }
    expect(recording.recorded.outcome).toMatch(/^MESH_UPSTREAM_(PROTOCOL|HEAD_TOO_LARGE)$/)
    expect(pushed).toBeLessThan(3_000)
  })
})

describe('what a correct server writes', () => {
  const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/)
  const value = fc.stringMatching(/^(?:[!-~\x80-\xff](?:[ \t!-~\x80-\xff]{0,20}[!-~\x80-\xff])?)?$/)
  const blanks = fc.stringMatching(/^[ \t]{0,3}$/)
  const reserved = /^(?:connection|content-length|transfer-encoding|keep-alive|proxy-connection|http2-settings|te|upgrade)$/i
  const fieldLine = fc.record({ name: token.filter((name) => !reserved.test(name)), value, before: blanks, behind: blanks })
  const bytes = fc.uint8Array({ maxLength: 60 }).map((it) => Buffer.from(it).toString('latin1'))
  const chunk = fc.record({ data: bytes.filter((it) => it !== ''), upper: fc.boolean(), zeros: fc.nat(4), extension: fc.option(fc.stringMatching(/^;[a-z]{1,5}(?:=(?:[a-z]{1,5}|"[ -!#-~]{0,5}"))?$/), { nil: '' }) })
  const framing = fc.oneof(
    fc.record({ kind: fc.constant('length' as const), data: bytes }),
    fc.record({ kind: fc.constant('close' as const), data: bytes }),
    fc.record({ kind: fc.constant('chunks' as const), chunks: fc.array(chunk, { maxLength: 5 }), trailers: fc.array(fc.record({ name: token.map((name) => `X-${name}`), value }), { maxLength: 3 }) }),
  )
  const response = fc.record({
    interim: fc.array(fc.constantFrom(100, 102, 103, 199), { maxLength: 2 }),
    status: fc.integer({ min: 200, max: 999 }).filter((status) => status !== 204 && status !== 304),
    reason: fc.stringMatching(/^[ \t!-~\x80-\xff]{0,12}$/),
    fields: fc.array(fieldLine, { maxLength: 8 }),
    framing,
    cuts: fc.array(fc.nat(600), { maxLength: 6 }),
  })

  test('is read as it was meant', () => {
    const property = fc.property(response, (made) => {
      const { framing, fields } = made
      let text = made.interim.map((status) => `HTTP/1.1 ${status} x\r\n\r\n`).join('')
      text += `HTTP/1.1 ${made.status} ${made.reason}\r\n`
      for (const { name, value, before, behind } of fields) text += `${name}:${before}${value}${behind}\r\n`
      const expected = fields.flatMap(({ name, value }) => [name, value])
      let body = ''
      if (framing.kind === 'length') {
        text += `Content-Length: ${framing.data.length}\r\n\r\n${framing.data}`
        expected.push('Content-Length', String(framing.data.length))
        body = framing.data
      } else if (framing.kind === 'close') {
        text += `\r\n${framing.data}`
        body = framing.data
      } else {
        text += 'Transfer-Encoding: chunked\r\n\r\n'
        for (const { data, upper, zeros, extension } of framing.chunks) {
          const size = data.length.toString(16)
          text += `${'0'.repeat(zeros)}${upper ? size.toUpperCase() : size}${extension}\r\n${data}\r\n`
          body += data
        }
        text += `0\r\n${framing.trailers.map(({ name, value }) => `${name}: ${value}\r\n`).join('')}\r\n`
      }
      const trailers = framing.kind === 'chunks' ? framing.trailers.flatMap(({ name, value }) => [name, value]) : []
      const read = parse(text, {}, cutsOf(made.cuts, text.length))
      expect(read).toMatchObject({ body, outcome: 'complete', rest: 0, trailers: trailers.length === 0 ? undefined : trailers })
      expect(read.heads.map(({ status }) => status)).toEqual([...made.interim, made.status])
      expect(read.heads.at(-1)).toMatchObject({ reason: made.reason, fields: expected, close: false })
    })
    fc.assert(property, { numRuns: 3_000, seed: 3 })
  })
})
