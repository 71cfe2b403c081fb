// A TCP connection as another thread sees it.
import type { ConnectionSteering, EndpointConnection } from '@meshwright/core'
import { MeshError, TcpConnection } from '@meshwright/core/thread'
import { ExchangeView } from './exchange-view.ts'
import type { ConnectionProgress, Opening, Outcome, PhaseCall, Side } from './messages.ts'
import { receiveCertificate, sendCertificate, sendPlaces, toConnection } from './places.ts'

/** @param toldOfUpstream the other thread knows the connection to the endpoint already */
export function connectionProgressOf({ upstream, closedByClient, error }: TcpConnection, toldOfUpstream: boolean): ConnectionProgress {
  return { upstream: toldOfUpstream || upstream === undefined ? undefined : sendUpstream(upstream), closedByClient, error: error?.code }
}

function sendUpstream(upstream: EndpointConnection): ConnectionProgress['upstream'] {
  return { ...sendPlaces(upstream), certificate: upstream.peerCertificate && sendCertificate(upstream.peerCertificate) }
}

/** A connection that is made of what crosses. Whoever looks at it sees a {@link TcpConnection}, as far as guests can ask. */
export class ConnectionView {
  readonly connection: TcpConnection
  /** The sides of which the data-plane thread has been told that the guest holds bytes back. */
  readonly held: Set<Side> = new Set()
  readonly #exchange: ExchangeView

  constructor(opening: Opening, packedRequest: string, steering: ConnectionSteering) {
    this.#exchange = new ExchangeView(opening, packedRequest, async () => Promise.reject(new MeshError('MESH_INTERNAL', 'a connection has no body to be read')))
    this.connection = new TcpConnection(this.#exchange.exchange, steering)
  }

  /** Takes over what has changed outside. */
  update(call: PhaseCall): void {
    this.#exchange.update(call)
    const { connection } = this
    const { upstream, closedByClient = false, error } = call.connection ?? {}
    if (upstream !== undefined) connection.upstream = { ...toConnection(upstream), peerCertificate: upstream.certificate && receiveCertificate(upstream.certificate) }
    connection.closedByClient = closedByClient
    connection.error = error === undefined ? undefined : new MeshError(error)
  }

  /** What the filter has changed since. */
  changes(): Partial<Outcome> {
    return this.#exchange.changes()
  }
}
