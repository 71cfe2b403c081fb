// An endpoint that is lent to a plugin, which speaks to it by itself: as an attempt it is chosen, admitted, counted and judged like any other.
import type { Duplex } from 'node:stream'
import { exchangeOf } from './call.ts'
import type { Endpoint } from './endpoint.ts'
import { MeshError } from './errors.ts'
import { Response } from './exchange.ts'
import { Headers } from './headers.ts'
import type { Service } from './service.ts'
import type { ServiceTimeouts } from './spec.ts'
import { connectTo } from './transport/connect-to.ts'
import { UpstreamTls } from './transport/http1/upstream-tls.ts'

/** What a plugin has of an endpoint until it gives it back. */
export interface Borrowed {
  readonly endpoint: Endpoint
  readonly timeouts: Readonly<Required<ServiceTimeouts>>
  /** Whether TLS is spoken to it. */
  readonly secure: boolean
  /**
   * Begins to connect: plainly or with TLS, as the service says. Whoever asks for the connection closes it, perhaps long after
   * the endpoint was given back.
   * @param protocols to offer by ALPN, the same for all connections; without meaning where no TLS is spoken
   */
  connect(protocols: readonly string[]): Duplex
  /**
   * It is over. To be called once; what comes later has no effect.
   * @param error why it failed; one whose source is `upstream` counts against the endpoint. Undefined: it went well
   */
  giveBack(error?: MeshError): void
}

/** Sessions are kept for as long as the service is. */
const tlsOf = new WeakMap<Service, UpstreamTls>()

/** @throws MeshError when there is none, or no room for another attempt */
export function borrow(service: Service, failed: (error: MeshError) => void): Borrowed {
  const exchange = exchangeOf(service, {})
  exchange.service = service
  exchange.attempt = 1
  const endpoint = service.pick(exchange)
  if (endpoint instanceof MeshError) throw endpoint
  exchange.endpoint = endpoint
  const refused = service.admit(exchange)
  if (refused !== undefined) throw refused
  exchange.attemptMs = performance.now()
  let isBack = false
  return {
    endpoint,
    timeouts: service.timeouts,
    secure: service.tls !== undefined,
    connect: (protocols) => connectTo(endpoint, upstreamTls(service), protocols),
    giveBack(error) {
      if (isBack) return
      isBack = true
      exchange.error = error
      exchange.headersMs = exchange.endedMs = performance.now()
      exchange.sent = true
      if (error === undefined) exchange.response = new Response(200, '', new Headers())
      const broken = service.attemptEnded(exchange, { sent: true })
      if (broken !== undefined) failed(broken)
    },
  }
}

function upstreamTls(service: Service): UpstreamTls | undefined {
  if (service.tls === undefined) return undefined
  const tls = tlsOf.get(service) ?? new UpstreamTls(service.tls)
  tlsOf.set(service, tls)
  return tls
}
