// Bodies through a guest: held back, changed, dropped, and let go.
/* oxlint-disable require-yield -- scripts of a guest are generators even where they call nothing */
import { describe, expect, test } from 'vitest'
import { meshOf, until, type Handler } from './mesh.test.kit.ts'
import { add, body, call, die, noting, puppet, reply, setBody } from './puppet.test.kit.ts'
import { goOn, inChunks, ticking } from './ticking.test.kit.ts'

const echo: Handler = ({ body: text }, response) => void response.end(text)

describe('a body', () => {
  test('goes through chunk by chunk, and is replaced where the guest says', async () => {
    const seen: unknown[] = []
    const { ask, seen: came } = await meshOf(
      [
        {
          guest: puppet({
            *on_request_body(_id, size, ends) {
              seen.push([size, ends])
              if (size > 0) yield* setBody(0, 0, size, `<${String(yield* body(0))}>`)
            },
            *on_response_body(_id, size, ends) {
              if (ends === 1) yield* setBody(1, size, 0, '!')
            },
          }),
        },
      ],
      echo,
    )
    expect(await ask({ body: ['ab', new Promise((resolve) => setTimeout(resolve, 20)), 'cd'] })).toMatchObject({ body: '<ab><cd>!' })
    expect(came[0]?.body).toBe('<ab><cd>')
    expect(seen).toEqual([[2, 0], [2, 0], [0, 1]])
  })

  test('that the guest buffers grows until it lets it go, edits and all', async () => {
    const sizes: unknown[] = []
    const { ask } = await meshOf(
      [
        {
          guest: puppet({
            *on_request_body(_id, size, ends) {
              sizes.push([size, ends])
              if (ends === 0) return 1
              yield* setBody(0, 0, 1, 'X')
              yield* setBody(0, 0, 0, '<')
              yield* setBody(0, 99, 0, '>')
              expect(yield* setBody(0, 1, 1, 'no')).toBe(2)
              return 0
            },
          }),
        },
      ],
      echo,
    )
    expect(await ask({ body: ['ab', new Promise((resolve) => setTimeout(resolve, 20)), 'cd'] })).toMatchObject({ body: '<Xbcd>' })
    expect(sizes).toEqual([[2, 0], [4, 0], [4, 1]])
  })

  test('of a response that the guest buffers is seen whole', async () => {
    const { ask } = await meshOf(
      [
        {
          guest: puppet({
            *on_response_body(_id, size, ends) {
              if (ends === 0) return 1
              yield* setBody(1, 0, size, String(yield* body(1)).toUpperCase())
              return 0
            },
          }),
        },
      ],
      inChunks('one ', 'two ', 'three'),
    )
    expect((await ask()).body).toBe('ONE TWO THREE')
  })

  test('that is held back without a buffer shows the guest each chunk once, and nothing is lost', async () => {
    const sizes: unknown[] = []
    const { ask } = await meshOf(
      [
        {
          guest: puppet({
            *on_response_body(_id, size, ends) {
              sizes.push([size, ends, yield* body(1)])
              return ends === 0 ? 2 : 0
            },
          }),
        },
      ],
      inChunks('aa', 'bbb'),
    )
    expect((await ask()).body).toBe('aabbb')
    expect(sizes).toEqual([[2, 0, 'aa'], [3, 0, 'bbb'], [0, 1, '']])
  })

  test('that is neither let go nor kept is dropped', async () => {
    const { ask } = await meshOf(
      [
        {
          guest: puppet({
            *on_response_body(_id, size) {
              return size > 0 && String(yield* body(1)) === 'drop' ? 3 : 0
            },
          }),
        },
      ],
      inChunks('drop', 'keep'),
    )
    expect((await ask()).body).toBe('keep')
  })

  test('that is larger than may be held back is refused', async () => {
    const guest = puppet({
      *on_request_body() {
        return 1
      },
      *on_response_headers() {
        return 0
      },
    })
    const { ask } = await meshOf([{ guest, bufferBytes: 1_000 }], echo)
    expect(await ask({ body: ['x'.repeat(1_001)] })).toMatchObject({ status: 413, body: expect.stringContaining('MESH_REQUEST_BUFFER_FULL') })
  })

  test('that a guest only holds back is read no further than may be held', async () => {
    let stream = 0
    let calls = 0
    const { mesh, inTick } = await ticking(
      {
        *on_request_body(id, size) {
          stream = id
          calls++
          return calls * size > 0 ? 2 : 0
        },
      },
      echo,
      { bufferBytes: 65_536 },
    )
    const text = 'y'.repeat(1_000_000)
    const answer = mesh.ask({ body: [text] })
    await until(() => calls > 0)
    const step = (): void =>
      inTick(function* () {
        yield* goOn(stream, 0)()
        if (!over) step()
      })
    let over = false
    step()
    expect((await answer).body).toBe(text)
    over = true
  })

  test('waits at its end until the guest goes on from a tick', async () => {
    let stream = 0
    const { mesh, inTick } = await ticking(
      {
        *on_request_body(id, _size, ends) {
          if (ends === 0) return 1
          stream = id
          inTick(function* () {
            yield* call('proxy_set_effective_context', id)
            expect(yield* body(0)).toBe('abcd')
            yield* setBody(0, 4, 0, 'e')
            yield* call('proxy_continue_stream', 0)
            expect(yield* body(0)).toBe('')
          })
          return 1
        },
      },
      echo,
    )
    expect((await mesh.ask({ body: ['ab', 'cd'] })).body).toBe('abcde')
    expect(stream).toBeGreaterThan(0)
  })

  test('of a request that was let go between two chunks is at the endpoint before the next one comes', async () => {
    const seen: unknown[] = []
    const { mesh, inTick } = await ticking({
      *on_request_body(id, size, ends) {
        seen.push([size, ends, yield* body(0)])
        if (seen.length > 1) return 0
        inTick(function* () {
          yield* call('proxy_set_effective_context', id)
          yield* setBody(0, 2, 0, '!')
          yield* call('proxy_continue_stream', 0)
        })
        return 1
      },
    }, echo)
    const answer = mesh.ask({ body: ['ab', until(() => mesh.coming.text === 'ab!'), 'cd'] })
    expect((await answer).body).toBe('ab!cd')
    expect(seen[1]).toEqual([2, 0, 'cd'])
  })

  test.each([[1], [2]])('of a response that was let go between two chunks is with the client before the next one comes (held back by %i)', async (action) => {
    const taken = Promise.withResolvers<void>()
    const seen: unknown[] = []
    const { mesh, inTick } = await ticking(
      {
        *on_response_body(id, size, ends) {
          seen.push([size, ends])
          if (seen.length > 1) return 0
          inTick(goOn(id, 1))
          return action
        },
      },
      (_seen, response) => {
        response.write('ab')
        void taken.promise.then(() => response.end('cd'))
      },
    )
    const response = await fetch(`http://127.0.0.1:${mesh.port}/`)
    const reader = (response.body as ReadableStream<Uint8Array<ArrayBuffer>>).getReader()
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('ab')
    taken.resolve()
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('cd')
    expect(seen[0]).toEqual([2, 0])
  })

  test('that a guest holds back when it dies between two chunks leaves at once with `open`', async () => {
    const taken = Promise.withResolvers<void>()
    const { mesh, inTick } = await ticking(
      {
        *on_response_body() {
          inTick(die)
          return 1
        },
      },
      (_seen, response) => {
        response.write('ab')
        void taken.promise.then(() => response.end('cd'))
      },
      { onFailure: 'open' },
    )
    const response = await fetch(`http://127.0.0.1:${mesh.port}/`)
    const reader = (response.body as ReadableStream<Uint8Array<ArrayBuffer>>).getReader()
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('ab')
    taken.resolve()
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('cd')
  })

  test('of a reply to HEAD is none for the guest', async () => {
    const seen: unknown[] = []
    const guest = puppet({
      *on_request_headers() {
        yield* reply(403, 'not you')
        return 1
      },
      ...noting(seen, ['on_response_headers', 'on_response_body']),
    })
    const { ask } = await meshOf([{ guest }])
    expect(await ask({ method: 'HEAD' })).toMatchObject({ status: 403, body: '', headers: { 'content-length': '7' } })
    expect(seen).toEqual([['response_headers', expect.any(Number), expect.any(Number), 1, 0, 0]])
  })

  test('in a map of a callback that was told to go on is no longer there', async () => {
    const seen: unknown[] = []
    const { ask } = await meshOf([
      {
        guest: puppet({
          *on_request_headers() {
            seen.push(yield* body(0), yield* setBody(0, 0, 0, 'x'), yield* body(9), yield* call('proxy_get_buffer_status', 0, 1_000, 1_008))
            yield* call('proxy_continue_stream', 0)
            seen.push(yield* add(0, 'a', 'b'), yield* call('proxy_continue_stream', 3), yield* call('proxy_continue_stream', 4), yield* call('proxy_continue_stream', 2))
            return 1
          },
        }),
      },
    ])
    expect(await ask()).toMatchObject({ status: 200 })
    expect(seen).toEqual(['', 2, 2, 0, 2, 12, 2, 0])
  })
})
