// What every transport is made for.

export interface TransportOptions {
  /** Milliseconds for a connection; 0: for ever. */
  readonly connectMs: number
  /** Milliseconds that an idle connection is kept; an endpoint that says less in Keep-Alive is believed. */
  readonly keepAliveMs: number
  /** Bytes of a response head, and of a trailer section. */
  readonly headBytes: number
  /** Connections to one endpoint; 0: no limit. */
  readonly connections: number
}

export const defaultTransportOptions: TransportOptions = { connectMs: 5_000, keepAliveMs: 30_000, headBytes: 65_536, connections: 0 }
