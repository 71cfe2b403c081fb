// Properties of a TCP stream: those of Envoy's attributes that are not about HTTP.
import type { TcpConnection } from '@meshwright/core'
import { propertyText } from './property-value.ts'
import { streamProperty } from './stream-property.ts'

/** What can be said of a request and a response that are only bytes. */
const ofBytes: ReadonlySet<string> = new Set(['request.time', 'request.duration', 'request.size', 'request.total_size', 'response.size', 'response.total_size', 'response.flags'])

/** @returns the bytes of a property; undefined: there is none, or not yet */
export function tcpProperty(connection: TcpConnection, path: readonly string[]): Uint8Array | undefined {
  const name = path.join('.')
  if ((path[0] === 'request' || path[0] === 'response') && !ofBytes.has(name)) return undefined
  if (name === 'connection.termination_details') return connection.error === undefined ? undefined : propertyText(connection.error.code)
  return streamProperty(connection.exchange, path)
}
