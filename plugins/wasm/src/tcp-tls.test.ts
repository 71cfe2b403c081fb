// What a guest can ask of a TCP connection that speaks TLS.
import { X509Certificate } from 'node:crypto'
import { connect as connectPlainly } from 'node:net'
import { connect, createServer, type ConnectionOptions } from 'node:tls'
import type { Identity } from '@meshwright/core'
import { selfSigned } from '@meshwright/core/testing'
import { expect, onTestFinished, test } from 'vitest'
import { fileOf, isolation, until } from './mesh.test.kit.ts'
import { noting, puppet, textOf, type Script } from './puppet.test.kit.ts'
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

test('a guest knows both certificates of the connection to the endpoint, as soon as there is one', async () => {
  const seen: Record<string, unknown>[] = []
  const values = function* (): Script {
    const found: Record<string, unknown> = {}
    for (const name of ['tls_version', 'subject_local_certificate', 'dns_san_local_certificate', 'subject_peer_certificate', 'dns_san_peer_certificate', 'uri_san_peer_certificate', 'sha256_peer_certificate_digest']) found[name] = yield* textOf('proxy_get_property', `upstream\0${name}`)
    seen.push(found)
  }
  const [theirs, own] = [selfSigned('db.example'), selfSigned('mesh.example')]
  const reused: boolean[] = []
  const endpoint = createServer({ ...theirs, ca: own.cert, requestCert: true }, (socket) => {
    reused.push(socket.isSessionReused())
    socket.pipe(socket)
  })
  await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void endpoint.close())
  const { app } = await tcpMesh(puppet(noting([], ['on_log'])))
  const identity: Identity = { watch: (publish) => (publish({ certificates: [own], ca: theirs.cert }), () => {}) }
  await app.mesh.service('db', { endpoints: [`127.0.0.1:${(endpoint.address() as { port: number }).port}`], tls: { serverName: 'db.example', identity } })
  const guest = { wasm: { module: fileOf(puppet({ on_new_connection: values, on_downstream_data: values })), name: 'asking', ...isolation } }
  const { port } = await app.mesh.listen({ name: 'db', address: '127.0.0.1:0', tcp: { to: 'db', filters: [guest] } })
  // The second one goes on with the session of the first.
  for (const _ of [1, 2]) await new Wire(connectPlainly(port, '127.0.0.1')).send('x').has('x')
  expect(reused).toEqual([false, true])
  expect(Object.values(seen[0] ?? {})).toEqual(Array(7).fill(1))
  const digest = new X509Certificate(theirs.cert).fingerprint256.replaceAll(':', '').toLowerCase()
  expect(seen[1]).toEqual({ tls_version: 'TLSv1.3', subject_local_certificate: 'CN=mesh.example', dns_san_local_certificate: 'mesh.example', subject_peer_certificate: 'CN=db.example', dns_san_peer_certificate: 'db.example', uri_san_peer_certificate: 1, sha256_peer_certificate_digest: digest })
  expect(seen[3]).toEqual(seen[1])
})
