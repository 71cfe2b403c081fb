// Properties of a stream: what Envoy's attributes say, as far as a proxy for HTTP can know them.
import type { Exchange, Headers } from '@meshwright/core'
import { propertyInt, propertyMap, propertyMs, propertyText } from './property-value.ts'

type Read = (exchange: Exchange) => Uint8Array | undefined

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

function fieldBytes(headers: Headers | undefined): number | undefined {
  return headers?.toList().reduce((sum, part) => sum + part.length, 0)
}

function lowered(headers: Headers): string[] {
  return headers.toList().map((part, at) => (at % 2 === 0 ? part.toLowerCase() : part))
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
  'request.size': int(({ requestBytes }) => requestBytes),
  'request.total_size': int(({ request, requestBytes }) => requestBytes + (fieldBytes(request.headers) ?? 0)),
  'response.code': int(({ response }) => response?.status),
  'response.code_details': text(({ response, error, replied }) => (response === undefined ? undefined : replied ? (error?.code ?? 'direct_response') : 'via_upstream')),
  'response.flags': int(responseFlag),
  'response.grpc_status': int(({ response }) => numberOf(response?.trailers?.get('grpc-status') ?? response?.headers.get('grpc-status'))),
  'response.headers': ({ response }) => (response === undefined ? undefined : propertyMap(lowered(response.headers))),
  'response.headers_bytes': int(({ response }) => fieldBytes(response?.headers)),
  'response.trailers': ({ response }) => (response?.trailers === undefined ? undefined : propertyMap(lowered(response.trailers))),
  'response.size': int(({ response, responseBytes }) => (response === undefined ? undefined : responseBytes)),
  'response.total_size': int(({ response, responseBytes }) => (response === undefined ? undefined : responseBytes + (fieldBytes(response.headers) ?? 0))),
  'response.backend_latency': ({ headersMs, attemptMs }) => (headersMs === 0 ? undefined : propertyMs(headersMs - attemptMs)),
  'source.address': text(({ request }) => request.peerAddress),
  'listener_direction': () => propertyInt(1),
  'xds.listener_direction': () => propertyInt(1),
  'route_name': text(({ route }) => route?.name),
  'xds.route_name': text(({ route }) => route?.name),
  'cluster_name': text(({ service }) => service?.name),
  'xds.cluster_name': text(({ service }) => service?.name),
  'xds.filter_chain_name': text(({ listener }) => listener),
  'upstream.address': text(({ endpoint }) => endpoint?.address),
  'upstream.port': int(({ endpoint }) => endpoint?.port),
  'upstream.num_endpoints': int(({ service }) => service?.endpoints.all.length),
  'upstream.request_attempt_count': int(({ attempt }) => (attempt === 0 ? undefined : attempt)),
  'upstream.locality': text(({ endpoint }) => endpoint?.zone),
}

function numberOf(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value)
}

/** @returns the bytes of a property; undefined: there is none, or not yet */
export function streamProperty(exchange: Exchange, path: readonly string[]): Uint8Array | undefined {
  const read = known[path.join('.')]
  if (read !== undefined) return read(exchange)
  if (path.length < 3) return undefined
  const name = path.slice(2).join('.')
  switch (`${path[0]}.${path[1]}`) {
    case 'request.headers':
      return joined(exchange.request.headers, name)
    case 'response.headers':
      return joined(exchange.response?.headers, name)
    case 'response.trailers':
      return joined(exchange.response?.trailers, name)
    default:
      return undefined
  }
}

/** All values of a field, as one. */
function joined(headers: Headers | undefined, name: string): Uint8Array | undefined {
  const values = headers?.getAll(name) ?? []
  return values.length === 0 ? undefined : propertyText(values.join(','))
}
