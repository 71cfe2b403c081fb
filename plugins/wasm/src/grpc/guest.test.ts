// Guests that call services by gRPC, against a server of another make: inline, and in a thread of their own.
import { Buffer } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import { grpcServer } from './server.test.kit.ts'
import { meshOf, until } from '../mesh.test.kit.ts'
import { bytesOf, call, header, out, pairs, puppet, textOf, u32, type Callbacks } from '../puppet.test.kit.ts'

/** The name of a service as Envoy's SDKs say it: a GrpcService with an EnvoyGrpc in it. */
const envoyGrpc = Buffer.concat([Buffer.from([0x0a, 6, 0x0a, 4]), Buffer.from('echo')])

/** Notes everything that a guest hears of its calls. */
function hearing(seen: unknown[]): Callbacks {
  return {
    *on_grpc_receive_initial_metadata(_root, id, count) {
      seen.push(['head', id, count > 0, yield* header(4, ':status')])
    },
    *on_grpc_receive(_root, id, size) {
      seen.push(['message', id, size, yield* textOf('proxy_get_buffer_bytes', 5, 0, 1_000)])
    },
    *on_grpc_receive_trailing_metadata(_root, id, count) {
      seen.push(['trailers', id, count > 0, yield* header(5, 'grpc-status')])
    },
    *on_grpc_close(_root, id, status) {
      const message = yield* bytesOf('proxy_get_status', out[2])
      seen.push(['close', id, status, yield* u32(out[2]), String(message)])
    },
  }
}

describe.each([{ isolation: 'inline' }, { isolation: 'worker', deadlineMs: 10_000 }] as const)('a guest that is $isolation', (isolation) => {
  test('calls, hears the answer and no end of it, and hears of a failure', async () => {
    const { port } = await grpcServer()
    const seen: unknown[] = []
    const guest = puppet({
      *on_request_headers() {
        const path = String(yield* header(0, ':path')).slice(1)
        seen.push(yield* call('proxy_grpc_call', path === 'envoy' ? envoyGrpc : 'echo', 'test.Echo', 'Unary', pairs(['x-asked', 'me']), path, 1_000, out[0]))
      },
      ...hearing(seen),
    })
    const { ask } = await meshOf([{ guest, ...isolation }], undefined, { services: { echo: { endpoints: [`127.0.0.1:${port}`] } } })
    await ask({ path: '/hello' })
    await until(() => seen.length === 2)
    expect(seen).toEqual([0, ['message', 1, 5, 'HELLO']])
    await ask({ path: '/envoy' })
    await until(() => seen.length === 4)
    expect(seen.slice(2)).toEqual([0, ['message', 2, 5, 'ENVOY']])
    await ask({ path: '/fail' })
    await until(() => seen.length === 6)
    expect(seen.slice(4)).toEqual([0, ['close', 3, 5, 5, Buffer.from('nothing called "fäil"').toString()]])
  })

  test('talks in a stream, in the order of its events', async () => {
    const { port } = await grpcServer()
    const seen: unknown[] = []
    const heard = hearing(seen)
    const guest = puppet({
      *on_request_headers() {
        seen.push(yield* call('proxy_grpc_stream', 'echo', 'test.Echo', 'Talk', pairs([]), out[0]))
        const id = yield* u32(out[0])
        seen.push(yield* call('proxy_grpc_send', id, 'one', 0), yield* call('proxy_grpc_send', id, 'two', 0), yield* call('proxy_grpc_close', id))
      },
      ...heard,
    })
    const { ask } = await meshOf([{ guest, ...isolation }], undefined, { services: { echo: { endpoints: [`127.0.0.1:${port}`] } } })
    await ask()
    await until(() => seen.length === 9)
    expect(seen).toEqual([0, 0, 0, 0, ['head', 1, true, '200'], ['message', 1, 7, 're: one'], ['message', 1, 7, 're: two'], ['trailers', 1, true, '0'], ['close', 1, 0, 0, 'OK']])
  })

  test('cancels, and the server hears of it', async () => {
    const { port, events } = await grpcServer()
    const seen: unknown[] = []
    const guest = puppet({
      *on_request_headers() {
        seen.push(yield* call('proxy_grpc_stream', 'echo', 'test.Echo', 'Talk', pairs([]), out[0]))
        yield* call('proxy_grpc_send', yield* u32(out[0]), 'one', 0)
      },
      ...hearing(seen),
      *on_grpc_receive(_root, id) {
        seen.push(yield* call('proxy_grpc_cancel', id), yield* call('proxy_grpc_cancel', id))
      },
    })
    const { ask } = await meshOf([{ guest, ...isolation }], undefined, { services: { echo: { endpoints: [`127.0.0.1:${port}`] } } })
    await ask()
    await until(() => events.includes('cancelled'))
    expect(seen).toEqual([0, ['head', 1, true, '200'], 0, 1])
  })
})
