// Properties of a TCP stream: those of Envoy's attributes that are not about HTTP.
import type { EndpointConnection, TcpConnection } from '@meshwright/core'
import { propertyInt, propertyMap, propertyMs, propertyText } from './property-value.ts'
import { addressOf, ownCertificate, streamProperty } from './stream-property.ts'

/** What can be said of a request and a response that are only bytes. */
const ofBytes: ReadonlySet<string> = new Set(['request.time', 'request.duration', 'request.size', 'request.total_size', 'response.size', 'response.total_size', 'response.flags'])

function text(read: (upstream: EndpointConnection) => string | null | undefined): (connection: TcpConnection) => Uint8Array | undefined {
  return ({ upstream }) => {
    const value = upstream && read(upstream)
    return value === undefined || value === null ? undefined : propertyText(value)
  }
}

/** What differs from a request, or what only connections know. */
const own: Readonly<Record<string, (connection: TcpConnection) => Uint8Array | undefined>> = {
  'request.headers': () => propertyMap([]),
  'request.headers_bytes': () => propertyInt(0),
  'response.headers': () => propertyMap([]),
  'response.headers_bytes': () => propertyInt(0),
  'response.trailers': () => propertyMap([]),
  'connection.termination_details': ({ error }) => (error === undefined ? undefined : propertyText(error.code)),
  'upstream.local_address': text(({ localAddress, localPort }) => addressOf(localAddress, localPort)),
  'upstream.tls_version': text((upstream) => upstream.getProtocol?.()),
  'upstream.subject_local_certificate': text((upstream) => ownCertificate(upstream)?.subject),
  'upstream.dns_san_local_certificate': text((upstream) => ownCertificate(upstream)?.dnsNames[0]),
  'upstream.uri_san_local_certificate': text((upstream) => ownCertificate(upstream)?.uris[0]),
  'upstream.subject_peer_certificate': text(({ peerCertificate }) => peerCertificate?.subject),
  'upstream.dns_san_peer_certificate': text(({ peerCertificate }) => peerCertificate?.dnsNames[0]),
  'upstream.uri_san_peer_certificate': text(({ peerCertificate }) => peerCertificate?.uris[0]),
  'upstream.sha256_peer_certificate_digest': text(({ peerCertificate }) => peerCertificate?.fingerprint),
  // How long it took to connect.
  'upstream.cx_pool_ready_duration': ({ upstream, exchange: { headersMs, attemptMs } }) => (upstream === undefined ? undefined : propertyMs(headersMs - attemptMs)),
  'upstream.transport_failure_reason': ({ exchange: { error } }) => propertyText(error?.source === 'upstream' ? error.code : ''),
}

/** @returns the bytes of a property; undefined: there is none, or not yet */
export function tcpProperty(connection: TcpConnection, path: readonly string[]): Uint8Array | undefined {
  const name = path.join('.')
  if (Object.hasOwn(own, name)) return own[name]?.(connection)
  if ((path[0] === 'request' || path[0] === 'response') && !ofBytes.has(name)) return undefined
  return streamProperty(connection.exchange, path)
}
