// What a guest can ask of a TCP connection.
import { Buffer } from 'node:buffer'
import { expect, test } from 'vitest'
import { until } from './mesh.test.kit.ts'
import { call, property, puppet, type Script } from './puppet.test.kit.ts'
import { tcpMesh } from './tcp.test.kit.ts'

test('a guest knows both ends, the endpoint, and what it has kept; also when all is over', async () => {
  const seen: unknown[] = []
  const values = function* (): Script {
    const text = function* (...path: string[]): Script<string | number> {
      const value = yield* property(...path)
      return typeof value === 'number' ? value : value.toString('latin1')
    }
    const number = function* (...path: string[]): Script<number> {
      const value = yield* property(...path)
      return typeof value === 'number' ? -value : Number(value.readBigInt64LE())
    }
    seen.push({
      source: yield* text('source', 'address'), sourcePort: yield* number('source', 'port'), destination: yield* text('destination', 'address'), destinationPort: yield* number('destination', 'port'),
      upstream: yield* text('upstream', 'address'), cluster: yield* text('cluster_name'), sent: yield* number('request', 'size'), kept: yield* text('mine'), method: yield* text('request', 'method'), code: yield* number('response', 'code'),
    })
  }
  const mesh = await tcpMesh(
    puppet({
      *on_new_connection() {
        yield* call('proxy_set_property', 'mine', 'kept')
        yield* values()
        return 0
      },
      on_log: values,
    }),
  )
  const client = mesh.connect().send('abc')
  await client.has('abc')
  const sourcePort = client.socket.localPort as number
  await client.halfClose().ends()
  await mesh.end()
  await until(() => seen.length === 2)
  const ends = { source: `127.0.0.1:${sourcePort}`, sourcePort, destination: `127.0.0.1:${mesh.port}`, destinationPort: mesh.port, cluster: 'app', kept: 'kept', method: 1, code: -1 }
  expect(seen).toEqual([
    { ...ends, upstream: 1, sent: 0 },
    { ...ends, upstream: `127.0.0.1:${mesh.endpointPort}`, sent: 3 },
  ])
})

test('a guest finds a request and a response without fields, and how its endpoint was reached', async () => {
  const seen: unknown[] = []
  const paths = ['request.headers', 'request.headers_bytes', 'response.headers', 'response.trailers', 'upstream.transport_failure_reason', 'upstream.local_address', 'upstream.cx_pool_ready_duration']
  const values = function* (): Script {
    for (const path of paths) {
      const value = yield* property(...path.split('.'))
      seen.push(typeof value === 'number' ? value : value.toString('latin1'))
    }
  }
  const { connect, behind } = await tcpMesh(puppet({ on_new_connection: values, on_downstream_data: values }))
  await connect().send('x').has('x')
  const number = '\0'.repeat(8)
  expect(seen.slice(0, 7)).toEqual(['\0\0\0\0', number, '\0\0\0\0', '\0\0\0\0', '', 1, 1])
  expect(seen.slice(7, 13)).toEqual([...seen.slice(0, 5), `127.0.0.1:${behind[0]?.socket.remotePort}`])
  expect(Buffer.from(seen[13] as string, 'latin1').readBigInt64LE()).toBeGreaterThan(0n)
})
