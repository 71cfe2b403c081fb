// loadFilter: connections through a filter for TCP, from the first byte to the last.
/* oxlint-disable require-yield -- scripts of a guest are generators even where they call nothing */
import { Buffer } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import { guest, wat } from '../guest.test.kit.ts'
import { body, call, callService, die, noting, property, puppet, setBody, textOf, type Callbacks, type Script } from '../puppet.test.kit.ts'
import { loadFilter, type LoadFilterOptions, type TestFilter } from './index.ts'

const stop = 1
const downstream = 2
const upstream = 3
const all = ['on_context_create', 'on_new_connection', 'on_downstream_data', 'on_upstream_data', 'on_downstream_connection_close', 'on_upstream_connection_close', 'on_done', 'on_log', 'on_delete']

function load(callbacks: Callbacks, options: LoadFilterOptions = {}): Promise<TestFilter> {
  return loadFilter(puppet(callbacks), { name: 'puppet', protocol: 'TCP', ...options })
}

/** Lets the bytes of the stream with this id go. */
function* letGo(id: number): Script {
  yield* call('proxy_set_effective_context', id)
  yield* call('proxy_continue_stream', downstream)
}

describe('a connection', () => {
  test('carries bytes both ways, until both sides have ended', async () => {
    const seen: unknown[] = []
    const filter = await load(noting(seen, all))
    seen.length = 0
    const connection = await filter.connection()
    await connection.clientSends(['he', new Uint8Array([0x6c, 0x6c, 0x6f])])
    await connection.endpointSends('welcome')
    expect(connection.outcome).toBe('open')
    expect(connection.sent.chunks.map(String)).toEqual(['he', 'llo'])
    await connection.clientEnds()
    expect([connection.sent.ended, connection.received.ended, connection.outcome]).toEqual([true, false, 'open'])
    await connection.endpointSends('!')
    await connection.endpointEnds()
    expect(connection).toMatchObject({ outcome: 'ended', sent: { text: 'hello', ended: true }, received: { text: 'welcome!', ended: true } })
    expect(seen).toEqual([
      ['context_create', 2, 1, 0, 0, 0],
      ['new_connection', 2, 0, 0, 0, 0],
      ['downstream_data', 2, 2, 0, 0, 0],
      ['downstream_data', 2, 3, 0, 0, 0],
      ['upstream_data', 2, 7, 0, 0, 0],
      ['downstream_data', 2, 0, 1, 0, 0],
      ['upstream_data', 2, 1, 0, 0, 0],
      ['upstream_data', 2, 0, 1, 0, 0],
      ['upstream_connection_close', 2, 0, 0, 0, 0],
      ['downstream_connection_close', 2, 1, 0, 0, 0],
      ['done', 2, 0, 0, 0, 0],
      ['log', 2, 0, 0, 0, 0],
      ['delete', 2, 0, 0, 0, 0],
    ])
  })

  test('says who has ended it', async () => {
    for (const [ends, closed] of [
      [['endpointEnds', 'clientEnds'], [2]],
      [['clientEnds', 'endpointEnds'], [1]],
      [['clientResets'], [2]],
      [['endpointResets'], [1]],
    ] as const) {
      const types: number[] = []
      const filter = await load({
        *on_downstream_connection_close(_id, type) {
          types.push(type)
        },
      })
      const connection = await filter.connection()
      for (const end of ends) await connection[end]()
      expect(types).toEqual(closed)
    }
  })

  test('that a side has broken has failed', async () => {
    const filter = await load({})
    const connection = await (await filter.connection()).clientResets()
    expect(connection.outcome).toBe('failed')
    expect(connection.error.code).toBe('MESH_CLIENT_CLOSED')
    expect((await (await filter.connection()).endpointResets()).error.code).toBe('MESH_UPSTREAM_CLOSED')
  })

  test('whose endpoint cannot be reached has failed, and is logged', async () => {
    const filter = await load({
      *on_log() {
        yield* call('proxy_log', 2, String(yield* textOf('proxy_get_property', 'connection\0termination_details')))
      },
    })
    const connection = await filter.connection({ endpoint: { error: 'connect' } })
    expect(connection.error.code).toBe('MESH_CONNECT_FAILED')
    expect(filter.logs.map(({ text }) => text)).toEqual(['MESH_CONNECT_FAILED'])
    expect((await filter.connection({ endpoint: { error: 'timeout' } })).error.code).toBe('MESH_CONNECT_TIMEOUT')
  })

  test('has properties, and keeps those that the filter sets', async () => {
    const filter = await load({
      *on_downstream_data() {
        const parts: unknown[] = []
        for (const path of [['source', 'address'], ['destination', 'address'], ['upstream', 'address'], ['connection', 'requested_server_name'], ['user', 'name']]) parts.push(String(yield* property(...path)))
        parts.push(((yield* property('destination', 'port')) as Buffer).readBigInt64LE())
        yield* call('proxy_set_property', 'seen', parts.join(' '))
      },
    })
    const connection = await filter.connection({ client: '10.1.2.3:4000', listener: '[::1]:6379', endpoint: '10.0.0.9:7000', serverName: 'cache.example', properties: { 'user.name': 'ada' } })
    expect(connection.property('seen')).toBeUndefined()
    await connection.clientSends('x')
    expect(connection.property('seen')?.toString()).toBe('10.1.2.3:4000 [::1]:6379 10.0.0.9:7000 cache.example ada 6379')
  })

  test('cannot be used against its nature', async () => {
    const filter = await load({
      *on_new_connection() {
        return stop
      },
    })
    const held = await filter.connection()
    await expect(held.endpointSends('x')).rejects.toThrow('no endpoint is connected: the filter holds the new connection')
    expect(() => held.error).toThrow('the connection has not failed: it is paused')
    await held.clientEnds()
    await expect(held.clientSends('x')).rejects.toThrow('the client has ended its side')
    await held.clientResets()
    await expect(held.clientResets()).rejects.toThrow('the connection is over: failed')
  })
})

describe('a filter for TCP', () => {
  test('changes bytes and drops them', async () => {
    const filter = await load({
      *on_downstream_data(_id, size) {
        const text = String(yield* body(downstream))
        yield* setBody(downstream, 0, size, text === 'secret' ? '' : text.toUpperCase())
      },
      *on_upstream_data() {
        yield* setBody(upstream, 0, 0, '<')
      },
    })
    const connection = await filter.connection()
    await connection.clientSends(['ab', 'secret', 'c'])
    await connection.endpointSends('x')
    expect(connection.sent.chunks.map(String)).toEqual(['AB', 'C'])
    expect(connection.received.bytes).toEqual(Buffer.from('<x'))
  })

  test('gathers what it holds back', async () => {
    const filter = await load({
      *on_downstream_data(_id, size) {
        return size < 4 ? stop : 0
      },
      *on_upstream_data(_id, size) {
        return size < 2 ? stop : 0
      },
    })
    const connection = await filter.connection()
    await connection.clientSends('ab')
    expect(connection).toMatchObject({ outcome: 'paused', pausedIn: 'downstream data', sent: { text: '' } })
    await connection.clientSends('cd')
    expect(connection).toMatchObject({ outcome: 'open', pausedIn: undefined })
    expect(connection.sent.chunks.map(String)).toEqual(['abcd'])
    await connection.endpointSends('e')
    expect(connection.pausedIn).toBe('upstream data')
  })

  test('holds a new connection until a call is answered, and nothing is read before', async () => {
    let id = 0
    const filter = await load({
      *on_new_connection(own) {
        id = own
        yield* callService('authz', [':method', 'GET', ':path', '/may', ':authority', 'authz'])
        return stop
      },
      *on_http_call_response() {
        yield* letGo(id)
      },
    })
    const connection = await filter.connection()
    await connection.clientSends('early')
    await connection.clientEnds()
    expect(connection).toMatchObject({ outcome: 'paused', pausedIn: 'new connection', sent: { text: '', ended: false } })
    expect(filter.calls[0]).toMatchObject({ service: 'authz', path: '/may' })
    await filter.answer({ status: 200 })
    expect(connection).toMatchObject({ outcome: 'open', sent: { text: 'early', ended: true } })
  })

  test('lets go in a tick what it has held, and the end behind it', async () => {
    const filter = await load({
      *on_vm_start() {
        yield* call('proxy_set_tick_period_milliseconds', 100)
        return 1
      },
      *on_downstream_data() {
        return stop
      },
      on_tick: () => letGo(2),
    })
    const connection = await filter.connection()
    await connection.clientSends('ab')
    await filter.tick()
    expect(connection.sent).toMatchObject({ text: 'ab', ended: false })
    await connection.clientEnds()
    expect(connection.pausedIn).toBe('downstream data')
    await filter.advance(100)
    expect(connection.sent).toMatchObject({ text: 'ab', ended: true })
  })

  test('closes a connection, and what it was asked about goes nowhere', async () => {
    const seen: unknown[][] = []
    const filter = await load({
      ...noting(seen, ['on_downstream_connection_close', 'on_log', 'on_delete']),
      *on_downstream_data() {
        yield* call('proxy_close_stream', downstream)
      },
    })
    const connection = await filter.connection()
    await connection.endpointSends('hello')
    await connection.clientSends('x')
    expect(connection).toMatchObject({ outcome: 'closed', sent: { text: '' }, received: { text: 'hello', ended: false } })
    expect(seen.map(([name, , type]) => [name, type])).toEqual([['downstream_connection_close', 1], ['log', 0], ['delete', 0]])
    await expect(connection.endpointSends('x')).rejects.toThrow('the connection is over: closed')
  })

  test('that traps rejects the step, or does what it does in a mesh', async () => {
    const trapping: Callbacks = {
      *on_downstream_data() {
        if (String(yield* body(downstream)).endsWith('trap')) yield* die()
        return stop
      },
    }
    await expect((await (await load(trapping)).connection()).clientSends('trap')).rejects.toThrow(/^puppet failed \(it trapped\): unreachable/)
    const closed = await (await load(trapping, { onFailure: 'closed' })).connection()
    await closed.clientSends('trap')
    expect(closed.error.code).toBe('MESH_WASM_FAILED')
    const open = await (await load(trapping, { onFailure: 'open' })).connection()
    await open.clientSends(['held ', 'trap', ' after'])
    expect(open).toMatchObject({ outcome: 'open', sent: { text: 'held trap after' } })
  })

  test('is one by its callbacks, where nobody says so', async () => {
    const redis = wat(`(module
      (import "env" "proxy_set_buffer_bytes" (func $set (param i32 i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 16) "QUIT\\r\\n")
      (func (export "proxy_abi_version_0_2_1"))
      (func (export "malloc") (param i32) (result i32) (i32.const 1024))
      (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32)
        (if (i32.eqz (local.get 2)) (then (drop (call $set (i32.const 2) (i32.const 0) (local.get 1) (i32.const 16) (i32.const 6)))))
        (i32.const 0)))`)
    const filter = await loadFilter(redis)
    expect(filter.phases).toEqual(['new connection', 'downstream data'])
    expect((await (await filter.connection()).clientSends('FLUSHALL\r\n')).sent.text).toBe('QUIT\r\n')
    await expect(filter.request()).rejects.toThrow("the filter was loaded for TCP, and takes connections: for requests load it with { protocol: 'HTTP' }")
    await expect((await loadFilter(guest(() => ''))).connection()).rejects.toThrow("the filter was loaded for HTTP, and takes requests: for connections load it with { protocol: 'TCP' }")
    await expect(loadFilter(puppet(noting([], ['on_request_headers'])), { protocol: 'TCP' })).rejects.toThrow('it has callbacks for HTTP only')
  })
})
