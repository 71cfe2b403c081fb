// Guests that were written for another host than Envoy find that host here.
import { describe, expect, test } from 'vitest'
import type { DialectName } from './host/dialect.ts'
import { guest as textGuest } from './guest.test.kit.ts'
import { fileOf, isolated, meshOf, until, type Handler } from './mesh.test.kit.ts'
import { add, body, call, callService, header, noting, out, pairs, property, puppet, remove, reply, set, setBody, type Callbacks } from './puppet.test.kit.ts'
import { loadFilter } from './testing/load-filter.ts'

const dialects: readonly DialectName[] = ['envoy', 'nginx', 'fastedge']

/** What one dialect makes of something, and what the others do. */
const each = <T>(values: Readonly<Record<DialectName, T>>): { dialect: DialectName; value: T }[] => dialects.map((dialect) => ({ dialect, value: values[dialect] }))

describe('a head that nothing follows', () => {
  test.each(each({ envoy: 1, nginx: 0, fastedge: 1 }))('is said to be one as $dialect says it', async ({ dialect, value }) => {
    const seen: unknown[] = []
    const { ask } = await meshOf([{ guest: puppet(noting(seen, ['on_request_headers'])), dialect }])
    await ask()
    expect(seen).toMatchObject([['request_headers', expect.any(Number), expect.any(Number), value, 0, 0]])
  })
})

describe('a call', () => {
  const calling = [':method', 'GET', ':path', '/called', ':authority', 'a']

  test.each(each({ envoy: [0, 2, 2], nginx: [0, 0, 2], fastedge: [0, 0, 2] }))('goes to a service or to a host, as with $dialect', async ({ dialect, value }) => {
    const seen: unknown[] = []
    const guest = puppet({
      *on_request_headers() {
        for (const upstream of ['app', 'app:8080', 'nobody:8080']) seen.push(yield* callService(upstream, calling))
      },
    })
    const { ask } = await meshOf([{ guest, dialect }])
    await ask()
    expect(seen).toEqual(value)
  })

  const handler: Handler = ({ url, headers }, response) => void response.end(url === '/called' ? 'answer' : String(headers['x-seen']))

  test.each(each({ envoy: 'heads 1, answers 2', nginx: 'heads 1, answers 2', fastedge: 'heads 2, answers 2' }))('lets its request go when all are answered, as with $dialect', async ({ dialect, value }) => {
    let heads = 0
    let answers = 0
    const guest = puppet({
      *on_request_headers() {
        heads++
        if (heads === 2) {
          yield* set(0, 'x-seen', `heads ${heads}, answers ${answers}`)
          return 0
        }
        yield* callService('app', calling)
        yield* callService('app', calling)
        return 1
      },
      *on_http_call_response() {
        answers++
        yield* call('proxy_set_effective_context', 2)
        yield* set(0, 'x-seen', `heads ${heads}, answers ${answers}`)
        // The others know by themselves.
        if (dialect === 'envoy' && answers === 2) yield* call('proxy_continue_stream', 0)
      },
    })
    const { ask } = await meshOf([{ guest, dialect }], handler)
    expect((await ask()).body).toBe(value)
  })

  test.each(each({ envoy: 403, nginx: 403, fastedge: 403 }))('whose answer makes the guest reply ends its request, with $dialect too', async ({ dialect, value }) => {
    let heads = 0
    const guest = puppet({
      *on_request_headers() {
        heads++
        yield* callService('app', calling)
        return 1
      },
      *on_http_call_response() {
        yield* call('proxy_set_effective_context', 2)
        yield* call('proxy_send_local_response', 403, '', 'not you', pairs([]), -1)
      },
    })
    const { ask } = await meshOf([{ guest, dialect }], handler)
    expect(await ask()).toMatchObject({ status: value, body: 'not you' })
    expect(heads).toBe(1)
  })
})

describe('the head of a response', () => {
  test.each(each({ envoy: 'stopped', nginx: 'through', fastedge: 'stopped' }))('can be stopped as with $dialect', async ({ dialect, value }) => {
    const guest = puppet({
      *on_response_headers() {
        yield* callService('app', [':method', 'GET', ':path', '/called', ':authority', 'a'])
        return 1
      },
      *on_http_call_response() {
        yield* call('proxy_set_effective_context', 2)
        const status = yield* add(2, 'x-late', 'added')
        yield* call('proxy_continue_stream', 1)
        expect(status).toBe(value === 'stopped' ? 0 : 2)
      },
    })
    const { ask } = await meshOf([{ guest, dialect }])
    expect((await ask()).headers['x-late']).toBe(value === 'stopped' ? 'added' : undefined)
  })
})

describe('a request with a body', () => {
  const echo: Handler = ({ body: text }, response) => void response.end(text)

  const late = (seen: unknown[]): Uint8Array<ArrayBuffer> =>
    puppet({
      *on_request_body(_id, _size, ends) {
        seen.push([yield* body(0), ends, yield* set(0, 'x-late', 'yes'), yield* set(0, ':path', '/late')])
      },
    })

  test.each(['envoy', 'fastedge'] as const)('goes on before it is whole, with %s', async (dialect) => {
    const calls: unknown[] = []
    const { ask, coming, seen } = await meshOf([{ guest: late(calls), dialect }], echo)
    expect((await ask({ body: ['some', until(() => coming.text === 'some'), 'thing'] })).body).toBe('something')
    expect(calls[0]).toEqual(['some', 0, 2, 2])
    expect(seen).toMatchObject([{ url: '/' }])
    expect(seen[0]?.headers['x-late']).toBeUndefined()
  })

  test('waits for all of it, and may be changed until then, with nginx', async () => {
    const calls: unknown[] = []
    const { ask, seen } = await meshOf([{ guest: late(calls), dialect: 'nginx' }], echo)
    expect((await ask({ body: ['some', 'thing'] })).body).toBe('something')
    expect(calls).toEqual([['something', 1, 0, 0]])
    expect(seen).toMatchObject([{ url: '/late', headers: { 'x-late': 'yes' } }])
  })

  test('waits for it also where the guest stops it, and for the calls that are made then, with nginx', async () => {
    const seen: unknown[] = []
    const guest = puppet({
      *on_request_headers() {
        yield* callService('app', [':method', 'GET', ':path', '/first', ':authority', 'a'])
        return 1
      },
      *on_request_body() {
        seen.push('body')
        yield* setBody(0, 0, 99, 'changed')
        yield* callService('app', [':method', 'GET', ':path', '/second', ':authority', 'a'])
        return 1
      },
      *on_http_call_response() {
        seen.push('answer')
        yield* call('proxy_set_effective_context', 2)
        seen.push(yield* set(0, 'x-answers', String(seen.filter((one) => one === 'answer').length)))
      },
    })
    const mesh = await meshOf([{ guest, dialect: 'nginx' }], echo)
    expect(await mesh.ask({ body: ['some', 'thing'] })).toMatchObject({ status: 200, body: 'changed' })
    expect(seen).toEqual(['answer', 0, 'body', 'answer', 0])
    expect(mesh.seen.at(-1)?.headers).toMatchObject({ 'x-answers': '2' })
  })

  test('is answered by what the guest replies to its body, or too large a body, before it goes anywhere, with nginx', async () => {
    const guest = puppet({
      *on_request_body() {
        if (String(yield* body(0)).includes('evil')) yield* reply(403, 'evil')
        return 0
      },
    })
    const { ask, seen } = await meshOf([{ guest, dialect: 'nginx', bufferBytes: 100 }], echo)
    expect(await ask({ body: ['something ', 'evil'] })).toMatchObject({ status: 403, body: 'evil' })
    expect(await ask({ body: 'x'.repeat(101) })).toMatchObject({ status: 413 })
    expect(seen).toEqual([])
    expect(await ask({ body: 'something' })).toMatchObject({ status: 200, body: 'something' })
    expect(await ask()).toMatchObject({ status: 200, body: '' })
  })
})

describe('fields of the response', () => {
  const handler: Handler = (_seen, response) => void response.writeHead(202, { 'content-type': 'text/html', 'x-both': 'endpoint' }).end('answer')
  const made: Callbacks = {
    *on_request_headers() {
      const statuses = [yield* add(2, 'x-early', 'one'), yield* add(2, 'X-Early', 'two'), yield* set(2, 'x-both', 'guest'), yield* set(2, 'content-type', 'text/plain'), yield* set(2, 'content-length', '3'), yield* set(2, ':status', '299')]
      yield* set(0, 'x-seen', JSON.stringify([statuses, yield* header(2, 'x-early'), yield* header(2, ':status')]))
    },
  }

  test.each(each({ envoy: [[2, 2, 2, 2, 2, 2], 2, 2], nginx: [[0, 0, 0, 0, 0, 0], 'one', 1], fastedge: [[0, 0, 0, 0, 0, 0], 'one', ''] }))('can be made before there is one as with $dialect', async ({ dialect, value }) => {
    const { ask, seen } = await meshOf([{ guest: puppet(made), dialect }], handler)
    const { status, headers, body: text } = await ask()
    expect(JSON.parse(String(seen[0]?.headers['x-seen']))).toEqual(value)
    const isEarly = value[1] === 'one'
    expect({ status, text, type: headers['content-type'] }).toEqual({ status: 202, text: 'answer', type: 'text/html' })
    expect(headers['x-early']).toBe(isEarly ? 'one, two' : undefined)
    expect(headers['x-both']).toBe(isEarly ? 'endpoint, guest' : 'endpoint')
  })

  test('are seen by the callbacks for the response, and can be changed there, with nginx', async () => {
    const guest = puppet({
      ...made,
      *on_response_headers() {
        yield* set(2, 'x-both', `${String(yield* header(2, 'x-early'))} and ${String(yield* header(2, 'x-both'))}`)
      },
    })
    const { ask } = await meshOf([{ guest, dialect: 'nginx' }], handler)
    expect((await ask()).headers).toMatchObject({ 'x-early': 'one, two', 'x-both': 'one and endpoint' })
  })

  test('are in a reply of the guest too, and in an error of the mesh, with nginx', async () => {
    const guest = puppet({
      ...made,
      *on_request_body() {
        yield* add(2, 'x-body', 'yes')
        if (String(yield* body(0)).includes('evil')) yield* reply(403, 'evil', ['x-early', 'three'])
      },
    })
    const { ask } = await meshOf([{ guest, dialect: 'nginx' }], (_seen, _response, { socket }) => void socket.destroy())
    expect(await ask({ body: 'evil' })).toMatchObject({ status: 403, body: 'evil', headers: { 'x-early': 'three, one, two', 'x-body': 'yes' } })
    expect(await ask()).toMatchObject({ status: 502, headers: { 'x-early': 'one, two' } })
  })
})

describe('a field', () => {
  test.each(each({ envoy: [1, 1, 1], nginx: [1, 1, 1], fastedge: ['', '', ''] }))('that is removed, or was never there, reads as with $dialect', async ({ dialect, value }) => {
    const read: unknown[] = []
    const guest = puppet({
      *on_request_headers() {
        yield* remove(0, 'x-asked')
        yield* remove(0, 'x-never')
        yield* remove(0, ':path')
        read.push(yield* header(0, 'x-asked'), yield* header(0, 'x-never'))
      },
      *on_response_headers() {
        for (const name of ['x-answered', 'x-never', 'content-length']) yield* remove(2, name)
        read.push(yield* header(2, 'x-answered'))
      },
    })
    const { ask, seen } = await meshOf([{ guest, dialect }], (_seen, response) => void response.writeHead(200, { 'x-answered': 'yes', 'content-length': '6' }).end('answer'))
    const { headers, body: text } = await ask({ path: '/here', headers: { 'x-asked': 'yes' } })
    expect(read).toEqual(value)
    const left = value[0] === '' ? '' : undefined
    expect([seen[0]?.headers['x-asked'], headers['x-answered']]).toEqual([left, left])
    expect([seen[0]?.headers['x-never'], headers['x-never']]).toEqual([undefined, undefined])
    expect([seen[0]?.url, text, headers['transfer-encoding']]).toEqual(['/here', 'answer', 'chunked'])
  })
})

describe('properties', () => {
  const names = ['request.url', 'request.uri', 'request.path', 'request.query', 'request.extension', 'request.x_real_ip', 'response.status']
  const values = (bytes: readonly (Buffer | number)[]): unknown[] => bytes.map((one) => (typeof one === 'number' ? one : one.toString('latin1')))
  const target = '/files/a.tar.gz?x=1'

  test.each(each({ envoy: [1, 1, target, 'x=1', 1, 1, 1], nginx: [1, 1, target, 'x=1', 1, 1, 1], fastedge: ['http://shop.example/files/a.tar.gz?x=1', 'http://shop.example/files/a.tar.gz?x=1', '/files/a.tar.gz', 'x=1', 'gz', '127.0.0.1', 1] }))(
    'say what the URL is made of as with $dialect',
    async ({ dialect, value }) => {
      const inOne: (Buffer | number)[] = []
      const inTwo: (Buffer | number)[] = []
      const guest = puppet({
        *on_request_headers() {
          for (const name of names) {
            inOne.push(yield* property(name))
            inTwo.push(yield* property(...name.split('.')))
          }
        },
        *on_response_headers() {
          inOne.push(yield* property('response.status'))
        },
      })
      const { ask } = await meshOf([{ guest, dialect }], (_seen, response) => void response.writeHead(404).end())
      await ask({ path: target, headers: { host: 'shop.example' } })
      expect(values(inOne)).toEqual([...value, dialect === 'fastedge' ? '\x01\x94' : 1])
      expect(values(inTwo)).toEqual(value)
    },
  )

  test.each([
    ['/a', ''],
    ['/a/', ''],
    ['/a.b/c', ''],
    ['/.hidden', ''],
    ['/a.', ''],
    ['/a.b.html', 'html'],
  ])('of the file that %s names say its kind, with fastedge', async (path, kind) => {
    const filter = await loadFilter(
      puppet({
        *on_request_headers() {
          yield* add(0, 'x-kind', `is ${String(yield* property('request.extension'))}`)
        },
      }),
      { dialect: 'fastedge' },
    )
    expect((await filter.request({ path })).sent.headers['x-kind']).toBe(`is ${kind}`)
  })

  /** Answers where a request has gone to, of which a guest has written some properties. */
  const written = async (dialect: DialectName, writes: Readonly<Record<string, string>>): Promise<{ statuses: unknown[]; gone: string }> => {
    const statuses: unknown[] = []
    const guest = puppet({
      *on_request_headers() {
        for (const [name, value] of Object.entries(writes)) statuses.push(yield* call('proxy_set_property', name, value))
      },
    })
    const { app, ask, endpointPort } = await meshOf([], ({ url, headers }, response) => void response.end(`${String(headers['host'])} ${url}`))
    await app.mesh.apply({
      services: { app: { endpoints: [`127.0.0.1:${endpointPort}`] } },
      filters: [{ wasm: { module: fileOf(guest), fuelMs: 1_000, dialect, ...(isolated ? { isolation: 'worker', deadlineMs: 10_000 } : {}) } }],
      routes: [{ match: { host: 'other.example' }, reply: { status: 200, body: 'the other host' } }, { match: { path: { prefix: '/other' } }, reply: { status: 200, body: 'the other path' } }, { to: 'app' }],
    })
    return { statuses, gone: (await ask({ path: '/a?x=1', headers: { host: 'shop.example' } })).body }
  }

  test.each<[Readonly<Record<string, string>>, string]>([
    [{ 'request.path': '/b' }, 'shop.example /b?x=1'],
    [{ 'request.path': '/b?y=2' }, 'shop.example /b?y=2'],
    [{ 'request.path': '/other/b' }, 'the other path'],
    [{ 'request.query': 'y=2' }, 'shop.example /a?y=2'],
    [{ 'request.query': '' }, 'shop.example /a'],
    [{ 'request.host': 'third.example:81' }, 'third.example:81 /a?x=1'],
    [{ 'request.host': 'other.example' }, 'the other host'],
    [{ 'request.url': 'https://third.example/b/../c?y=2' }, 'third.example /c?y=2'],
    [{ 'request.url': '/b' }, 'shop.example /b'],
    [{ 'request.uri': 'http://other.example' }, 'the other host'],
    [{ 'request.host': 'third.example', 'request.path': '/b', 'request.query': '' }, 'third.example /b'],
  ])('send a request elsewhere when they are written, with fastedge: %o', async (writes, gone) => {
    expect(await written('fastedge', writes)).toEqual({ statuses: Object.keys(writes).map(() => 0), gone })
  })

  test('that are not to be written, or cannot be that, are refused, with fastedge', async () => {
    const readOnly = { 'request.method': 'PUT', 'request.scheme': 'https', 'request.extension': 'gz', 'request.x_real_ip': '10.0.0.1', 'response.status': '200' }
    const bad = { 'request.path': 'b', 'request.host': '', 'request.url': 'ftp://third.example/', 'request.uri': '' }
    expect(await written('fastedge', { ...readOnly, ...bad })).toEqual({ statuses: [2, 2, 2, 2, 2, 2, 2, 2, 2], gone: 'shop.example /a?x=1' })
  })

  test.each(['envoy', 'nginx'] as const)('are only kept when they are written, with %s', async (dialect) => {
    expect(await written(dialect, { 'request.path': '/b', 'request.method': 'PUT' })).toEqual({ statuses: [0, 0], gone: 'shop.example /a?x=1' })
  })

  test('of the URL cannot be written when the head has gone, and those of others can be kept, with fastedge', async () => {
    const statuses: unknown[] = []
    const guest = puppet({
      *on_request_headers() {
        statuses.push(yield* call('proxy_set_property', 'request.country', 'LU'))
      },
      *on_response_headers() {
        statuses.push(yield* call('proxy_set_property', 'request.path', '/b'), String(yield* property('request.country')), String(yield* property('request.path')))
      },
    })
    const { ask } = await meshOf([{ guest, dialect: 'fastedge' }])
    await ask({ path: '/a' })
    expect(statuses).toEqual([0, 2, 'LU', '/a'])
  })
})

describe('host functions', () => {
  test.each(each({ envoy: [0, 2, 1, 1], nginx: [12, 12, 12, 12], fastedge: [0, 2, 1, 1] }))('are there as with $dialect', async ({ dialect, value }) => {
    const seen: unknown[] = []
    const guest = puppet({
      *on_request_headers() {
        seen.push(yield* call('proxy_get_log_level', out[0]), yield* call('proxy_close_stream', 9), yield* call('proxy_done'), yield* call('proxy_resolve_shared_queue', '', 'none', out[0]), yield* header(0, ':path'))
      },
    })
    const { ask } = await meshOf([{ guest, dialect }])
    await ask()
    expect(seen).toEqual([...value, '/'])
  })

  test('beyond the ABI log what a guest of fastedge finds out about itself', async () => {
    const guest = textGuest((text) => `(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $diagnose ${text('all is well')}))`, { imports: '(import "env" "stats_set_user_diag" (func $diagnose (param i32 i32) (result i32)))' })
    const { ask, lines } = await meshOf([{ guest, dialect: 'fastedge' }])
    expect((await ask()).status).toBe(200)
    expect(lines.some(({ msg }) => msg === 'all is well')).toBe(true)
  })

  const beyond = ['proxy_dictionary_get', 'proxy_secret_get', 'proxy_get_secret']
  const imports = beyond.map((name) => `(import "env" "${name}" (func $${name} (param i32 i32 i32 i32) (result i32)))`).join('')

  test('beyond the ABI can be imported by guests of fastedge alone', async () => {
    const guest = textGuest((text) => `(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (if (i32.eqz (call $proxy_dictionary_get ${text('GREETING')} (i32.const 16) (i32.const 20)))
        (then (drop (call $proxy_add_header_map_value (i32.const 0) ${text('x-greeting')} (i32.load (i32.const 16)) (i32.load (i32.const 20))))))
      (if (i32.eq (i32.const 3) (i32.add (i32.add (call $proxy_dictionary_get ${text('NONE')} (i32.const 16) (i32.const 20))
          (call $proxy_secret_get ${text('GREETING')} (i32.const 16) (i32.const 20))) (call $proxy_get_secret ${text('GREETING')} (i32.const 16) (i32.const 20))))
        (then (drop (call $proxy_add_header_map_value (i32.const 0) ${text('x-found')} ${text('nothing')}))))
      (i32.const 0))`, { imports })
    const { ask, seen } = await meshOf([{ guest, dialect: 'fastedge', environment: { GREETING: 'hello' } }])
    expect((await ask()).status).toBe(200)
    expect(seen[0]?.headers).toMatchObject({ 'x-greeting': 'hello', 'x-found': 'nothing' })
    await expect(meshOf([{ guest, dialect: 'nginx' }])).rejects.toThrow('proxy_get_secret')
  })
})
