// loadFilter: what a test of a filter can do, and what it is told.
import { describe, expect, test, vi } from 'vitest'
import { guest, moduleFile } from '../guest.test.kit.ts'
import { add, bytesOf, call, callService, die, header, out, property, puppet, reply, set, setBody, textOf, type Callbacks, type Script } from '../puppet.test.kit.ts'
import { loadFilter, type LoadFilterOptions, type TestFilter } from './index.ts'

const stop = 1
const asked = [':method', 'POST', ':path', '/check?a=1', ':authority', 'authz', 'x-user', 'ada']

function load(callbacks: Callbacks, options: LoadFilterOptions = {}): Promise<TestFilter> {
  return loadFilter(puppet(callbacks), { name: 'puppet', ...options })
}

describe('a request', () => {
  test('passes with what the filter has changed', async () => {
    const filter = await load({
      *on_request_headers(_id, _count, ends) {
        expect(yield* header(0, ':path')).toBe('/a?b=1')
        yield* set(0, 'x-ends', String(ends))
        yield* add(0, 'X-Many', 'two')
        yield* set(0, ':path', '/changed')
      },
    })
    const stream = await filter.request({ method: 'PUT', path: '/a?b=1', authority: 'api.example', headers: { 'X-Many': 'one' } })
    expect(stream.outcome).toBe('passed')
    expect(stream.sent).toMatchObject({ method: 'PUT', path: '/changed', authority: 'api.example', headers: { 'x-many': 'one, two', 'x-ends': '1' }, body: '', complete: true })
    expect(stream.sent.fields).toEqual([['x-many', 'one'], ['x-ends', '1'], ['x-many', 'two']])
  })

  test('brings its body chunk by chunk, and what came of each is seen', async () => {
    const filter = await load({
      *on_request_body(_id, size, ends) {
        const text = yield* textOf('proxy_get_buffer_bytes', 0, 0, -1)
        yield* setBody(0, 0, size, `${String(text).toUpperCase()}${ends ? '.' : ''}`)
      },
    })
    const stream = await filter.request({ body: ['ab', new Uint8Array([0x63])] })
    expect(stream.sent.chunks.map(String)).toEqual(['AB', 'C', '.'])
    expect(stream.sent.body).toBe('ABC.')
  })

  test('brings trailers, which the filter may change', async () => {
    const filter = await load({
      *on_request_trailers() {
        yield* set(1, 'x-sum', `${String(yield* header(1, 'x-sum'))}!`)
      },
    })
    expect((await filter.request({ body: 'a', trailers: { 'X-Sum': '1' } })).sent.trailers).toEqual({ 'x-sum': '1!' })
  })

  test('is answered by the filter', async () => {
    const filter = await load({
      *on_request_headers() {
        yield* reply(401, 'who are you?', ['www-authenticate', 'Key'])
        return stop
      },
    })
    const stream = await filter.request({ body: 'never seen' })
    expect(stream.outcome).toBe('replied')
    expect(stream.reply).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Key', 'content-type': 'text/plain' }, body: 'who are you?' })
    expect(() => stream.sent).toThrow('nothing was sent to the endpoint: the filter has replied with 401')
    await expect(stream.response()).rejects.toThrow('no endpoint can answer: the filter has replied with 401')
  })

  test('has properties, and keeps those that the filter sets', async () => {
    const filter = await load(
      {
        *on_request_headers() {
          const user = (yield* property('user', 'name')) as Buffer
          const node = (yield* property('node', 'weight')) as Buffer
          const address = (yield* property('source', 'address')) as Buffer
          yield* call('proxy_set_property', 'seen', `${user.toString()} ${node.readBigInt64LE()} ${address.toString()}`)
        },
      },
      { properties: { 'node.weight': 3 } },
    )
    const stream = await filter.request({ clientAddress: '10.1.2.3', properties: { 'user.name': 'ada' } })
    expect(stream.property('seen')?.toString()).toBe('ada 3 10.1.2.3')
  })

  test('ends, and is logged', async () => {
    const filter = await load({
      *on_log() {
        yield* call('proxy_log', 2, 'over')
      },
    })
    const stream = await filter.request()
    expect(filter.logs).toEqual([])
    await stream.end()
    await stream.end()
    expect(filter.logs).toEqual([{ level: 'info', text: 'over' }])
    await expect(stream.response()).rejects.toThrow('the exchange is over')
  })
})

describe('a response', () => {
  test('passes with what the filter has changed', async () => {
    const filter = await load({
      *on_response_headers() {
        yield* add(2, 'x-by', String(yield* header(2, ':status')))
        yield* set(2, ':status', '202')
      },
      *on_response_body(_id, _size, ends) {
        if (ends) yield* setBody(1, 0, 0, 'the end')
      },
    })
    const stream = await filter.request()
    expect(() => stream.received).toThrow('nothing was given to the client: the request has gone on to the endpoint')
    await stream.response({ status: 200, headers: { 'content-length': '2', 'x-a': ['1', '2'] }, body: 'ab', trailers: { 'x-t': '1' } })
    expect(stream.received).toMatchObject({ status: 202, headers: { 'x-a': '1, 2', 'x-by': '200' }, body: 'abthe end', trailers: { 'x-t': '1' } })
    await expect(stream.response()).rejects.toThrow('the endpoint has answered already')
  })

  test('is replaced by a reply', async () => {
    const filter = await load({
      *on_response_headers() {
        yield* reply(502, 'not that')
        return stop
      },
    })
    const stream = await (await filter.request()).response({ status: 500 })
    expect(stream).toMatchObject({ outcome: 'replied', reply: { status: 502, body: 'not that' } })
  })
})

describe('a call to a service', () => {
  const asking: Callbacks = {
    *on_request_headers() {
      yield* callService('authz', asked, 'question')
      return stop
    },
    *on_http_call_response(_root, _id, count, size) {
      yield* call('proxy_set_effective_context', 2)
      yield* call('proxy_log', 2, `${count} fields, ${size} bytes`)
      if (count === 0) yield* reply(503, 'nobody there')
      else if ((yield* header(6, ':status')) !== '200') yield* reply(403, String(yield* textOf('proxy_get_buffer_bytes', 4, 0, -1)))
      else {
        yield* set(0, 'x-user', String(yield* header(6, 'x-user')))
        yield* call('proxy_continue_stream', 0)
      }
    },
  }

  test('is seen, waits for the test, and lets the request go on', async () => {
    const filter = await load(asking)
    const stream = await filter.request()
    expect(stream).toMatchObject({ outcome: 'paused', pausedIn: 'request headers' })
    expect(filter.calls).toMatchObject([{ service: 'authz', method: 'POST', path: '/check?a=1', authority: 'authz', headers: { 'x-user': 'ada' }, body: 'question', timeoutMs: 1_000, state: 'waiting' }])
    await filter.answer({ headers: { 'X-User': 'ada' } })
    expect(stream).toMatchObject({ outcome: 'passed', sent: { headers: { 'x-user': 'ada' } } })
    await expect(filter.answer({})).rejects.toThrow("none of the filter's calls waits for an answer: authz (answered)")
    await expect(filter.calls[0]?.answer({})).rejects.toThrow('the call to "authz" does not wait any more: answered')
  })

  test('is refused by the service', async () => {
    const filter = await load(asking)
    const stream = await filter.request()
    await filter.calls[0]?.answer({ status: 401, body: 'no' })
    expect(stream.reply).toMatchObject({ status: 403, body: 'no' })
  })

  test('runs into its timeout when the clock does', async () => {
    const filter = await load(asking)
    const stream = await filter.request()
    await filter.advance(999)
    expect(stream.outcome).toBe('paused')
    await filter.advance(1)
    expect(filter.calls[0]?.state).toBe('failed')
    expect(stream.reply.status).toBe(403)
  })

  test('breaks', async () => {
    const filter = await load(asking)
    const stream = await filter.request()
    await filter.answer({ error: 'reset' })
    expect(stream.reply).toMatchObject({ status: 503, body: 'nobody there' })
  })

  test('is answered as it is made, if the test says so beforehand', async () => {
    const filter = await load(asking, { onCall: ({ path }) => ({ headers: { 'x-user': path } }) })
    expect((await filter.request()).sent.headers['x-user']).toBe('/check?a=1')
  })

  test('goes nowhere where there is no such service', async () => {
    const statuses: number[] = []
    const filter = await load({ *on_request_headers() { statuses.push(yield* callService('authz', asked)) } }, { services: ['users'] })
    await filter.request()
    expect({ statuses, calls: filter.calls }).toEqual({ statuses: [2], calls: [] })
    await expect(filter.answer({})).rejects.toThrow('the filter has called nobody')
  })

  test('is given up when the filter is closed', async () => {
    const filter = await load(asking)
    const stream = await filter.request()
    await stream.end()
    await filter.close()
    expect(filter.calls[0]?.state).toBe('given up')
  })

  test('of gRPC is a stream in the hands of the test', async () => {
    const heard: unknown[] = []
    const filter = await load({
      *on_request_headers() {
        yield* call('proxy_grpc_stream', 'chat', 'chat.Chat', 'Talk', '', out[0])
        yield* call('proxy_grpc_send', 1, 'hello', 1)
      },
      *on_grpc_receive(_root, id) {
        heard.push(id, (yield* bytesOf('proxy_get_buffer_bytes', 5, 0, -1)).toString())
      },
      // oxlint-disable-next-line require-yield
      *on_grpc_close(_root, id, status): Script {
        heard.push(id, status)
      },
    })
    await filter.request()
    const [talk] = filter.grpcCalls
    expect(talk).toMatchObject({ service: 'chat', path: '/chat.Chat/Talk', ended: true, state: 'open' })
    expect(talk?.sent.map(String)).toEqual(['hello'])
    await talk?.message('hi')
    await talk?.close(5)
    expect(heard).toEqual([1, 'hi', 1, 5])
    await expect(talk?.message('?')).rejects.toThrow('not open any more: closed')
  })
})

describe('time', () => {
  test('stands still until the test moves it, and brings ticks', async () => {
    const seen: number[] = []
    const filter = await load(
      {
        *on_configure() {
          yield* call('proxy_set_tick_period_milliseconds', 250)
          return 1
        },
        *on_tick() {
          yield* call('proxy_get_current_time_nanoseconds', out[0])
          const bytes = (yield { peek: [out[0], 8] }).bytes
          seen.push(Number(bytes.readBigUInt64LE() / 1_000_000n))
        },
      },
      { nowMs: 1_000_000 },
    )
    await filter.advance(600)
    await filter.tick()
    expect(seen).toEqual([1_000_250, 1_000_500, 1_000_750])
    expect(filter.nowMs).toBe(1_000_750)
  })

  test('has passed since before the guest: its clock shows something from the start', async () => {
    const seen: number[] = []
    function* look(): Script<number> {
      expect(yield* call('clock_time_get', 1, 0, out[0])).toBe(0)
      seen.push(Number((yield { peek: [out[0], 8] }).bytes.readBigUInt64LE()) / 1_000_000)
      return 1
    }
    const filter = await load({
      on_vm_start: look,
      *on_request_headers() {
        yield* look()
      },
    })
    await filter.advance(25)
    await filter.request()
    expect(seen[0]).toBeGreaterThan(0)
    expect((seen[1] ?? 0) - (seen[0] ?? 0)).toBe(25)
  })

  test('brings what a guest says to a request that has gone on', async () => {
    const filter = await load({
      *on_configure() {
        yield* call('proxy_set_tick_period_milliseconds', 250)
        return 1
      },
      *on_request_headers() {},
      *on_tick() {
        yield* call('proxy_set_effective_context', 2)
        yield* reply(503, 'overloaded')
      },
    })
    const stream = await filter.request()
    expect(stream.outcome).toBe('passed')
    await filter.tick()
    expect([stream.outcome, stream.reply.status, stream.reply.body]).toEqual(['replied', 503, 'overloaded'])
    await expect(stream.response()).rejects.toThrow('the filter has replied')
  })

  test('does not depend on the timers of the process', async () => {
    const filter = await load({ *on_request_headers() { yield* call('proxy_log', 2, 'here') } })
    vi.useFakeTimers()
    try {
      expect((await filter.request()).outcome).toBe('passed')
    } finally {
      vi.useRealTimers()
    }
  })

  test('cannot go to the next tick where there is none', async () => {
    const filter = await load({})
    await expect(filter.tick()).rejects.toThrow('the filter has set no tick')
  })
})

describe('what a filter keeps', () => {
  test('are metrics', async () => {
    const filter = await load({
      *on_request_headers() {
        for (const [type, name] of ['hits', 'depth', 'size'].entries()) {
          yield* call('proxy_define_metric', type, name, out[0])
          const { bytes } = yield { peek: [out[0], 4] }
          yield* call(type === 0 ? 'proxy_increment_metric' : 'proxy_record_metric', bytes.readUInt32LE(), 7)
        }
      },
    })
    await filter.request()
    await filter.request()
    expect(filter.metrics).toEqual({ hits: 14, depth: 7, size: [7, 7] })
  })

  test('is data that it shares with a filter beside it', async () => {
    const count: Callbacks = {
      *on_request_headers() {
        const before = yield* shared('count')
        yield* call('proxy_set_shared_data', 'count', String(Number(before) + 1), 0)
      },
    }
    const one = await load(count)
    const other = await load(count, { beside: one })
    one.sharedData.put('count', '5')
    await one.request()
    await other.request()
    expect(other.sharedData.text('count')).toBe('7')
    expect(one.sharedData.keys).toEqual(['count'])
    await one.advance(10)
    expect(other.nowMs).toBe(one.nowMs)
  })

  test('are messages in queues', async () => {
    const got: string[] = []
    const filter = await load({
      *on_configure() {
        yield* call('proxy_register_shared_queue', 'jobs', out[0])
        return 1
      },
      *on_queue_ready(_root, id) {
        got.push((yield* bytesOf('proxy_dequeue_shared_queue', id)).toString())
      },
    })
    await filter.enqueue('jobs', 'one')
    await filter.enqueue('jobs', 'two')
    expect(got).toEqual(['one', 'two'])
    expect(filter.queues.messages('jobs')).toEqual([])
    await expect(filter.enqueue('jbos', 'x')).rejects.toThrow('nobody has registered a queue "jbos"')
  })
})

function* shared(key: string): Script<string> {
  const status = yield* call('proxy_get_shared_data', key, out[0], out[1], out[2])
  if (status !== 0) return '0'
  const { bytes: at } = yield { peek: [out[0], 4] }
  const { bytes: length } = yield { peek: [out[1], 4] }
  const { bytes } = yield { peek: [at.readUInt32LE(), length.readUInt32LE()] }
  return bytes.toString()
}

describe('a guest that fails', () => {
  const dying: Callbacks = {
    *on_request_headers() {
      yield* call('proxy_log', 4, 'what is that?')
      yield* die()
    },
  }

  test('rejects what the test is doing, with the reason and what it had logged', async () => {
    const filter = await load(dying)
    await expect(filter.request()).rejects.toMatchObject({ name: 'FilterFailure', reason: 'trap', message: expect.stringMatching(/^puppet failed \(it trapped\): unreachable\n {2}at .*\nthe last it had logged:\n {2}error: what is that\?$/s) })
  })

  test('fails the exchange where the test asks for that', async () => {
    const stream = await (await load(dying, { onFailure: 'closed' })).request()
    expect(stream).toMatchObject({ outcome: 'failed', error: { code: 'MESH_WASM_FAILED' } })
    expect(() => stream.sent).toThrow('nothing was sent to the endpoint: the exchange has failed with')
  })

  test('is left out where the test asks for that', async () => {
    expect((await (await load(dying, { onFailure: 'open' })).request()).outcome).toBe('passed')
  })

  test('runs out of fuel', async () => {
    const filter = await loadFilter(guest(() => '(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (loop $l (br $l)) (unreachable))'), { fuelMs: 1 })
    await expect(filter.request()).rejects.toMatchObject({ reason: 'fuel', message: expect.stringMatching(/^filter failed \(it ran out of fuel\): it took more time than it may \(fuelMs: 1\)/) })
  })

  test('takes longer to start than it may', async () => {
    const starting = guest(() => '(func (export "proxy_on_vm_start") (param i32 i32) (result i32) (loop $l (br $l)) (unreachable))')
    await expect(loadFilter(starting, { fuelMs: 1, startFuelMs: 3 })).rejects.toMatchObject({ reason: 'fuel', message: expect.stringMatching(/^filter failed \(it ran out of fuel\): it took more time than it may to start \(startFuelMs: 3\)/) })
  })

  test('does not take its configuration', async () => {
    const refusing = load({ *on_configure(_root, size) { yield* call('proxy_log', 4, `${size} bytes are too many`); return 0 } }, { configuration: { key: 'abc' } })
    await expect(refusing).rejects.toMatchObject({ reason: 'configure', message: 'puppet failed (it refused its configuration): its proxy_on_configure answered no: it does not take this configuration (it says: 13 bytes are too many)\nthe last it had logged:\n  error: 13 bytes are too many' })
  })
})

describe('a module', () => {
  test('is read from a path, and gives its name', async () => {
    const file = moduleFile(puppet({}))
    try {
      expect((await loadFilter(file.path)).name).toBe('guest')
    } finally {
      file.remove()
    }
  })

  test('that is not there has to be built first', async () => {
    await expect(loadFilter('build/none.wasm')).rejects.toThrow('there is no build/none.wasm: build the filter first, with: meshwright filter build')
  })

  test('that is none is refused', async () => {
    await expect(loadFilter(new TextEncoder().encode('(module)'))).rejects.toThrow(/^the module cannot be run: /)
  })

  test('that asks for what no host has is refused with the list of it', async () => {
    const bytes = guest(() => '', { imports: '(import "env" "proxy_teleport" (func))' })
    await expect(loadFilter(bytes)).rejects.toThrow('the module imports what this host does not have: env.proxy_teleport')
    expect((await loadFilter(bytes, { allowUnknownImports: true })).phases).toEqual([])
  })

  test('says in which phases it takes part, and what it has used', async () => {
    const filter = await load({ *on_request_headers() { yield* header(0, ':path') }, *on_response_body() { yield* header(0, ':path') } })
    expect(filter.phases).toEqual(['request headers', 'response body'])
    const { calls } = filter.used
    await filter.request()
    expect(filter.used.calls).toBeGreaterThan(calls)
    expect(filter.used.fuel).toBeGreaterThan(0)
  })
})
