// What a guest finds on a TCP listener: its callbacks in Envoy's order, bytes to read, change, hold back and let go.
/* oxlint-disable require-yield -- scripts of a guest are generators even where they call nothing */
import { describe, expect, test } from 'vitest'
import { endpoint, until } from './mesh.test.kit.ts'
import { body, call, callService, die, noting, out, puppet, setBody, textOf, u32, type Script } from './puppet.test.kit.ts'
import { tcpMesh, ticking } from './tcp.test.kit.ts'

const all = ['on_context_create', 'on_new_connection', 'on_downstream_data', 'on_upstream_data', 'on_downstream_connection_close', 'on_upstream_connection_close', 'on_done', 'on_log', 'on_delete']
const downstream = 2
const upstream = 3

/** Waits until the first stream has been deleted, which in another thread is a little later than its end. */
async function deleted(seen: readonly unknown[][]): Promise<void> {
  await until(() => seen.some(([name, id]) => name === 'delete' && id === 2))
}

describe('the callbacks', () => {
  test('come in the order of Envoy, with the end of each way', async () => {
    const seen: unknown[][] = []
    const mesh = await tcpMesh(puppet(noting(seen, all)))
    const client = mesh.connect().send('hello')
    await client.has('hello')
    client.halfClose()
    expect(await client.ends()).toBe('end')
    await deleted(seen)
    // What is isolated was started once more before that, as a trial.
    expect(seen.slice(seen.findLastIndex(([name, id]) => name === 'context_create' && id === 1))).toEqual([
      ['context_create', 1, 0, 0, 0, 0],
      ['context_create', 2, 1, 0, 0, 0],
      ['new_connection', 2, 0, 0, 0, 0],
      ['downstream_data', 2, 5, 0, 0, 0],
      ['upstream_data', 2, 5, 0, 0, 0],
      ['downstream_data', 2, 0, 1, 0, 0],
      ['upstream_data', 2, 0, 1, 0, 0],
      ['upstream_connection_close', 2, 0, 0, 0, 0],
      ['downstream_connection_close', 2, 1, 0, 0, 0],
      ['done', 2, 0, 0, 0, 0],
      ['log', 2, 0, 0, 0, 0],
      ['delete', 2, 0, 0, 0, 0],
    ])
  })

  test('say that the client has closed it where it has, and end all the same', async () => {
    const seen: unknown[][] = []
    const mesh = await tcpMesh(puppet(noting(seen, all)))
    const client = mesh.connect().send('x')
    await client.has('x')
    client.socket.resetAndDestroy()
    expect((await mesh.end()).error?.code).toBe('MESH_CLIENT_CLOSED')
    await deleted(seen)
    expect(seen.slice(-5).map(([name, , type]) => [name, type])).toEqual([['downstream_connection_close', 2], ['upstream_connection_close', 0], ['done', 0], ['log', 0], ['delete', 0]])
  })

  test('are those that the module has: a guest that only logs is told of each connection', async () => {
    const seen: unknown[] = []
    const mesh = await tcpMesh(puppet(noting(seen, ['on_log'])))
    const client = mesh.connect().send('x').halfClose()
    expect(await client.ends()).toBe('end')
    await mesh.end()
    expect(client.text).toBe('x')
    await until(() => seen.length > 0)
    expect(seen).toEqual([['log', 2, 0, 0, 0, 0]])
  })

  test('have told the end of every connection when a mesh has closed', async () => {
    const logged: number[] = []
    const mesh = await tcpMesh(puppet({
      *on_log(id) {
        logged.push(id)
      },
    }))
    for (const one of [mesh.connect(), mesh.connect()]) await one.send('x').has('x')
    await mesh.app.close()
    expect(logged.toSorted((a, b) => a - b)).toEqual([2, 3])
  })

  test('put the end off until proxy_done', async () => {
    const seen: string[] = []
    const { connect, end, inTick } = await ticking({
      *on_done(id) {
        if (id === 1) return 1
        seen.push('done')
        return 0
      },
      *on_log() {
        seen.push('log')
      },
      *on_delete(id) {
        if (id > 1) seen.push('delete')
      },
    })
    await connect().halfClose().ends()
    await end()
    await until(() => seen.length === 2)
    expect(seen).toEqual(['done', 'log'])
    inTick(function* () {
      yield* call('proxy_set_effective_context', 2)
      seen.push(`proxy_done ${yield* call('proxy_done')}`)
    })
    await until(() => seen.length === 4)
    expect(seen.slice(2)).toEqual(['proxy_done 0', 'delete'])
  })
})

describe('bytes', () => {
  test('can be read and changed in both directions', async () => {
    const seen: unknown[] = []
    const { connect, behind } = await tcpMesh(
      puppet({
        *on_downstream_data() {
          seen.push(yield* body(downstream), yield* body(downstream, 1, 2), yield* body(upstream), yield* call('proxy_get_buffer_status', downstream, out[0], out[1]), yield* u32(out[0]))
          seen.push(yield* setBody(downstream, 0, 99, 'changed'))
          return 0
        },
        *on_upstream_data() {
          yield* setBody(upstream, 0, 0, '<')
          yield* setBody(upstream, 99, 0, '>')
          return 0
        },
      }),
    )
    const client = connect().send('hello')
    await client.has('<changed>')
    expect(behind[0]?.text).toBe('changed')
    expect(seen).toEqual(['hello', 'el', '', 0, 5, 0])
  })

  test('gather while the guest stops, and go on together when it lets them', async () => {
    const sizes: number[] = []
    const mesh = await tcpMesh(
      puppet({
        *on_downstream_data(_id, size) {
          sizes.push(size)
          return size < 6 ? 1 : 0
        },
      }),
    )
    const client = mesh.connect().send('abc')
    await until(() => sizes.length === 1)
    client.send('def')
    await client.has('abcdef')
    client.send('g')
    await until(() => sizes.length === 3)
    expect(sizes).toEqual([3, 6, 1])
  })

  test('of the endpoint gather too, and no function lets them go', async () => {
    const sizes: number[] = []
    let status = -1
    const { connect, behind } = await tcpMesh(
      puppet({
        *on_upstream_data(_id, size) {
          sizes.push(size)
          status = yield* call('proxy_continue_stream', upstream)
          return size < 4 ? 1 : 0
        },
      }),
      { endpoint: () => {} },
    )
    const client = connect()
    await until(() => behind.length === 1)
    behind[0]?.send('ab')
    await until(() => sizes.length === 1)
    behind[0]?.send('cd')
    await client.has('abcd')
    expect([sizes, status]).toEqual([[2, 4], 12])
  })

  test('go on from somewhere else, and so does the end', async () => {
    const seen: unknown[] = []
    const mesh = await ticking({
      *on_downstream_data(_id, size, ends) {
        seen.push([size, ends])
        return 1
      },
    })
    const { inTick, connect, behind } = mesh
    const goOn = function* (): Script {
      seen.push(yield* call('proxy_set_effective_context', 2), yield* textOf('proxy_get_buffer_bytes', downstream, 0, -1), yield* setBody(downstream, 0, 1, 'A'), yield* call('proxy_continue_stream', downstream))
    }
    const client = connect().send('abc')
    await until(() => seen.length === 1)
    expect(behind[0]?.text).toBe('')
    inTick(goOn)
    await client.has('Abc')
    client.send('d').halfClose()
    await until(() => seen.length >= 6 && (seen.at(-1) as number[])[1] === 1)
    inTick(goOn)
    await client.has('AbcA')
    expect(await client.ends()).toBe('end')
    expect(seen.slice(0, 5)).toEqual([[3, 0], 0, 'abc', 0, 0])
  })

  test('can still be changed when the guest has let them go from somewhere else', async () => {
    const seen: unknown[] = []
    const { inTick, connect } = await ticking({
      *on_downstream_data() {
        seen.push('stopped')
        return 1
      },
    })
    const client = connect().send('abc')
    await until(() => seen.length === 1)
    inTick(function* () {
      yield* call('proxy_set_effective_context', 2)
      yield* call('proxy_continue_stream', downstream)
      seen.push(yield* body(downstream), yield* setBody(downstream, 0, 0, 'more '))
    })
    await client.has('more abc')
    expect(seen).toEqual(['stopped', 'abc', 0])
  })

  test('go on although the guest stops, when it has said meanwhile that they do', async () => {
    const { connect } = await tcpMesh(
      puppet({
        *on_new_connection() {
          yield* call('proxy_continue_stream', downstream)
          return 1
        },
        *on_downstream_data() {
          yield* call('proxy_continue_stream', downstream)
          return 1
        },
      }),
    )
    await connect().send('abc').has('abc')
  })

  test('are not read, nor an endpoint connected to, while the guest holds a new connection', async () => {
    const held: number[] = []
    const { connect, behind, inTick } = await ticking({
      *on_new_connection(id) {
        held.push(id)
        return 1
      },
    })
    const client = connect().send('early')
    await until(() => held.length === 1)
    inTick(function* () {
      held.push(behind.length)
      yield* call('proxy_set_effective_context', 2)
      yield* call('proxy_continue_stream', downstream)
    })
    await client.has('early')
    expect(held).toEqual([2, 0])
  })

  test('pass two guests of one VM', async () => {
    const guest = puppet({
      *on_downstream_data(id, _size, ends) {
        if (ends === 0) yield* setBody(downstream, 99, 0, String(id))
        return 0
      },
    })
    const { app, endpointPort } = await tcpMesh(guest)
    expect(endpointPort).toBeGreaterThan(0)
    const { fileOf, isolation } = await import('./mesh.test.kit.ts')
    const one = { wasm: { module: fileOf(guest), name: 'one', vmId: 'two', ...isolation } }
    const { port } = await app.mesh.listen({ name: 'two', address: '127.0.0.1:0', tcp: { to: 'app', filters: [one, one] } })
    const { Wire } = await import('./tcp.test.kit.ts')
    const { connect } = await import('node:net')
    await new Wire(connect(port, '127.0.0.1')).send('x').has('x34')
  })
})

describe('a guest', () => {
  test('closes a connection in peace, and what it had is not sent', async () => {
    for (const type of [downstream, upstream]) {
      const seen: unknown[][] = []
      const { connect, end, behind } = await tcpMesh(
        puppet({
          ...noting(seen, ['on_downstream_connection_close', 'on_log']),
          *on_downstream_data() {
            seen.push([yield* call('proxy_close_stream', type)])
            return 0
          },
        }),
      )
      const client = connect().send('x')
      expect(await client.ends()).toBe('end')
      client.halfClose()
      expect((await end()).error).toBeUndefined()
      expect(behind[0]?.text).toBe('')
      await until(() => seen.length === 3)
      expect(seen.map(([name]) => name)).toEqual([0, 'downstream_connection_close', 'log'])
    }
  })

  test('asks a service before it lets bytes go, and counts what it did', async () => {
    const seen: unknown[] = []
    const mesh = await tcpMesh(
      puppet({
        *on_downstream_data(_id, _size, ends) {
          if (ends === 1) return 0
          yield* call('proxy_define_metric', 0, 'asked', out[0])
          yield* call('proxy_increment_metric', yield* u32(out[0]), 2)
          seen.push(yield* callService('keys', [':method', 'POST', ':path', '/', ':authority', 'keys'], String(yield* body(downstream))))
          return 1
        },
        *on_http_call_response(_id, _call, _fields, size) {
          seen.push(yield* textOf('proxy_get_buffer_bytes', 4, 0, size))
          yield* call('proxy_set_effective_context', 2)
          yield* call('proxy_continue_stream', downstream)
        },
      }),
    )
    await mesh.app.mesh.service('keys', { endpoints: [`127.0.0.1:${await endpoint(({ body: text }, response) => void response.end(`${text}?`))}`] })
    await mesh.connect().send('abc').has('abc')
    expect(seen).toEqual([0, 'abc?'])
    expect(mesh.app.mesh.collect().find(({ name }) => name === 'mesh_wasm_custom_asked')?.series).toMatchObject([{ value: 2 }])
  })

  test('is answered what Envoy answers for what TCP has not', async () => {
    const seen: unknown[] = []
    const { connect } = await tcpMesh(
      puppet({
        *on_new_connection() {
          seen.push(yield* call('proxy_get_buffer_status', downstream, out[0], out[1]), yield* call('proxy_continue_stream', 0), yield* call('proxy_continue_stream', 4), yield* call('proxy_close_stream', 1), yield* call('proxy_close_stream', 4))
          seen.push(yield* call('proxy_add_header_map_value', 0, 'a', 'b'), yield* call('proxy_set_buffer_bytes', downstream, 0, 0, 'x'), yield* call('proxy_set_effective_context', 77))
          seen.push(yield* call('proxy_send_local_response', 403, '', '', '', -1), yield* call('proxy_done'))
          return 0
        },
      }),
    )
    await connect().send('x').has('x')
    expect(seen).toEqual([0, 0, 2, 0, 2, 2, 2, 2, 0, 1])
  })

  test('that has callbacks for HTTP only is refused, and so is one for TCP on a route', async () => {
    await expect(tcpMesh(puppet(noting([], ['on_request_headers', 'on_log'])))).rejects.toMatchObject({ code: 'MESH_WASM_REFUSED', detail: expect.stringContaining('callbacks for HTTP only') as string })
    const { meshOf } = await import('./mesh.test.kit.ts')
    await expect(meshOf([{ guest: puppet(noting([], ['on_new_connection'])) }])).rejects.toMatchObject({ code: 'MESH_WASM_REFUSED', detail: expect.stringContaining('callbacks for TCP only') as string })
  })
})

describe('a guest that fails', () => {
  const trapping = (): Uint8Array =>
    puppet({
      *on_downstream_data() {
        if ((yield* body(downstream)) === 'trap') yield* die()
        return 0
      },
      *on_upstream_data(_id, size) {
        return size < 100 ? 0 : 1
      },
    })

  test('breaks its connections off', async () => {
    const { connect, end } = await tcpMesh(trapping())
    const other = connect().send('x')
    await other.has('x')
    expect(await connect().send('trap').ends()).toBe('reset')
    expect((await end()).error?.code).toBe('MESH_WASM_FAILED')
    // The VM was theirs too.
    expect(await other.send('y').ends()).toBe('reset')
    expect(await connect().ends()).toBe('reset')
  })

  test('is passed by with onFailure: open, and no byte is lost that it has held', async () => {
    const { connect, behind } = await tcpMesh(
      puppet({
        *on_downstream_data() {
          if ((yield* body(downstream)) === 'trap') yield* die()
          return 1
        },
      }),
      { options: { onFailure: 'open' } },
    )
    const other = connect().send('held')
    await until(() => behind.length === 1)
    const client = connect().send('trap')
    await client.has('trap')
    await other.has('held')
    await other.send('!').has('held!')
    await connect().send('after').has('after')
  })

  test('lets go of a new connection that waits for it, with all that has come, or breaks it off', async () => {
    for (const onFailure of ['open', 'closed'] as const) {
      const held: number[] = []
      const { connect, inTick } = await ticking({ *on_new_connection(id) { held.push(id); return 1 } }, { options: { onFailure } })
      const client = connect().send('early')
      await until(() => held.length === 1)
      inTick(die)
      if (onFailure === 'open') await client.has('early')
      else expect(await client.ends()).toBe('reset')
    }
  })

  test('comes back with onFailure: reload', async () => {
    const { connect } = await tcpMesh(trapping(), { options: { onFailure: 'reload' } })
    expect(await connect().send('trap').ends()).toBe('reset')
    await connect().send('again').has('again')
  })

  test('in any callback harms nobody else', async () => {
    for (const name of ['on_context_create', 'on_new_connection', 'on_upstream_data', 'on_downstream_connection_close', 'on_upstream_connection_close', 'on_done', 'on_log', 'on_delete']) {
      let first = true
      const mesh = await tcpMesh(
        puppet({
          *on_new_connection() {
            return 0
          },
          *[name](id: number) {
            if (id > 1 && first) {
              first = false
              yield* die()
            }
            return name === 'on_done' ? 1 : 0
          },
        }),
        { options: { onFailure: 'reload' } },
      )
      await mesh.connect().send('x').halfClose().ends()
      await mesh.end()
      const next = mesh.connect().send('next')
      await next.has('next')
    }
  })

  test('to go on is waited for no longer than filterMs', async () => {
    for (const script of [{ *on_new_connection() { return 1 } }, { *on_downstream_data() { return 1 } }]) {
      const { connect, end } = await tcpMesh(puppet(script), { listener: { timeouts: { filterMs: 5 } }, options: { bufferBytes: 2 } })
      expect(await connect().send('xyz').ends()).toBe('reset')
      expect((await end()).error?.code).toBe('MESH_FILTER_TIMEOUT')
    }
  })
})
