// A connection to an endpoint for those who speak something else than HTTP/1.1.
import { connect, type Socket } from 'node:net'
import type { Endpoint } from '../endpoint.ts'
import type { UpstreamTls } from './http1/upstream-tls.ts'

/** Begins to connect. @param tls undefined: plainly */
export function connectTo(endpoint: Endpoint, tls: UpstreamTls | undefined, protocols: readonly string[]): Socket {
  const socket = tls === undefined ? connect({ host: endpoint.host, port: endpoint.port }) : tls.connect(endpoint, undefined, protocols)
  return socket.setNoDelay(true)
}
