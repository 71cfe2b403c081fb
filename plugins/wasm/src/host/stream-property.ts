// Properties of a stream: what Envoy's attributes say, as far as a proxy for HTTP can know them.
import type { ClientConnection, Exchange, Headers } from '@meshwright/core'
import { PeerCertificate } from '@meshwright/core/thread'
import { isIPv6 } from 'node:net'
import { loweredList } from './field-map.ts'
import { grpcStatusOf } from './local-reply.ts'
import { propertyBool, propertyInt, propertyMap, propertyMs, propertyText } from './property-value.ts'

/** @param details why a guest has replied, in its words @param status of a reply of the guest that is still on its way */
type Read = (exchange: Exchange, details: string | undefined, status: number | undefined) => Uint8Array | undefined

function text(read: (exchange: Exchange) => string | undefined): Read {
  return (exchange) => {
    const value = read(exchange)
    return value === undefined ? undefined : propertyText(value)
  }
}

function int(read: (exchange: Exchange) => number | undefined): Read {
  return (exchange) => {
    const value = read(exchange)
    return value === undefined ? undefined : propertyInt(value)
  }
}

/** Milliseconds of this process' clock, as a moment. */
function momentOf(ms: number): number {
  return performance.timeOrigin + ms
}

/** Fields that have not come yet are none. */
function fieldBytes(headers: Headers | undefined): number {
  return headers?.toList().reduce((sum, part) => sum + part.length, 0) ?? 0
}

/** What the client has announced, or else what has come. */
function requestSize({ body, requestBytes }: Exchange): number {
  return body?.declaredBytes ?? requestBytes
}

/** The status of gRPC, or what gRPC makes of a status of HTTP. */
function grpcStatus({ response }: Exchange): number | undefined {
  if (response === undefined) return undefined
  const said = response.trailers?.get('grpc-status') ?? response.headers.get('grpc-status')
  return said === undefined ? grpcStatusOf(response.status) : Number(said)
}

/** A message of a kind that the mesh has nothing to say in: an empty one. */
const nothingToSay: Read = () => propertyText('')

function lowered(headers: Headers | undefined): string[] {
  return headers === undefined ? [] : loweredList(headers, [])
}

/** `ip:port`, with brackets around IPv6. */
export function addressOf(ip: string | undefined, port: number | undefined): string | undefined {
  if (ip === undefined || ip === '') return undefined
  if (port === undefined) return ip
  return isIPv6(ip) ? `[${ip}]:${port}` : `${ip}:${port}`
}

/** What Envoy says of why a response is what it is. */
function codeDetails({ response, error, replied }: Exchange, details: string | undefined): string | undefined {
  if (details !== undefined) return details
  if (response === undefined) return undefined
  return replied ? (error?.code.toLowerCase() ?? 'direct_response') : 'via_upstream'
}

/** A map of texts as properties have it. */
function textMap(map: Readonly<Record<string, string>> | undefined): Uint8Array | undefined {
  return map === undefined ? undefined : propertyMap(Object.entries(map).flat())
}

function endedMs({ endedMs, startedMs }: Exchange): Uint8Array | undefined {
  return endedMs === 0 ? undefined : propertyMs(endedMs - startedMs)
}

function responseFlag({ error }: Exchange): number {
  return error === undefined ? 0 : (flags[error.flag] ?? 0)
}

/** Bits of Envoy's response flags. */
const flags: Readonly<Record<string, number>> = { LH: 0x1, UH: 0x2, UT: 0x4, LR: 0x8, UR: 0x10, UF: 0x20, UC: 0x40, UO: 0x80, NR: 0x100, DI: 0x200, FI: 0x400, RL: 0x800, UAEX: 0x1000, RLSE: 0x2000, DC: 0x4000, URX: 0x8000, SI: 0x10000, IH: 0x20000, DPE: 0x40000 }

const known: Readonly<Record<string, Read>> = {
  'request.path': text(({ request }) => request.target),
  'request.url_path': text(({ request }) => request.path),
  'request.host': text(({ request }) => request.authority),
  'request.scheme': text(({ request }) => request.scheme),
  'request.method': text(({ request }) => request.method),
  'request.headers': ({ request }) => propertyMap(lowered(request.headers)),
  'request.headers_bytes': int(({ request }) => fieldBytes(request.headers)),
  'request.referer': text(({ request }) => request.headers.get('referer')),
  'request.useragent': text(({ request }) => request.headers.get('user-agent')),
  'request.time': ({ startedMs }) => propertyMs(momentOf(startedMs)),
  'request.id': text(({ request }) => request.id),
  'request.protocol': text(({ request }) => `HTTP/${request.version}`),
  'request.query': text(({ request }) => request.query),
  'request.duration': endedMs,
  'request.size': int(requestSize),
  'request.total_size': int(({ request, requestBytes }) => requestBytes + fieldBytes(request.headers)),
  'response.code': ({ response }, _details, replying) => {
    const status = response?.status ?? replying
    return status === undefined ? undefined : propertyInt(status)
  },
  'response.code_details': (exchange, details) => {
    const said = codeDetails(exchange, details)
    return said === undefined ? undefined : propertyText(said)
  },
  'response.flags': int(responseFlag),
  'response.grpc_status': int(grpcStatus),
  'response.headers': ({ response }) => propertyMap(lowered(response?.headers)),
  'response.headers_bytes': int(({ response }) => fieldBytes(response?.headers)),
  'response.trailers': ({ response }) => propertyMap(lowered(response?.trailers)),
  'response.size': int(({ responseBytes }) => responseBytes),
  'response.total_size': int(({ response, responseBytes }) => responseBytes + fieldBytes(response?.headers)),
  'response.backend_latency': ({ headersMs, attemptMs }) => (headersMs === 0 ? undefined : propertyMs(headersMs - attemptMs)),
  'source.address': text(({ request }) => addressOf(request.peerAddress, request.connection?.remotePort)),
  'source.port': int(({ request }) => request.connection?.remotePort),
  'destination.address': text(({ request }) => addressOf(request.connection?.localAddress, request.connection?.localPort)),
  'destination.port': int(({ request }) => request.connection?.localPort),
  'connection.id': (exchange) => connectionId(exchange),
  'connection_id': (exchange) => connectionId(exchange),
  'connection.mtls': ({ request }) => propertyBool(request.peerCertificate !== undefined),
  'connection.requested_server_name': text(({ request }) => request.connection?.servername || ''),
  'connection.tls_version': text(({ request }) => request.connection?.getProtocol?.() ?? undefined),
  'connection.subject_local_certificate': text(({ request }) => ownCertificate(request.connection)?.subject),
  'connection.dns_san_local_certificate': text(({ request }) => ownCertificate(request.connection)?.dnsNames[0]),
  'connection.uri_san_local_certificate': text(({ request }) => ownCertificate(request.connection)?.uris[0]),
  // A client that has shown none has an empty one.
  'connection.subject_peer_certificate': text(({ request }) => request.peerCertificate?.subject ?? (request.connection?.getProtocol?.() ? '' : undefined)),
  'connection.dns_san_peer_certificate': text(({ request }) => request.peerCertificate?.dnsNames[0]),
  'connection.uri_san_peer_certificate': text(({ request }) => request.peerCertificate?.uris[0]),
  'connection.sha256_peer_certificate_digest': text(({ request }) => request.peerCertificate?.fingerprint),
  'connection.peer_certificate': text(({ request }) => request.peerCertificate?.pem),
  'connection.termination_details': text(({ error }) => error?.code),
  'listener_direction': () => propertyInt(1),
  'xds.listener_direction': () => propertyInt(1),
  'route_name': text(({ route }) => route?.name),
  'xds.route_name': text(({ route }) => route?.name),
  'cluster_name': text(({ service }) => service?.name),
  'xds.cluster_name': text(({ service }) => service?.name),
  'xds.virtual_host_name': text(({ route }) => route?.name),
  'metadata': nothingToSay,
  'xds.cluster_metadata': nothingToSay,
  'xds.route_metadata': nothingToSay,
  'upstream_host_metadata': ({ endpoint }) => textMap(endpoint?.metadata),
  'xds.upstream_host_metadata': ({ endpoint }) => textMap(endpoint?.metadata),
  'xds.filter_chain_name': text(({ listener }) => listener),
  'upstream.address': text(({ endpoint }) => endpoint?.address),
  'upstream.port': int(({ endpoint }) => endpoint?.port),
  'upstream.num_endpoints': int(({ service }) => service?.endpoints.all.length),
  'upstream.request_attempt_count': int(({ attempt }) => attempt),
  'upstream.transport_failure_reason': text(({ error, endpoint }) => (error?.source === 'upstream' ? error.code : endpoint && '')),
  'upstream.locality': text(({ endpoint }) => endpoint && (endpoint.zone ?? '')),
}

const ownCertificates = new WeakMap<object, PeerCertificate | undefined>()

/** What this side has shown, read once per connection. */
export function ownCertificate(connection: ClientConnection | undefined): PeerCertificate | undefined {
  if (connection === undefined || ownCertificates.has(connection)) return connection && ownCertificates.get(connection)
  const read = certificateOf(connection)
  ownCertificates.set(connection, read)
  return read
}

/** Undefined also for one whose names could be taken for something else. */
function certificateOf(connection: ClientConnection): PeerCertificate | undefined {
  try {
    const shown = connection.getX509Certificate?.()
    return shown && new PeerCertificate(shown)
  } catch {
    return undefined
  }
}

const connectionIds = new WeakMap<object, number>()
let connections = 0

/** A number of its own for each connection of a client, from 1. */
function connectionId({ request: { connection } }: Exchange): Uint8Array | undefined {
  if (connection === undefined) return undefined
  const id = connectionIds.get(connection) ?? ++connections
  connectionIds.set(connection, id)
  return propertyInt(id)
}

/** @returns the bytes of a property; undefined: there is none, or not yet */
export function streamProperty(exchange: Exchange, path: readonly string[], details?: string, status?: number): Uint8Array | undefined {
  const name = path.join('.')
  if (Object.hasOwn(known, name)) return (known[name] as Read)(exchange, details, status)
  // Of names with dots in them (header fields, keys of metadata) nothing is lost.
  return path.length < 3 ? undefined : within(exchange, `${path[0]}.${path[1]}`, path.slice(2))
}

function within(exchange: Exchange, map: string, rest: readonly string[]): Uint8Array | undefined {
  const name = rest.join('.')
  switch (map) {
    case 'request.headers':
      return joined(exchange.request.headers, name)
    case 'request.trailers':
      return joined(exchange.request.trailers, name)
    case 'response.headers':
      return joined(exchange.response?.headers, name)
    case 'response.trailers':
      return joined(exchange.response?.trailers, name)
    case 'xds.upstream_host_metadata':
      return metadataOf(exchange, rest.slice(2).join('.'))
    case 'upstream_host_metadata.filter_metadata':
      return metadataOf(exchange, rest.slice(1).join('.'))
    default:
      return undefined
  }
}

/** One entry of the endpoint's metadata. Envoy has them in namespaces; here they are all in one, whatever it is called. */
function metadataOf({ endpoint }: Exchange, key: string): Uint8Array | undefined {
  if (endpoint === undefined || !Object.hasOwn(endpoint.metadata, key)) return undefined
  return propertyText(endpoint.metadata[key] as string)
}

/** All values of a field, as one. */
function joined(headers: Headers | undefined, name: string): Uint8Array | undefined {
  const values = headers?.getAll(name) ?? []
  return values.length === 0 ? undefined : propertyText(values.join(','))
}
