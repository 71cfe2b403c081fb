// Guests in a real mesh: header fields, and the life of contexts.
/* oxlint-disable require-yield -- scripts of a guest are generators even where they call nothing */
import { describe, expect, test } from 'vitest'
import { isolated, meshOf, until } from './mesh.test.kit.ts'
import { add, body, bytesOf, call, header, noting, pairs, property, puppet, remove, reply, set, textOf, type Callbacks } from './puppet.test.kit.ts'

const lifeOf = ['on_context_create', 'on_vm_start', 'on_configure', 'on_request_headers', 'on_request_body', 'on_request_trailers', 'on_response_headers', 'on_response_body', 'on_response_trailers', 'on_log', 'on_done', 'on_delete']

function names(seen: readonly unknown[]): unknown[] {
  return seen.map((one) => (one as unknown[])[0])
}

describe('header fields', () => {
  test('are read, added, replaced and removed in both directions', async () => {
    const seen: unknown[] = []
    const { ask, seen: came } = await meshOf([
      {
        guest: puppet({
          *on_request_headers() {
            seen.push(yield* header(0, ':path'), yield* header(0, 'X-Ask'), yield* header(0, 'x-none'), yield* header(0, 'host'), yield* header(0, ':scheme'))
            yield* add(0, 'x-added', '1')
            yield* set(0, 'x-ask', 'replaced')
            yield* remove(0, 'x-gone')
          },
          *on_response_headers() {
            seen.push(yield* header(2, ':status'))
            yield* add(2, 'x-answered', 'yes')
            yield* set(2, ':status', '201')
          },
        }),
      },
    ])
    const answer = await ask({ path: '/a?b=1', headers: { 'X-Ask': 'me', 'x-gone': 'x', 'host': 'shop.example' } })
    expect(seen).toEqual(['/a?b=1', 'me', 1, 'shop.example', 'http', '200'])
    expect(answer).toMatchObject({ status: 201, headers: { 'x-answered': 'yes' } })
    expect(came[0]?.headers).toMatchObject({ 'x-added': '1', 'x-ask': 'replaced' })
    expect(came[0]?.headers).not.toHaveProperty('x-gone')
  })

  test('pseudo fields change where the request goes, and framing fields nothing', async () => {
    const { ask, seen } = await meshOf([
      {
        guest: puppet({
          *on_request_headers() {
            yield* set(0, ':method', 'PUT')
            yield* set(0, ':path', '/other?x')
            yield* set(0, ':authority', 'else.example')
            yield* set(0, 'transfer-encoding', 'identity')
            yield* set(0, 'content-length', '7')
          },
          *on_response_headers() {
            yield* set(2, 'content-length', '1')
            yield* set(2, 'transfer-encoding', 'chunked')
            yield* set(2, 'connection', 'upgrade')
          },
        }),
      },
    ])
    expect(await ask({ path: '/a' })).toMatchObject({ status: 200, body: 'PUT /other?x', headers: { 'content-length': '12' } })
    expect(seen).toMatchObject([{ method: 'PUT', url: '/other?x', headers: { host: 'else.example' } }])
  })

  test('come as a whole map, pseudo fields first, and can be replaced as a whole', async () => {
    const maps: Buffer[] = []
    const { ask, seen } = await meshOf([
      {
        guest: puppet({
          *on_request_headers() {
            maps.push((yield* bytesOf('proxy_get_header_map_pairs', 0)) as Buffer)
            yield* call('proxy_set_header_map_pairs', 0, pairs([':method', 'GET', ':path', '/new', ':authority', 'a.example', ':scheme', 'http', 'X-Only', 'this']))
          },
        }),
      },
    ])
    await ask({ path: '/old', headers: { 'a': '1', 'B': '2' } })
    const text = maps[0]?.toString('latin1') ?? ''
    expect(text.indexOf(':method\0GET\0:path\0/old\0:authority\0')).toBeGreaterThan(0)
    expect(text).toContain('\0b\x002\0')
    expect(seen[0]).toMatchObject({ url: '/new', headers: { 'host': 'a.example', 'x-only': 'this' } })
    expect(seen[0]?.headers).not.toHaveProperty('b')
  })

  test('that HTTP cannot carry fail their own exchange and nothing else', async () => {
    const { ask } = await meshOf([
      {
        guest: puppet({
          *on_request_headers() {
            if ((yield* header(0, ':path')) === '/bad') yield* add(0, 'x-injected', 'a\r\nx-evil: 1')
          },
          *on_response_headers() {
            if ((yield* header(0, ':path')) === '/bad-answer') yield* add(2, 'x-injected', 'a\r\nx-evil: 1')
          },
        }),
      },
    ])
    expect(await ask({ path: '/bad' })).toMatchObject({ status: 400 })
    const bad = await ask({ path: '/bad-answer' })
    expect(bad.status).toBe(502)
    expect(bad.headers).not.toHaveProperty('x-evil')
    expect(await ask()).toMatchObject({ status: 200 })
  })

  test('of the other direction and of times gone by are refused as Envoy does', async () => {
    const seen: unknown[] = []
    const { ask } = await meshOf([
      {
        guest: puppet({
          *on_request_headers() {
            seen.push(yield* header(2, ':status'), yield* add(2, 'a', 'b'), yield* header(1, 'x'), yield* header(6, 'x'), yield* header(8, 'x'), yield* bytesOf('proxy_get_header_map_pairs', 2))
          },
          *on_response_headers() {
            seen.push(yield* header(0, ':path'), yield* add(0, 'a', 'b'), yield* remove(0, 'a'))
          },
          *on_response_body() {
            seen.push(yield* header(2, ':status'), yield* add(2, 'a', 'b'))
          },
          *on_log() {
            seen.push(yield* header(0, ':path'), yield* header(2, ':status'), yield* add(2, 'a', 'b'), yield* header(3, 'x'), yield* header(1, 'x'))
          },
        }),
      },
    ])
    await ask({ path: '/p' })
    await until(() => seen.at(-2) === 1 && seen.at(-1) === 1)
    expect(seen.slice(0, 6)).toEqual([2, 2, 2, 2, 2, Buffer.alloc(0)])
    expect(seen.slice(6, 9)).toEqual(['/p', 2, 2])
    expect(seen.slice(9, 11)).toEqual(['200', 2])
    expect(seen.slice(-5)).toEqual(['/p', '200', 2, 1, 1])
  })

  test('that are missing are empty ones for a guest of ABI 0.1.0', async () => {
    const seen: unknown[] = []
    const guest = puppet(
      {
        *on_request_headers() {
          seen.push(yield* header(0, 'x-none'))
        },
      },
      { abi: '0_1_0' },
    )
    const { ask } = await meshOf([{ guest }])
    await ask()
    expect(seen).toEqual([''])
  })
})

describe('contexts', () => {
  test.skipIf(isolated)('live in the order that the ABI gives', async () => {
    const seen: unknown[] = []
    const { ask } = await meshOf([{ guest: puppet(noting(seen, lifeOf)), configuration: 'abc', vmConfiguration: { a: 1 } }], (_seen, response) => {
      response.setHeader('trailer', 'x-t')
      response.write('body')
      response.addTrailers({ 'x-t': '1' })
      response.end()
    })
    await ask({ body: ['12345'], headers: { a: 'b' }, trailers: { 'x-r': '1' } })
    await until(() => names(seen).includes('delete'))
    expect(names(seen)).toEqual(['context_create', 'vm_start', 'configure', 'context_create', 'request_headers', 'request_body', 'request_trailers', 'response_headers', 'response_body', 'response_trailers', 'log', 'done', 'delete'])
    expect(seen.slice(0, 4)).toEqual([['context_create', 1, 0, 0, 0, 0], ['vm_start', 1, 7, 0, 0, 0], ['configure', 1, 3, 0, 0, 0], ['context_create', 2, 1, 0, 0, 0]])
    expect(seen).toContainEqual(['request_body', 2, 5, 0, 0, 0])
    expect(seen).toContainEqual(['request_trailers', 2, 1, 0, 0, 0])
    expect(seen).toContainEqual(['response_trailers', 2, 1, 0, 0, 0])
  })

  test.skipIf(isolated)('of a request that another filter has answered are made for the log', async () => {
    const seen: unknown[] = []
    const { ask } = await meshOf([
      {
        guest: puppet({
          *on_request_headers() {
            yield* reply(403)
            return 1
          },
        }),
      },
      { guest: puppet(noting(seen, ['on_context_create', 'on_request_headers', 'on_log', 'on_done', 'on_delete'])), name: 'second' },
    ])
    expect(await ask()).toMatchObject({ status: 403 })
    await until(() => names(seen).includes('delete'))
    expect(names(seen)).toEqual(['context_create', 'context_create', 'log', 'done', 'delete'])
  })

  test('of a guest that only logs are made at the end', async () => {
    const seen: unknown[] = []
    const { ask } = await meshOf([{ guest: puppet(noting(seen, ['on_log'])) }])
    await ask()
    await until(() => seen.length > 0)
    expect(names(seen)).toEqual(['log'])
  })

  test.skipIf(isolated)('that are not done yet stay until proxy_done', async () => {
    const seen: unknown[] = []
    const waiting: number[] = []
    const { ask } = await meshOf([
      {
        guest: puppet({
          *on_vm_start() {
            yield* call('proxy_set_tick_period_milliseconds', 5)
            return 1
          },
          *on_configure() {
            seen.push(yield* call('proxy_done'))
            return 1
          },
          *on_request_headers() {},
          *on_done(id) {
            if (id === 1) return 1
            waiting.push(id)
            return 0
          },
          *on_tick() {
            const id = waiting.shift()
            if (id === undefined) return
            yield* call('proxy_set_effective_context', id)
            seen.push(yield* call('proxy_done'), yield* call('proxy_done'))
          },
          *on_delete(id) {
            seen.push(['delete', id])
          },
        }),
      },
    ])
    await ask()
    await until(() => seen.length > 3)
    expect(seen).toEqual([1, 0, 1, ['delete', 2]])
  })

  test('read their own configuration, in both ABIs', async () => {
    const seen: unknown[] = []
    const script: Callbacks = {
      *on_vm_start() {
        seen.push(yield* textOf('proxy_get_configuration'), yield* body(6))
        return 1
      },
      *on_configure() {
        seen.push(yield* textOf('proxy_get_configuration'), yield* body(7), yield* body(7, 3), yield* body(7, 9), yield* call('proxy_set_buffer_bytes', 7, 0, 1, 'x'))
        return 1
      },
    }
    await meshOf([{ guest: puppet(script), configuration: { key: 1 }, vmConfiguration: 'vm' }])
    expect(seen).toEqual(['vm', 'vm', '{"key":1}', '{"key":1}', 'ey":1}', '', 2])
  })

  test.skipIf(isolated)('are found by their plugin in a module with several', async () => {
    const seen: unknown[] = []
    const guest = puppet({
      *on_context_create(id, parent) {
        if (parent === 0) seen.push([id, String(yield* property('plugin_root_id')), String(yield* property('plugin_name')), String(yield* property('plugin_vm_id'))])
      },
      *on_request_headers(id) {
        seen.push(['headers', id])
      },
    })
    const { ask } = await meshOf([{ guest, rootId: 'one', name: 'first', vmId: 'v' }, { guest, rootId: 'two', name: 'second', vmId: 'v' }])
    await ask()
    expect(seen[0]).toEqual([1, 'one', 'first', 'v'])
    expect(seen.at(-3)).toEqual([2, 'two', 'second', 'v'])
    expect(seen.slice(-2)).toEqual([['headers', 3], ['headers', 4]])
  })
})
