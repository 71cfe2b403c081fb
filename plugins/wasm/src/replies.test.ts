// What a guest answers itself, from wherever it stands.
/* oxlint-disable require-yield -- scripts of a guest are generators even where they call nothing */
import { describe, expect, test } from 'vitest'
import { meshOf, until, type Handler, type TestMesh } from './mesh.test.kit.ts'
import { body, call, callService, die, header, out, puppet, reply, set, u32, type Callbacks, type Script } from './puppet.test.kit.ts'
import { goOn, ticking } from './ticking.test.kit.ts'

/** Replies to a stream, from somewhere else. */
function answer(stream: number, text: string): () => Script {
  return function* () {
    yield* call('proxy_set_effective_context', stream)
    yield* reply(418, text)
  }
}

/** A guest that lets requests go on and does something with them later, behind another one that stamps what it sees. */
async function answering(script: Callbacks, handler: Handler): Promise<{ readonly mesh: TestMesh; readonly ask: TestMesh['ask']; readonly inTick: (work: () => Script) => void; readonly stream: () => number }> {
  let stream = 0
  const front = puppet({
    *on_response_headers() {
      yield* set(2, 'x-front', String(yield* header(2, ':status')))
    },
  })
  const made = await ticking({
    *on_request_headers(id) {
      stream = id
    },
    ...script,
  }, handler, {}, [{ guest: front, name: 'front' }])
  return { ...made, ask: made.mesh.ask, stream: () => stream }
}

describe('a reply of the guest', () => {
  test('from the request headers is seen by the guest as a response, and changed there', async () => {
    const seen: unknown[] = []
    const { ask, seen: came } = await meshOf([
      {
        guest: puppet({
          *on_request_headers() {
            yield* reply(429, 'slow down', ['X-Why', 'you', 'content-length', '3'])
            yield* reply(200, 'never seen')
            return 0
          },
          *on_response_headers(_id, count, ends) {
            seen.push(count, ends, yield* header(2, ':status'), yield* header(2, 'x-why'))
            yield* set(2, 'x-seen', 'yes')
            yield* reply(201, 'never seen either')
          },
          *on_response_body(_id, size, ends) {
            seen.push(size, ends, yield* body(1))
            yield* call('proxy_set_buffer_bytes', 1, 0, 99, 'slower')
          },
          *on_log() {
            seen.push(yield* header(2, ':status'))
          },
        }),
      },
    ])
    expect(await ask()).toMatchObject({ status: 429, body: 'slower', headers: { 'x-why': 'you', 'x-seen': 'yes', 'content-length': '6', 'content-type': 'text/plain' } })
    expect(came).toEqual([])
    await until(() => seen.length >= 8)
    expect(seen.slice(0, 8)).toEqual([3, 0, '429', 'you', 9, 1, 'slow down', '429'])
  })

  test('replaces a response that has not begun', async () => {
    const { ask } = await meshOf([
      {
        guest: puppet({
          *on_response_headers() {
            yield* reply(502, 'not that')
          },
        }),
      },
    ])
    expect(await ask()).toMatchObject({ status: 502, body: 'not that' })
  })

  test('from the request body answers instead of the endpoint', async () => {
    const { ask } = await meshOf([
      {
        guest: puppet({
          *on_request_body(_id, size, ends) {
            if (ends === 0) return 1
            yield* reply(400, `no ${String(yield* body(0, 0, size))}`)
            return 1
          },
        }),
      },
    ])
    expect(await ask({ body: ['ab', 'cd'] })).toMatchObject({ status: 400, body: 'no abcd' })
  })

  test('after the response has begun cuts the connection', async () => {
    const { ask } = await meshOf([
      {
        guest: puppet({
          *on_response_body() {
            yield* reply(500, 'too late')
            return 0
          },
        }),
      },
    ])
    await expect(ask()).rejects.toThrow(/hang up|reset|aborted/)
  })

  test('is seen by the guests in front of it, head and body, and not by those behind it', async () => {
    const seen: string[] = []
    const seeing = (name: string): ReturnType<typeof puppet> =>
      puppet({
        *on_response_headers() {
          seen.push(`${name} ${String(yield* header(2, ':status'))}`)
          yield* set(2, 'x-seen', name)
        },
        *on_response_body(_id, size) {
          yield* call('proxy_set_buffer_bytes', 1, size, 0, size === 0 ? '' : ` ${name}`)
        },
      })
    const replying = puppet({
      *on_request_headers() {
        if ((yield* header(0, ':path')) === '/refused') yield* reply(403, 'no')
      },
    })
    const { ask } = await meshOf([{ guest: seeing('front'), name: 'front' }, { guest: replying, name: 'replying' }, { guest: seeing('behind'), name: 'behind' }])
    expect(await ask({ path: '/refused' })).toMatchObject({ status: 403, body: 'no front', headers: { 'x-seen': 'front', 'content-length': '8' } })
    expect(seen).toEqual(['front 403'])
    expect(await ask()).toMatchObject({ status: 200, body: 'GET / behind front' })
  })

  test('and an error of the mesh, pass a guest that has stopped for the body', async () => {
    const { ask } = await meshOf(
      [
        {
          guest: puppet({
            *on_response_headers() {
              return 1
            },
            *on_response_body(_id, size, ends) {
              yield* set(2, 'x-size', `${size > 0} ${ends}`)
            },
          }),
          allowOnHeadersStopIteration: true,
        },
      ],
      (_seen, response) => response.destroy(),
    )
    expect(await ask()).toMatchObject({ status: 502, headers: { 'x-size': 'true 1' }, body: expect.stringContaining('MESH_UPSTREAM_CLOSED') })
  })

  test('with a status that HTTP does not have is a 500', async () => {
    const { ask } = await meshOf([
      {
        guest: puppet({
          *on_request_headers() {
            yield* reply(1_000)
          },
        }),
      },
    ])
    expect(await ask()).toMatchObject({ status: 500 })
  })

  test('to a gRPC client travels in the head', async () => {
    const { ask } = await meshOf([
      {
        guest: puppet({
          *on_request_headers() {
            yield* reply(403, 'no: 100%\n', [], (yield* header(0, ':path')) === '/given' ? 5 : -1)
          },
        }),
      },
    ])
    const headers = { 'content-type': 'application/grpc' }
    expect(await ask({ headers })).toMatchObject({ status: 200, headers: { 'content-type': 'application/grpc', 'grpc-status': '7', 'grpc-message': 'no: 100%25%0A' } })
    expect(await ask({ path: '/given', headers })).toMatchObject({ headers: { 'grpc-status': '5' } })
  })

  test('for a request that waits for a service comes when the service has answered', async () => {
    const { ask, seen } = await meshOf([
      {
        guest: puppet({
          *on_request_headers(id) {
            yield* callService('app', [':method', 'GET', ':path', `/auth/${id}`, ':authority', 'app'])
            return 1
          },
          *on_http_call_response(_root, _call, headers, size) {
            const id = Number(String(yield* body(4, 0, size)).split('/').at(-1))
            yield* call('proxy_set_effective_context', id)
            if ((yield* header(0, 'x-good')) === 'yes') yield* call('proxy_continue_stream', 0)
            else yield* reply(401, `${String(yield* header(6, ':status'))} of ${headers > 1 ? 'many' : 'one'}`)
          },
        }),
      },
    ])
    const answers = await Promise.all([ask({ headers: { 'x-good': 'yes' } }), ask(), ask({ path: '/c', headers: { 'x-good': 'yes' } }), ask()])
    expect(answers.map(({ status, body: text }) => [status, text])).toEqual([[200, 'GET /'], [401, '200 of many'], [200, 'GET /c'], [401, '200 of many']])
    expect(seen.filter(({ url }) => url.startsWith('/auth/'))).toHaveLength(4)
  })

  test.each([[true], [false]])('while the endpoint is at work is sent at once, and passes those in front (is it asked about responses: %s)', async (asks) => {
    const seen: unknown[] = []
    const gate = Promise.withResolvers<void>()
    const { ask, mesh, inTick, stream } = await answering(
      asks
        ? {
            *on_response_headers() {
              seen.push(yield* header(2, ':status'))
              yield* set(2, 'x-own', 'yes')
              return 0
            },
            *on_response_body() {
              yield* call('proxy_set_buffer_bytes', 1, 0, 0, 'own: ')
            },
          }
        : {},
      (_seen, response) => void gate.promise.then(() => response.end('late')),
    )
    const answered = ask()
    await until(() => mesh.seen.length === 1)
    inTick(answer(stream(), 'tea'))
    inTick(answer(stream(), 'never seen'))
    expect(await answered).toMatchObject({ status: 418, body: asks ? 'own: tea' : 'tea', headers: { 'x-front': '418', ...(asks ? { 'x-own': 'yes' } : {}) } })
    gate.resolve()
    expect(seen).toEqual(asks ? ['418'] : [])
  })

  test('while a request body is coming ends it, and the guest sees no more of it', async () => {
    const seen: unknown[] = []
    const { ask, inTick, stream } = await answering({
      *on_request_body(_id, size, ends) {
        seen.push([size, ends])
      },
    }, () => {})
    const rest = Promise.withResolvers<void>()
    const answered = ask({ body: ['abc', rest.promise, 'def'] })
    await until(() => seen.length === 1)
    inTick(answer(stream(), 'tea'))
    expect(await answered).toMatchObject({ status: 418, body: 'tea' })
    rest.resolve()
    expect(seen).toEqual([[3, 0]])
  })

  test('that the guest itself thinks about is waited for, and the response that comes meanwhile is not sent', async () => {
    const gate = Promise.withResolvers<void>()
    const statuses: unknown[] = []
    let sent = false
    const { ask, mesh, inTick, stream } = await answering(
      {
        *on_response_headers() {
          statuses.push(yield* header(2, ':status'))
          return 1
        },
      },
      (_seen, response) => void gate.promise.then(() => response.end('late', () => (sent = true))),
    )
    const answered = ask()
    await until(() => mesh.seen.length === 1)
    inTick(answer(stream(), 'tea'))
    await until(() => statuses.length === 1)
    gate.resolve()
    await until(() => sent)
    inTick(goOn(stream(), 1))
    expect(await answered).toMatchObject({ status: 418, body: 'tea' })
    expect(statuses).toEqual(['418'])
  })

  test('from a tick, after the response has begun, cuts the connection', async () => {
    const { mesh, inTick, stream } = await answering({}, (_seen, response) => void response.write('half'))
    const response = await fetch(`http://127.0.0.1:${mesh.port}/`)
    inTick(answer(stream(), 'tea'))
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow()
  })
})

describe('proxy_close_stream', () => {
  test('ends an exchange whose endpoint is at work', async () => {
    const { ask, mesh, inTick, stream } = await answering({}, () => {})
    const answered = ask()
    await until(() => mesh.seen.length === 1)
    inTick(function* () {
      yield* call('proxy_set_effective_context', stream())
      yield* call('proxy_close_stream', 1)
    })
    expect(await answered).toMatchObject({ status: 503, body: expect.stringContaining('MESH_WASM_CLOSED'), headers: { 'x-front': '503' } })
  })

  test('ends the exchange, now and while it waits', async () => {
    const { ask } = await meshOf([
      {
        guest: puppet({
          *on_request_headers(id) {
            if ((yield* header(0, ':path')) === '/now') {
              yield* call('proxy_close_stream', 0)
              return 0
            }
            yield* callService('app', [':method', 'GET', ':path', `/${id}`, ':authority', 'app'])
            return 1
          },
          *on_http_call_response() {
            yield* call('proxy_set_effective_context', Number(String(yield* body(4)).split('/').at(-1)))
            yield* call('proxy_close_stream', 1)
          },
        }),
      },
    ])
    expect((await ask({ path: '/now' })).body).toContain('MESH_WASM_CLOSED')
    expect((await ask({ path: '/later' })).body).toContain('MESH_WASM_CLOSED')
  })
})

describe('a trap', () => {
  test('of one plugin is told to all that share its VM, each by its name', async () => {
    const guest = puppet({
      *on_request_headers() {
        if ((yield* header(0, 'x-die')) === 'yes') yield* die()
        yield* call('proxy_log', 2, `hello ${yield* u32(out[0])}`)
      },
    })
    const { ask, lines } = await meshOf([{ guest, name: 'one', vmId: 'v' }, { guest, name: 'two', vmId: 'v', onFailure: 'open' }])
    await ask()
    expect(lines.filter(({ msg }) => String(msg).startsWith('hello')).map(({ filter }) => filter)).toEqual(['one', 'two'])
    expect(await ask({ headers: { 'x-die': 'yes' } })).toMatchObject({ status: 503 })
    expect(lines.filter(({ reason }) => reason === 'trap').map(({ filter }) => filter)).toEqual(['one', 'two'])
  })
})
