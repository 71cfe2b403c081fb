// A TCP connection of a client, as network filters see it.
import type { Endpoint } from '../endpoint.ts'
import type { MeshError } from '../errors.ts'
import type { ClientConnection, Exchange } from '../exchange.ts'
import type { PeerCertificate } from '../identity/peer-certificate.ts'
import type { NetworkFilter } from '../questions.ts'

/** Whose bytes they are: the client's, which phases call downstream data, or the endpoint's, which they call upstream data. */
export type DataFrom = 'client' | 'endpoint'

/** The connection to the endpoint. */
export interface EndpointConnection extends ClientConnection {
  /** What the endpoint has shown; only where TLS is spoken. */
  readonly peerCertificate?: PeerCertificate | undefined
}

/** What a connection asks of whoever carries its bytes. */
export interface ConnectionSteering {
  pass(filter: NetworkFilter, from: DataFrom, bytes: Uint8Array): void
  close(): void
}

/** One connection and everything that becomes of it. The only object made per connection that plugins see. */
export class TcpConnection {
  /**
   * How services see it: what balancers, limits and outlier detectors are asked with. It has the client (`request.connection`,
   * `peerAddress`, `peerCertificate`), `service`, `endpoint`, the bytes, the times (`headersMs`: it was connected to the
   * endpoint) and the `state` of plugins. Its request has no fields, and its `error` is that of connecting only.
   */
  readonly exchange: Exchange
  /** Why it failed; undefined while all is well. */
  error: MeshError | undefined = undefined
  /** The connection to the endpoint; undefined until there is one. */
  upstream: EndpointConnection | undefined = undefined
  /** In `onEnd`: the client was the last to end it, or has gone away; false: this mesh has ended it. */
  closedByClient = false
  readonly #steering: ConnectionSteering

  constructor(exchange: Exchange, steering: ConnectionSteering) {
    this.exchange = exchange
    this.#steering = steering
  }

  /** Name of the listener it came to. */
  get listener(): string {
    return this.exchange.listener
  }

  /** Undefined until one was chosen, which is after all filters have let the new connection pass. */
  get endpoint(): Endpoint | undefined {
    return this.exchange.endpoint
  }

  /**
   * Lets bytes go on that a filter has held back, behind those that it has let go before; the filters behind it see them.
   * Without effect once the end of this direction has passed the filter, or the connection is over.
   */
  pass(filter: NetworkFilter, from: DataFrom, bytes: Uint8Array): void {
    this.#steering.pass(filter, from, bytes)
  }

  /** Ends it in peace: what has been sent to the client still reaches it, nothing more is read. */
  close(): void {
    this.#steering.close()
  }
}
