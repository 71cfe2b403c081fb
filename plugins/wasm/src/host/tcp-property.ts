// Properties of a TCP stream: those of Envoy's attributes that are not about HTTP.
import type { TcpConnection } from '@meshwright/core'
import { propertyInt, propertyMap, propertyMs, propertyText } from './property-value.ts'
import { addressOf, streamProperty } from './stream-property.ts'

/** What can be said of a request and a response that are only bytes. */
const ofBytes: ReadonlySet<string> = new Set(['request.time', 'request.duration', 'request.size', 'request.total_size', 'response.size', 'response.total_size', 'response.flags'])

/** What differs from a request, or what only connections know. */
const own: Readonly<Record<string, (connection: TcpConnection) => Uint8Array | undefined>> = {
  'request.headers': () => propertyMap([]),
  'request.headers_bytes': () => propertyInt(0),
  'response.headers': () => propertyMap([]),
  'response.headers_bytes': () => propertyInt(0),
  'response.trailers': () => propertyMap([]),
  'connection.termination_details': ({ error }) => (error === undefined ? undefined : propertyText(error.code)),
  'upstream.local_address': ({ upstream }) => {
    const address = addressOf(upstream?.localAddress, upstream?.localPort)
    return address === undefined ? undefined : propertyText(address)
  },
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
