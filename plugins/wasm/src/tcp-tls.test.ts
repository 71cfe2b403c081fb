// What a guest can ask of a TCP connection that speaks TLS.
import { connect, type ConnectionOptions } from 'node:tls'
import type { Identity } from '@meshwright/core'
import { selfSigned } from '@meshwright/core/testing'
import { expect, test } from 'vitest'
import { until } from './mesh.test.kit.ts'
import { puppet, textOf, type Script } from './puppet.test.kit.ts'
import { tcpMesh, Wire } from './tcp.test.kit.ts'

test('a guest knows the certificate that the mesh has shown, and the empty one of the client, also when all is over', async () => {
  const seen: unknown[] = []
  const values = function* (): Script {
    const found: Record<string, unknown> = {}
    for (const name of ['subject_local_certificate', 'dns_san_local_certificate', 'uri_san_local_certificate', 'subject_peer_certificate', 'tls_version', 'requested_server_name']) found[name] = yield* textOf('proxy_get_property', `connection\0${name}`)
    seen.push(found)
  }
  const pair = selfSigned('shop.example')
  const identity: Identity = { watch: (publish) => (publish({ certificates: [pair] }), () => {}) }
  const mesh = await tcpMesh(puppet({ on_new_connection: values, on_log: values }), { listener: { identity } })
  const client = new Wire(connect({ host: '127.0.0.1', port: mesh.port, ca: pair.cert, servername: 'shop.example', allowHalfOpen: true } as ConnectionOptions))
  await client.send('x').has('x')
  await client.halfClose().ends()
  await mesh.end()
  await until(() => seen.length === 2)
  const found = { subject_local_certificate: 'CN=shop.example', dns_san_local_certificate: 'shop.example', uri_san_local_certificate: 1, subject_peer_certificate: '', tls_version: 'TLSv1.3', requested_server_name: 'shop.example' }
  expect(seen).toEqual([found, found])
})
