// A request as it is taken in: what goes on, what is added, and what is refused however its head was written.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MeshError } from '../errors.ts'
import { Headers } from '../headers.ts'
import type { ListenerSpec } from '../spec.ts'
import { listenerSettings } from './http1.ts'
import { takeIn, type Intake } from './intake.ts'
import { RequestParser } from './request-parser.ts'

/** What the parser makes of a head, taken in. */
async function intake(head: readonly string[], spec: Partial<ListenerSpec> = {}): Promise<Intake> {
  const { intake: policy } = listenerSettings(spec, { pseudonym: 'unit' })
  let taken: Intake | undefined
  const parser = new RequestParser({ onHead: (read) => void (taken = takeIn(read, { remoteAddress: '127.0.0.1' }, policy)), onBody() {}, onBodyEnd() {} }, 65_536)
  parser.expect()
  const left = parser.push(Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'))
  if (left instanceof MeshError) throw left
  return taken as Intake
}

describe('a request that is taken in', () => {
  test('has its end-to-end fields in order, and behind them what the mesh says of it', async () => {
    const { request, error } = await intake(['GET /a//b/../c?x=1 HTTP/1.1', 'Host: shop.example:80', 'X-B: 2', 'Connection: x-hop', 'X-Hop: 1', 'X-A: 1', 'Keep-Alive: 5'])
    expect(error).toBeUndefined()
    expect([request.path, request.query, request.target, request.authority]).toEqual(['/a/c', 'x=1', '/a/c?x=1', 'shop.example:80'])
    expect([...request.headers]).toEqual([
      ['X-B', '2'], ['X-A', '1'], ['x-forwarded-for', '127.0.0.1'], ['x-forwarded-proto', 'http'], ['x-forwarded-host', 'shop.example:80'],
      ['x-request-id', request.id], ['via', '1.1 unit'],
    ])
  })

  test('believes nobody who says where it came from, unless the peer is a trusted hop', async () => {
    const head = ['GET / HTTP/1.1', 'Host: a', 'X-Forwarded-For: 192.0.2.7', 'X-Request-Id: mine']
    const stranger = (await intake(head)).request
    const trusted = (await intake(head, { trustedHops: ['127.0.0.1'] })).request
    expect([stranger.clientAddress, stranger.headers.getAll('x-forwarded-for'), stranger.id === 'mine']).toEqual(['127.0.0.1', ['127.0.0.1'], false])
    expect([trusted.clientAddress, trusted.id]).toEqual(['192.0.2.7', 'mine'])
  })

  test.each([
    ['Content-Length: 5', true, 5],
    ['Content-Length: 0', false, 0],
    ['Transfer-Encoding: chunked', true, undefined],
    ['X-A: 1', false, undefined],
  ])('with %s has a body: %s', async (field, hasBody, length) => {
    expect(await intake(['POST / HTTP/1.1', 'Host: a', field])).toMatchObject({ hasBody, contentLength: length, error: undefined })
  })

  test.each<[string, string[], Partial<ListenerSpec>, string]>([
    ['no Host', ['GET / HTTP/1.1'], {}, 'MESH_BAD_HOST'],
    ['two Hosts', ['GET / HTTP/1.1', 'Host: a', 'Host: a'], {}, 'MESH_BAD_HOST'],
    ['two Hosts behind a path for nobody', ['GET /a%2fb HTTP/1.1', 'Host: a', 'Host: a'], {}, 'MESH_BAD_HOST'],
    ['a Host with a path', ['GET / HTTP/1.1', 'Host: a/b'], {}, 'MESH_BAD_HOST'],
    ['an escape that is none', ['GET /%zz HTTP/1.1', 'Host: a'], {}, 'MESH_BAD_PATH'],
    ['an escaped slash', ['GET /a%2fb HTTP/1.1', 'Host: a'], {}, 'MESH_BAD_PATH'],
    ['a coding that is not known', ['POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: gzip, chunked'], {}, 'MESH_UNKNOWN_CODING'],
    ['more fields than allowed', ['GET / HTTP/1.1', 'Host: a', 'X-A: 1', 'X-B: 2'], { limits: { headerCount: 2 } }, 'MESH_TOO_MANY_HEADERS'],
    ['a longer target than allowed', ['GET /12345 HTTP/1.1', 'Host: a'], { limits: { urlLength: 5 } }, 'MESH_URL_TOO_LONG'],
    ['an underscore where that is refused', ['GET / HTTP/1.1', 'Host: a', 'X_A: 1'], { underscores: 'reject' }, 'MESH_BAD_HEADER'],
    ['TRACE', ['TRACE / HTTP/1.1', 'Host: a'], {}, 'MESH_METHOD_REFUSED'],
    ['its own name in Via', ['GET / HTTP/1.1', 'Host: a', 'Via: 1.1 other, 1.1 unit'], {}, 'MESH_LOOP'],
  ])('is refused for %s', async (_name, head, spec, code) => {
    const { error, request } = await intake(head, spec)
    expect(error?.code).toBe(code)
    expect(request.id).not.toBe('')
  })

  test('may have exactly as many fields, and exactly as long a target, as allowed', async () => {
    const { error } = await intake(['GET /1234 HTTP/1.1', 'Host: a', 'X-A: 1'], { limits: { headerCount: 2, urlLength: 5 } })
    expect(error).toBeUndefined()
  })

  test('loses fields with an underscore where they are dropped', async () => {
    const { request } = await intake(['GET / HTTP/1.1', 'Host: a', 'X_A: 1', 'X-B: 2'], { underscores: 'drop' })
    expect([request.headers.has('x_a'), request.headers.has('x-b')]).toEqual([false, true])
  })
})

test('whatever a client calls hop-by-hop, the mesh\'s own fields are there and its framing is not', async () => {
  const { intake: policy } = listenerSettings({}, { pseudonym: 'unit' })
  const name = fc.constantFrom('host', 'via', 'x-request-id', 'x-forwarded-for', 'forwarded', 'content-length', 'transfer-encoding', 'connection', 'close', 'te', 'x-a', '', ',')
  await fc.assert(
    fc.asyncProperty(fc.array(name, { maxLength: 6 }), async (names) => {
      const rawHeaders = ['Host', 'a', 'Connection', names.join(','), 'X-A', '1', 'Content-Length', '0', 'Forwarded', 'for=1.2.3.4']
      const message = { rawHeaders, url: '/', method: 'GET', httpVersion: '1.1', httpVersionMajor: 1, httpVersionMinor: 1 }
      const { request, error } = takeIn(message, { remoteAddress: '192.0.2.1' }, policy)
      expect(error).toBeUndefined()
      expect(request.headers).toBeInstanceOf(Headers)
      expect([request.headers.getAll('x-forwarded-for'), request.headers.getAll('via'), request.headers.getAll('x-request-id')]).toEqual([['192.0.2.1'], ['1.1 unit'], [request.id]])
      for (const own of ['connection', 'content-length', 'host', 'forwarded']) expect(request.headers.has(own)).toBe(false)
      expect(request.headers.has('x-a')).toBe(!names.includes('x-a'))
    }),
    { seed: 1, numRuns: 100 },
  )
})
