// The host functions one by one: what they answer, and which status they answer it with.
/* oxlint-disable require-yield -- scripts of a guest are generators even where they call nothing */
import { describe, expect, test } from 'vitest'
import { wat } from './guest.test.kit.ts'
import { isolated, fileOf, meshOf, until, type TestMesh } from './mesh.test.kit.ts'
import { add, body, bytesOf, call, callService, header, out, pairs, property, puppet, read, textOf, u32, type PuppetOptions, type Script } from './puppet.test.kit.ts'

/** Runs a script in the request headers of one exchange. */
async function inHeaders(script: () => Script, options: object = {}, made: PuppetOptions = {}): Promise<TestMesh> {
  const mesh = await meshOf([{ guest: puppet({ on_request_headers: script }, made), ...options }])
  await mesh.ask({ path: '/p?q=1', headers: { 'user-agent': 'test', 'x-many': 'a', 'referer': 'r' } })
  return mesh
}

describe('addresses', () => {
  test('out of the memory are refused, whatever they are for', async () => {
    const seen: number[] = []
    await inHeaders(function* () {
      const far = -16
      seen.push(
        yield* call('proxy_log', 2, far, 32),
        yield* call('proxy_get_header_map_value', 0, far, 32, out[0], out[1]),
        yield* call('proxy_get_header_map_value', 0, ':path', far + 14, out[1]),
        yield* call('proxy_get_header_map_pairs', 0, out[0], -1),
        yield* call('proxy_set_header_map_pairs', 0, 1_000, 0x7fff_ffff),
        yield* call('proxy_send_local_response', 200, 0, 0, far, 100, 0, 0, -1),
        yield* call('proxy_get_current_time_nanoseconds', 262_140),
        yield* call('proxy_get_property', far, 100, out[0], out[1]),
        yield* call('proxy_get_log_level', 262_141),
      )
    })
    expect(seen).toEqual(Array.from({ length: 9 }, () => 6))
  })

  test('may be 0, and the last ones of the memory', async () => {
    const seen: unknown[] = []
    await inHeaders(function* () {
      seen.push(yield* call('proxy_get_log_level', 0), yield* u32(0), yield* call('proxy_get_log_level', 262_140))
    }, { logLevel: 3 })
    expect(seen).toEqual([0, 3, 0])
  })

  test('lie in memory that the guest has just made, in front of the call or in its allocator', async () => {
    const growing = wat(`(module
      (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
      (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 16) ":path")
      (data (i32.const 32) "x-path")
      (func (export "proxy_abi_version_0_2_1"))
      (func (export "malloc") (param i32) (result i32) (i32.mul (memory.grow (i32.const 1)) (i32.const 65536)))
      (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (memory.grow (i32.const 1)))
        (if (call $get (i32.const 0) (i32.const 16) (i32.const 5) (i32.const 65540) (i32.const 65544)) (then unreachable))
        (if (call $add (i32.const 0) (i32.const 32) (i32.const 6) (i32.load (i32.const 65540)) (i32.load (i32.const 65544))) (then unreachable))
        (i32.const 0)))`)
    const { ask, seen } = await meshOf([{ guest: growing }])
    await ask({ path: '/of-three-pages' })
    await ask({ path: '/of-five' })
    expect(seen.map(({ headers }) => headers['x-path'])).toEqual(['/of-three-pages', '/of-five'])
  })

  test('of results come from whichever allocator there is', async () => {
    const seen: unknown[] = []
    await inHeaders(
      function* () {
        seen.push(yield* header(0, ':path'))
      },
      {},
      { allocator: 'proxy_on_memory_allocate' },
    )
    expect(seen).toEqual(['/p?q=1'])
  })
})

describe('maps', () => {
  test('have a first value, sizes, and no kinds but eight', async () => {
    const seen: unknown[] = []
    await inHeaders(function* () {
      yield* add(0, 'X-Many', 'b')
      seen.push(yield* header(0, 'x-many'), yield* call('proxy_get_header_map_size', 0, out[0]), (yield* u32(out[0])) > 50)
      seen.push(yield* header(9, 'x'), yield* call('proxy_remove_header_map_value', 0, 'x-none'), yield* call('proxy_get_header_map_size', 2, out[0]), yield* call('proxy_set_header_map_pairs', 2, pairs(['a', 'b'])))
    })
    expect(seen).toEqual(['a', 0, true, 2, 0, 2, 2])
  })

  test('that are not encoded well are empty ones', async () => {
    const seen: unknown[] = []
    const { seen: came } = await inHeaders(function* () {
      const good = pairs(['x-a', '1'])
      for (const bad of [good.subarray(0, 3), good.subarray(0, good.length - 1), Buffer.concat([good, Buffer.alloc(1)]), Buffer.from('ffffffff00000000', 'hex')]) {
        seen.push(yield* call('proxy_send_local_response', 200, '', '', bad, -1))
      }
    })
    expect(seen).toEqual([0, 0, 0, 0])
    expect(came).toEqual([])
  })
})

describe('properties', () => {
  test('are typed as Envoy types them', async () => {
    const seen: Record<string, unknown> = {}
    const { port, endpointPort } = await inHeaders(
      function* () {
        for (const path of ['request.path', 'request.url_path', 'request.host', 'request.scheme', 'request.method', 'request.protocol', 'request.query', 'request.useragent', 'request.referer', 'plugin_name', 'plugin_root_id', 'plugin_vm_id', 'source.address', 'destination.address', 'route_name', 'xds.route_name']) {
          seen[path] = String(yield* property(...path.split('.')))
        }
        for (const path of ['source.port', 'destination.port', 'connection_id', 'request.size', 'listener_direction']) seen[path] = Number(((yield* property(...path.split('.'))) as Buffer).readBigInt64LE())
        seen['header'] = String(yield* property('request', 'headers', 'user-agent'))
        seen['mtls'] = yield* property('connection', 'mtls')
        seen['time'] = ((yield* property('request', 'time')) as Buffer).readBigInt64LE()
        seen['trailing NUL'] = String(yield* textOf('proxy_get_property', 'request\0path\0'))
        for (const path of ['response.code', 'nothing', 'request', 'request.nothing', 'connection.tls_version', 'constructor', 'node.constructor', 'upstream.address']) seen[path] = yield* property(...path.split('.'))
        seen['node.id'] = typeof String(yield* property('node', 'id'))
      },
      { vmId: 'v', rootId: 'r' },
    )
    expect(seen).toMatchObject({
      'request.path': '/p?q=1', 'request.url_path': '/p', 'request.scheme': 'http', 'request.method': 'GET', 'request.protocol': 'HTTP/1.1', 'request.query': 'q=1', 'request.useragent': 'test',
      'request.referer': 'r', 'plugin_name': 'guest', 'plugin_root_id': 'r', 'plugin_vm_id': 'v', 'request.host': `127.0.0.1:${port}`, 'destination.port': port, 'destination.address': `127.0.0.1:${port}`,
      'header': 'test', 'mtls': Buffer.from([0]), 'trailing NUL': '/p?q=1', 'request.size': 0, 'listener_direction': 1,
      'response.code': 1, 'nothing': 1, 'request': 1, 'request.nothing': 1, 'connection.tls_version': 1, 'constructor': 1, 'node.constructor': 1, 'upstream.address': 1,
    })
    expect(seen['source.address']).toBe(`127.0.0.1:${String(seen['source.port'])}`)
    expect(Number(seen['time'])).toBeGreaterThan(1.5e18)
    expect(seen['route_name']).toBe(seen['xds.route_name'])
    expect(endpointPort).toBeGreaterThan(0)
  })

  test.skipIf(isolated)('of the end are there at the end, and what a guest has kept is there for those behind it', async () => {
    const seen: unknown[] = []
    const first = puppet({
      *on_request_headers() {
        seen.push(yield* call('proxy_set_property', 'a\0b', 'kept'), yield* call('proxy_set_property', 'request\0path', 'mine'))
      },
    })
    const second = puppet({
      *on_vm_start() {
        seen.push(yield* call('proxy_set_property', 'a', 'b'))
        return 1
      },
      *on_request_headers() {
        seen.push(String(yield* property('a', 'b')), String(yield* property('filter_state', 'wasm', 'a', 'b')), String(yield* property('request', 'path')))
      },
      *on_log() {
        seen.push(((yield* property('response', 'code')) as Buffer).readBigInt64LE(), String(yield* property('response', 'code_details')), String(yield* property('upstream', 'address')).startsWith('127.0.0.1:'), ((yield* property('request', 'duration')) as Buffer).readBigInt64LE() > 0n, String(yield* property('cluster_name')))
      },
    })
    const { ask } = await meshOf([{ guest: first }, { guest: second, name: 'second' }])
    await ask({ path: '/p' })
    await until(() => seen.length === 11)
    expect(seen).toEqual([1, 0, 0, 'kept', 'kept', '/p', 200n, 'via_upstream', true, true, 'app'])
  })
})

describe('log lines', () => {
  test('come from proxy_log and from standard output, at their levels', async () => {
    const seen: unknown[] = []
    const { lines } = await inHeaders(
      function* () {
        for (let level = 0; level <= 6; level++) seen.push(yield* call('proxy_log', level, `line ${level}`))
        yield* call('proxy_get_log_level', out[0])
        seen.push(yield* u32(out[0]))
        yield { poke: [3_000, Buffer.from('[INFO]: from standard output\n')] }
        yield { poke: [4_000, Buffer.from(new Uint32Array([3_000, 10, 3_010, 19]).buffer)] }
        seen.push(yield* call('fd_write', 1, 4_000, 2, out[0]), yield* u32(out[0]), yield* call('fd_write', 2, 4_000, 1, out[0]), yield* call('fd_write', 3, 4_000, 1, out[0]), yield* call('fd_write', 1, 262_144, 1, out[0]))
      },
      { logLevel: 2 },
    )
    expect(seen).toEqual([0, 0, 0, 0, 0, 0, 2, 2, 0, 29, 0, 8, 21])
    const logged = lines.filter(({ filter, msg }) => filter === 'guest' && /line|standard|INFO/.test(String(msg))).map(({ level, msg }) => [level, msg])
    expect(logged).toEqual([[30, 'line 2'], [40, 'line 3'], [50, 'line 4'], [50, 'line 5'], [30, '[INFO]: from standard output'], [50, '[INFO]: fr']])
  })
})

describe('WASI', () => {
  test('has clocks, chance, an environment of its own, and nothing else', async () => {
    const seen: unknown[] = []
    await inHeaders(
      function* () {
        seen.push(yield* call('clock_time_get', 0, 0, 3_000), (yield* read(3_000, 8)).readBigUInt64LE() > 1_500_000_000_000_000_000n, yield* call('clock_time_get', 1, 0, 3_000), yield* call('clock_time_get', 2, 0, 3_000), yield* call('clock_res_get', 0, 3_000))
        seen.push(yield* call('random_get', 3_000, 32), (yield* read(3_000, 32)).some((byte) => byte !== 0), yield* call('random_get', 3_000, 65_537))
        seen.push(yield* call('environ_sizes_get', 3_000, 3_004), yield* u32(3_000), yield* u32(3_004), yield* call('environ_get', 3_100, 3_200), String(yield* read(yield* u32(3_100), 8)))
        seen.push(yield* call('args_sizes_get', 3_000, 3_004), yield* u32(3_000), yield* call('fd_fdstat_get', 1, 3_000), (yield* read(3_000, 24)).readBigUInt64LE(8), yield* call('fd_fdstat_get', 0, 3_000))
        seen.push(yield* call('fd_read', 0, 0, 0, 0), yield* call('fd_close', 1), yield* call('fd_prestat_get', 3, 0), yield* call('poll_oneoff', 3_000, 3_000, 1, 3_004), yield* call('sched_yield'))
      },
      { environment: { HI: 'there', X: '' } },
    )
    expect(seen).toEqual([0, true, 0, 58, 0, 0, true, 28, 0, 2, 12, 0, 'HI=there', 0, 0, 0, 64n, 8, 52, 0, 8, 0, 0])
  })
})

describe('metrics', () => {
  test('count, have ids that say their type, and are in the mesh\'s own', async () => {
    const seen: unknown[] = []
    const { metrics } = await inHeaders(function* () {
      const ids: number[] = []
      for (const type of [0, 1, 2]) {
        seen.push(yield* call('proxy_define_metric', type, `m${type}.of-guest`, out[0]))
        ids.push(yield* u32(out[0]))
      }
      const [counter = 0, gauge = 0, histogram = 0] = ids
      seen.push(ids.map((id) => id & 3), yield* call('proxy_define_metric', 3, 'x', out[0]))
      yield* call('proxy_define_metric', 0, 'm0.of-guest', out[0])
      seen.push((yield* u32(out[0])) === counter)
      seen.push(yield* call('proxy_increment_metric', counter, 5), yield* call('proxy_increment_metric', counter, 0), yield* call('proxy_increment_metric', counter, -1), yield* call('proxy_record_metric', counter, 2))
      seen.push(yield* call('proxy_get_metric', counter, out[0]), (yield* read(out[0], 8)).readBigUInt64LE())
      seen.push(yield* call('proxy_increment_metric', gauge, 5), yield* call('proxy_increment_metric', gauge, -2), yield* call('proxy_get_metric', gauge, out[0]), (yield* read(out[0], 8)).readBigUInt64LE())
      seen.push(yield* call('proxy_record_metric', gauge, 9), yield* call('proxy_record_metric', histogram, 3), yield* call('proxy_increment_metric', histogram, 3), yield* call('proxy_get_metric', histogram, out[0]))
      for (const id of [4_000, 4_001, 4_002, 4_003]) seen.push([yield* call('proxy_increment_metric', id, 1), yield* call('proxy_get_metric', id, out[0]), yield* call('proxy_record_metric', id, 1)])
    })
    expect(seen).toEqual([0, 0, 0, [0, 1, 2], 2, true, 0, 2, 2, 0, 0, 7n, 0, 0, 0, 3n, 0, 0, 2, 2, [1, 1, 1], [1, 1, 1], [2, 2, 1], [2, 2, 1]])
    expect(metrics()).toContain('m0_of_guest')
  })
})

describe('shared data and queues', () => {
  test('belong to all of one VM id, and change only as expected', async () => {
    const seen: unknown[] = []
    await inHeaders(function* () {
      seen.push(yield* bytesOfShared('k'), yield* call('proxy_set_shared_data', 'k', 'one', 77))
      const first = yield* bytesOfShared('k')
      seen.push(first, yield* call('proxy_set_shared_data', 'k', 'two', 12_345_678), yield* call('proxy_set_shared_data', 'k', 'two', (first as { cas: number }).cas), yield* call('proxy_set_shared_data', 'k', '', 0), yield* bytesOfShared('k'))
    })
    expect(seen[0]).toBe(1)
    expect(seen.slice(1)).toEqual([0, { text: 'one', cas: expect.any(Number) }, 8, 0, 0, { text: '', cas: expect.any(Number) }])
    expect((seen[2] as { cas: number }).cas).toBeGreaterThan(0)
  })

  test('tell the last who registered of each message, later', async () => {
    const seen: unknown[] = []
    const guest = puppet({
      *on_vm_start() {
        yield* call('proxy_register_shared_queue', 'q', out[0])
        return 1
      },
      *on_request_headers() {
        seen.push(yield* call('proxy_resolve_shared_queue', 'v', 'none', out[0]), yield* call('proxy_resolve_shared_queue', '', 'q', out[0]))
        const id = yield* u32(out[0])
        seen.push(yield* textOf('proxy_dequeue_shared_queue', id), yield* textOf('proxy_dequeue_shared_queue', 999_999), yield* call('proxy_enqueue_shared_queue', 999_999, 'x'))
        seen.push(yield* call('proxy_enqueue_shared_queue', id, 'one'), yield* call('proxy_enqueue_shared_queue', id, 'two'), 'sent')
      },
      *on_queue_ready(root, id) {
        seen.push(root, yield* textOf('proxy_dequeue_shared_queue', id))
      },
    })
    const { ask } = await meshOf([{ guest, vmId: 'v' }])
    await ask()
    await until(() => seen.length === 12)
    expect(seen).toEqual([1, 0, 7, 1, 1, 0, 0, 'sent', 1, 'one', 1, 'two'])
  })
})

function* bytesOfShared(key: string): Script<{ text: string; cas: number } | number> {
  const status = yield* call('proxy_get_shared_data', key, out[0], out[1], out[2])
  if (status !== 0) return status
  const length = yield* u32(out[1])
  return { text: length === 0 ? '' : String(yield* read(yield* u32(out[0]), length)), cas: yield* u32(out[2]) }
}

describe('callouts', () => {
  test('carry fields, body and trailers there, and the answer back', async () => {
    const seen: unknown[] = []
    const { ask, seen: came } = await meshOf(
      [
        {
          guest: puppet({
            *on_request_headers() {
              if ((yield* header(0, ':path')) !== '/') return 0
              yield* call('proxy_http_call', 'outbound|80||app', pairs([':method', 'POST', ':path', '/callout?x', ':authority', 'auth.example', 'User-Agent', 'guest', 'content-length', '99']), 'hello', pairs(['x-t', '1']), 0, out[0])
              seen.push((yield* u32(out[0])) > 0, yield* header(6, ':status'), yield* body(4))
              return 1
            },
            *on_http_call_response(root, _id, count, size, trailers) {
              seen.push(root, count > 2, size, trailers, yield* header(6, ':status'), yield* header(6, 'X-Answer'), yield* header(7, 'x-u'), yield* body(4), yield* add(6, 'a', 'b'), yield* call('proxy_set_buffer_bytes', 4, 0, 0, 'x'))
              yield* call('proxy_set_effective_context', 2)
              yield* call('proxy_continue_stream', 0)
            },
          }),
        },
      ],
      (got, response) => {
        if (!got.url.startsWith('/callout')) return void response.end('ok')
        response.writeHead(202, { 'X-Answer': 'yes', 'trailer': 'x-u' })
        response.write('world')
        response.addTrailers({ 'x-u': '2' })
        response.end()
      },
    )
    expect(await ask()).toMatchObject({ status: 200 })
    expect(came[0]).toMatchObject({ method: 'POST', url: '/callout?x', body: 'hello', headers: { 'host': 'auth.example', 'user-agent': 'guest' }, trailers: { 'x-t': '1' } })
    expect(seen).toEqual([true, 2, 1, 1, true, 5, 1, '202', 'yes', '2', 'world', 2, 2])
  })

  test('that take too long are answered with 504, and those that break with nothing and a status', async () => {
    const seen: unknown[] = []
    const { ask } = await meshOf(
      [
        {
          guest: puppet({
            *on_request_headers() {
              yield* callService('app', [':method', 'GET', ':path', String(yield* header(0, ':path')), ':authority', 'x'], '', 100)
              return 1
            },
            *on_http_call_response(_root, _id, count, size) {
              seen.push(count, size, yield* header(6, ':status'), yield* call('proxy_get_status', out[0], out[1], out[2]), yield* u32(out[0]))
              yield* call('proxy_set_effective_context', 2 + seen.length / 5 - 1)
              yield* call('proxy_send_local_response', 200, '', '', pairs([]), -1)
            },
          }),
        },
      ],
      (got, response) => void (got.url === '/cut' && response.destroy()),
    )
    await ask({ path: '/slow' })
    await ask({ path: '/cut' })
    expect(seen).toEqual([1, 0, '504', 0, 0, 0, 0, 1, 0, 11])
  })

  test.skipIf(isolated)('of a plugin that is only being started wait until the service is there', async () => {
    const seen: unknown[] = []
    await meshOf([
      {
        guest: puppet({
          *on_configure() {
            seen.push(yield* callService('app', [':method', 'GET', ':path', '/keys', ':authority', 'x'], '', 0))
            return 1
          },
          *on_http_call_response() {
            seen.push(yield* header(6, ':status'), yield* body(4))
          },
        }),
      },
    ])
    await until(() => seen.length === 3)
    expect(seen).toEqual([0, '200', 'GET /keys'])
  })
})

describe('functions by name', () => {
  test('compress, uncompress, find the route again, or are not there', async () => {
    const seen: unknown[] = []
    await inHeaders(function* () {
      const packed = (yield* bytesOf('proxy_call_foreign_function', 'compress', 'aaaaaaaaaaaaaaaa')) as Buffer
      yield { poke: [5_000, packed] }
      const status = yield* call('proxy_call_foreign_function', 'uncompress', 5_000, packed.length, out[0], out[1])
      seen.push(status, String(yield* read(yield* u32(out[0]), yield* u32(out[1]))))
      seen.push(yield* bytesOf('proxy_call_foreign_function', 'uncompress', 'no zlib'), yield* bytesOf('proxy_call_foreign_function', 'nothing', ''), yield* call('proxy_call_foreign_function', 'compress', 'x', 0, 0))
      seen.push(yield* call('proxy_clear_route_cache'), yield* call('pthread_equal', 1, 1), yield* call('pthread_equal', 1, 2))
    })
    expect(seen).toEqual([0, 'aaaaaaaaaaaaaaaa', 3, 1, 0, 0, 1, 0])
  })

  test('that find the route again send a request elsewhere', async () => {
    const guest = puppet({
      *on_request_headers() {
        yield* call('proxy_replace_header_map_value', 0, ':path', '/b')
        yield* call('proxy_call_foreign_function', 'clear_route_cache', '', 0, 0)
      },
    })
    const { app, ask, endpointPort } = await meshOf([{ guest }])
    await app.mesh.apply({
      services: { app: { endpoints: [`127.0.0.1:${endpointPort}`] } },
      filters: [{ wasm: { module: fileOf(guest), fuelMs: 1_000 } }],
      routes: [{ match: { path: '/b' }, reply: { status: 218 } }, { to: 'app' }],
    })
    expect(await ask({ path: '/a' })).toMatchObject({ status: 218 })
  })
})

describe('gRPC', () => {
  test('calls to nobody are refused, and ids that nobody has', async () => {
    const seen: unknown[] = []
    await inHeaders(function* () {
      seen.push(yield* call('proxy_grpc_call', 'nowhere', 'S', 'M', pairs([]), 'x', 100, out[0]), yield* call('proxy_grpc_stream', 'nowhere', 'S', 'M', pairs([]), out[0]))
      seen.push(yield* call('proxy_grpc_send', 7, 'x', 1), yield* call('proxy_grpc_cancel', 7), yield* call('proxy_grpc_close', 7))
    })
    expect(seen).toEqual([4, 4, 1, 1, 1])
  })
})

describe('contexts', () => {
  test('that nobody has cannot be acted for', async () => {
    const seen: unknown[] = []
    await inHeaders(function* () {
      seen.push(yield* call('proxy_set_effective_context', 4_711), yield* call('proxy_set_effective_context', 1), yield* header(0, ':path'), yield* call('proxy_continue_stream', 0), yield* call('proxy_close_stream', 1), yield* call('proxy_send_local_response', 200, '', '', pairs([]), -1))
      seen.push(yield* call('proxy_set_effective_context', 2), yield* header(0, ':path'), yield* call('proxy_close_stream', 4))
    })
    expect(seen).toEqual([2, 0, 2, 0, 0, 0, 0, '/p?q=1', 2])
  })
})
