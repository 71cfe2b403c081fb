// Heads and trailers that a guest stops, and how they go on.
/* oxlint-disable require-yield -- scripts of a guest are generators even where they call nothing */
import { describe, expect, test } from 'vitest'
import { meshOf, type Handler } from './mesh.test.kit.ts'
import { add, body, call, die, header, puppet, reply, set, setBody } from './puppet.test.kit.ts'
import { goOn, inChunks, ticking } from './ticking.test.kit.ts'

const echo: Handler = ({ body: text }, response) => void response.end(text)

describe('headers that stop', () => {
  test('hold the body back too, until the guest goes on', async () => {
    const seen: unknown[] = []
    const { mesh, inTick } = await ticking(
      {
        *on_request_headers(id) {
          seen.push('headers')
          inTick(function* () {
            seen.push('tick')
            yield* call('proxy_set_effective_context', id)
            yield* set(0, 'x-late', 'yes')
            yield* call('proxy_continue_stream', 0)
          })
          return 1
        },
        *on_request_body(_id, _size, ends) {
          if (ends === 1) seen.push('body')
          return 0
        },
        *on_response_headers(id) {
          inTick(function* () {
            yield* call('proxy_set_effective_context', id)
            yield* set(2, 'x-late', 'yes')
            yield* call('proxy_continue_stream', 1)
          })
          return 4
        },
      },
      echo,
    )
    expect(await mesh.ask({ body: 'abc' })).toMatchObject({ body: 'abc', headers: { 'x-late': 'yes' } })
    expect(seen).toEqual(['headers', 'tick', 'body'])
    expect(mesh.seen[0]?.headers).toMatchObject({ 'x-late': 'yes' })
  })

  test('wait for the whole body where that is allowed, and may be changed until then', async () => {
    const { ask, seen } = await meshOf(
      [
        {
          guest: puppet({
            *on_request_headers() {
              return 1
            },
            *on_request_body(_id, size, ends) {
              yield* set(0, 'x-size', `${size} ${ends}`)
              yield* setBody(0, 0, 1, 'A')
            },
            *on_response_headers() {
              return 1
            },
            *on_response_body(_id, size, ends) {
              yield* set(2, 'x-size', `${size} ${ends}`)
              yield* set(2, ':status', '203')
              yield* setBody(1, 99, 0, 'Z')
            },
          }),
          allowOnHeadersStopIteration: true,
        },
      ],
      ({ body: text }, response) => inChunks(...text.split(''))({} as never, response, {} as never),
    )
    const answer = await ask({ body: ['abc', 'def'] })
    expect(seen[0]).toMatchObject({ body: 'Abcdef', headers: { 'x-size': '6 1' } })
    expect(answer).toMatchObject({ status: 203, body: 'AbcdefZ', headers: { 'x-size': '6 1' } })
  })

  test('wait for a body that is too large no longer than that', async () => {
    const { ask } = await meshOf(
      [
        {
          guest: puppet({
            *on_request_headers() {
              return (yield* header(0, ':method')) === 'POST' ? 1 : 0
            },
            *on_request_body() {},
            *on_response_headers() {
              return 1
            },
            *on_response_body() {},
          }),
          allowOnHeadersStopIteration: true,
          bufferBytes: 100,
        },
      ],
      (_seen, response) => void response.end('x'.repeat(1_000)),
    )
    expect(await ask({ body: 'x'.repeat(101) })).toMatchObject({ status: 413 })
    expect(await ask()).toMatchObject({ status: 502, body: expect.stringContaining('MESH_RESPONSE_BUFFER_FULL') })
  })

  test('are let go by a reply, read or not', async () => {
    const { ask } = await meshOf(
      [
        {
          guest: puppet({
            *on_request_headers() {
              return 1
            },
            *on_request_body() {
              if (String(yield* body(0)).includes('evil')) yield* reply(403, 'evil')
              return 0
            },
          }),
          allowOnHeadersStopIteration: true,
        },
      ],
      echo,
    )
    expect(await ask({ body: 'something evil' })).toMatchObject({ status: 403, body: 'evil' })
    expect(await ask({ body: 'something' })).toMatchObject({ status: 200, body: 'something' })
  })

  test('send the body once when the guest fails at it, and they go on without it', async () => {
    const { ask, seen } = await meshOf(
      [
        {
          guest: puppet({
            *on_request_headers() {
              return 1
            },
            *on_request_body() {
              yield* die()
            },
          }),
          allowOnHeadersStopIteration: true,
          onFailure: 'open',
        },
      ],
      echo,
    )
    expect(await ask({ body: ['some', 'thing'] })).toMatchObject({ status: 200, body: 'something' })
    expect(seen).toMatchObject([{ body: 'something' }])
  })

  test('see the body also without the option, if they were made for Higress', async () => {
    const guest = puppet(
      {
        *on_request_headers() {
          return 1
        },
        *on_request_body(_id, size, ends) {
          yield* set(0, 'x-size', `${size} ${ends}`)
        },
      },
      { abi: '0_2_100' },
    )
    const { ask, seen } = await meshOf([{ guest }], echo)
    expect(await ask({ body: ['some', 'thing'] })).toMatchObject({ status: 200, body: 'something' })
    expect(seen[0]?.headers).toMatchObject({ 'x-size': '9 1' })
  })
})

describe('trailers', () => {
  const withTrailers: Handler = (seen, response) => {
    response.setHeader('trailer', 'x-t')
    response.write(seen.body)
    response.addTrailers({ 'x-t': seen.trailers['x-r'] ?? 'none' })
    response.end()
  }

  test('are changed in both directions', async () => {
    const { ask } = await meshOf(
      [
        {
          guest: puppet({
            *on_request_trailers() {
              yield* set(1, 'x-r', `${String(yield* header(1, 'x-r'))}+`)
            },
            *on_response_trailers() {
              yield* add(3, 'x-u', 'more')
            },
          }),
        },
      ],
      withTrailers,
    )
    expect((await ask({ body: ['a'], trailers: { 'x-r': 'r' } })).trailers).toEqual({ 'x-t': 'r+', 'x-u': 'more' })
  })

  test('are added at the end of a body that has none', async () => {
    const { ask, seen } = await meshOf(
      [
        {
          guest: puppet({
            *on_request_body(_id, _size, ends) {
              if (ends === 1) yield* add(1, 'x-sum', '42')
              else expect(yield* add(1, 'x-sum', '41')).toBe(2)
            },
          }),
        },
      ],
      echo,
    )
    await ask({ body: ['a', 'b'] })
    expect(seen[0]?.trailers).toEqual({ 'x-sum': '42' })
  })

  test('let go what the guest has buffered, when it lets them go', async () => {
    const seen: unknown[] = []
    const { mesh, inTick } = await ticking(
      {
        *on_request_body(_id, size, ends) {
          seen.push(['body', size, ends])
          return 1
        },
        *on_request_trailers(id, count) {
          seen.push(['trailers', count])
          inTick(goOn(id, 0))
          return 1
        },
        *on_response_body() {
          return 1
        },
        *on_response_trailers() {
          return 0
        },
      },
      withTrailers,
    )
    expect(await mesh.ask({ body: ['abc'], trailers: { 'x-r': 'r' } })).toMatchObject({ body: 'abc', trailers: { 'x-t': 'r' } })
    expect(seen).toEqual([['body', 3, 0], ['trailers', 1]])
  })

  test('do not keep the end from a guest that does not ask for them', async () => {
    const { ask } = await meshOf(
      [
        {
          guest: puppet({
            *on_request_body(_id, size, ends) {
              if (ends === 0) return 1
              yield* setBody(0, 0, size, 'seen')
              return 0
            },
          }),
        },
      ],
      withTrailers,
    )
    expect(await ask({ body: ['abc'], trailers: { 'x-r': 'r' } })).toMatchObject({ body: 'seen', trailers: { 'x-t': 'r' } })
  })
})
