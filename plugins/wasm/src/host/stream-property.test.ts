// Properties that a plain request in a mesh has not: those of TLS, of metadata, of what is over.
import { Endpoint, Exchange, Headers, MeshError, Request, Response, type PeerCertificate } from '@meshwright/core'
import { expect, test } from 'vitest'
import { streamProperty } from './stream-property.ts'

function secured(): Exchange {
  const peerCertificate = { subject: 'CN=web', dnsNames: ['web.example', 'other.example'], uris: ['spiffe://td/web'], fingerprint: 'ab'.repeat(32), pem: 'PEM' } as unknown as PeerCertificate
  const connection = { remotePort: 4_711, localAddress: '::1', localPort: 443, servername: 'shop.example', getProtocol: () => 'TLSv1.3' }
  const request = new Request({
    method: 'GET', path: '/', query: '', hasQuery: false, authority: 'shop.example', scheme: 'https', headers: Headers.from({ 'x-a': ['1', '2'] }), version: '1.1',
    peerAddress: '::1', peerCertificate, connection, clientAddress: '::1', id: '1', upgrade: undefined, expectContinue: false,
  })
  const exchange = new Exchange(request, undefined, undefined, 'public', 1_000)
  exchange.endpoint = new Endpoint({ host: '10.0.0.1', port: 80, zone: 'a', metadata: { version: '2', 'app.kubernetes.io/name': 'shop' } })
  return exchange
}

function text(exchange: Exchange, ...path: string[]): string | undefined {
  const value = streamProperty(exchange, path)
  return value === undefined ? undefined : Buffer.from(value).toString('latin1')
}

function int(exchange: Exchange, ...path: string[]): bigint | undefined {
  const value = streamProperty(exchange, path)
  return value === undefined ? undefined : Buffer.from(value).readBigInt64LE()
}

test('a connection with TLS and a certificate of the client tells of both', () => {
  const exchange = secured()
  const names = ['requested_server_name', 'tls_version', 'subject_peer_certificate', 'dns_san_peer_certificate', 'uri_san_peer_certificate', 'sha256_peer_certificate_digest', 'peer_certificate']
  expect(names.map((name) => text(exchange, 'connection', name))).toEqual(['shop.example', 'TLSv1.3', 'CN=web', 'web.example', 'spiffe://td/web', 'ab'.repeat(32), 'PEM'])
  expect(streamProperty(exchange, ['connection', 'mtls'])).toEqual(Buffer.from([1]))
  expect([text(exchange, 'source', 'address'), text(exchange, 'destination', 'address'), int(exchange, 'destination', 'port')]).toEqual(['[::1]:4711', '[::1]:443', 443n])
  expect(int(exchange, 'connection_id')).toBe(int(exchange, 'connection', 'id'))
  expect(int(secured(), 'connection_id')).not.toBe(int(exchange, 'connection_id'))
})

test('an endpoint tells of itself, whole and entry by entry', () => {
  const exchange = secured()
  expect([text(exchange, 'upstream', 'address'), int(exchange, 'upstream', 'port'), text(exchange, 'upstream', 'locality')]).toEqual(['10.0.0.1:80', 80n, 'a'])
  expect(text(exchange, 'xds', 'upstream_host_metadata', 'filter_metadata', 'istio', 'version')).toBe('2')
  expect(text(exchange, 'upstream_host_metadata', 'filter_metadata', 'envoy.lb', 'version')).toBe('2')
  expect(text(exchange, 'upstream_host_metadata', 'filter_metadata', 'istio', 'none')).toBeUndefined()
  expect(text(exchange, 'upstream_host_metadata')).toMatch(/version\x002\x00/)
})

test('several values of a field are one text', () => {
  expect(text(secured(), 'request', 'headers', 'x-a')).toBe('1,2')
})

test('what became of it is there when it is there', () => {
  const exchange = secured()
  expect([int(exchange, 'response', 'code'), int(exchange, 'request', 'duration'), int(exchange, 'response', 'flags')]).toEqual([undefined, undefined, 0n])
  exchange.response = new Response(200, '', Headers.from({ 'grpc-status': '5' }))
  exchange.error = new MeshError('MESH_CONNECT_FAILED')
  exchange.endedMs = 1_500
  expect([int(exchange, 'response', 'code'), int(exchange, 'request', 'duration'), int(exchange, 'response', 'flags'), int(exchange, 'response', 'grpc_status')]).toEqual([200n, 500_000_000n, 0x20n, 5n])
  expect(text(exchange, 'upstream', 'transport_failure_reason')).toBe('MESH_CONNECT_FAILED')
  expect(streamProperty(exchange, ['response', 'code_details'], 'my_words')).toEqual(Buffer.from('my_words'))
})

test('what has not come yet is there, and empty', () => {
  const exchange = secured()
  expect([int(exchange, 'response', 'size'), int(exchange, 'response', 'headers_bytes'), int(exchange, 'upstream', 'request_attempt_count')]).toEqual([0n, 0n, 0n])
  expect([streamProperty(exchange, ['response', 'headers']), streamProperty(exchange, ['response', 'trailers'])]).toEqual([Buffer.alloc(4), Buffer.alloc(4)])
  expect([text(exchange, 'metadata'), text(exchange, 'upstream', 'transport_failure_reason'), int(exchange, 'response', 'grpc_status')]).toEqual(['', '', undefined])
})

test('a response has a status of gRPC whatever it speaks', () => {
  const exchange = secured()
  exchange.response = new Response(403, '', new Headers())
  expect(int(exchange, 'response', 'grpc_status')).toBe(7n)
})
