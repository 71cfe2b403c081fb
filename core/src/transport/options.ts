// What every transport is made for.
import type { HeldIdentity } from '../identity/identities.ts'
import type { ServiceTls } from '../spec.ts'

/** How TLS is spoken to endpoints. */
export interface TransportTls extends Omit<ServiceTls, 'identity'> {
  /** What to show, and the roots; to be read for each new connection, as it rotates. */
  readonly identity: HeldIdentity | undefined
}

export interface TransportOptions {
  /** Milliseconds for a connection, the TLS handshake included; 0: for ever. */
  readonly connectMs: number
  /** Milliseconds that an idle connection is kept; an endpoint that says less in Keep-Alive is believed. */
  readonly keepAliveMs: number
  /** Milliseconds that somebody waits until one of `connections` is free; 0: for ever. */
  readonly pendingMs: number
  /** Bytes of a response head, and of a trailer section. */
  readonly headBytes: number
  /** Connections to one endpoint; 0: no limit. */
  readonly connections: number
  /** How many may wait until one of `connections` is free, for one endpoint; 0: nobody. */
  readonly pending: number
  /** Requests on one connection; 0: no limit. */
  readonly requestsPerConnection: number
  /** Connections that are open to each fit endpoint before they are needed; no more than `connections`. */
  readonly warmConnections: number
  /** Undefined: plain HTTP. */
  readonly tls?: TransportTls
}

export const defaultTransportOptions: TransportOptions = {
  connectMs: 5_000,
  keepAliveMs: 30_000,
  pendingMs: 5_000,
  headBytes: 65_536,
  connections: 0,
  pending: 1_024,
  requestsPerConnection: 0,
  warmConnections: 0,
}
