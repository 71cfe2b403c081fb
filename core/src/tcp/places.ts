// What the sockets of a connection say of themselves, kept for when they are closed and have forgotten all of it.
import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Endpoint } from '../endpoint.ts'
import type { ClientConnection } from '../exchange.ts'
import { PeerCertificate } from '../identity/peer-certificate.ts'
import type { EndpointConnection } from './tcp-connection.ts'

/** With TLS or without. */
type AnySocket = Socket & Partial<Pick<TLSSocket, 'getProtocol' | 'getX509Certificate' | 'getPeerX509Certificate' | 'isSessionReused'>> & Pick<ClientConnection, 'servername'>

/** @param asked whether anybody may want to know of certificates: to copy the own one takes some 60 µs */
export function placesOf(socket: AnySocket, asked: boolean): ClientConnection {
  const { remotePort, localAddress, localPort, servername } = socket
  const protocol = socket.getProtocol?.() ?? null
  const certificate = asked ? socket.getX509Certificate?.() : undefined
  return { remotePort, localAddress, localPort, servername, getProtocol: () => protocol, getX509Certificate: () => certificate }
}

/** @param shown what endpoints have shown last: Node does not tell it of a session that is resumed */
export function endpointPlaces(socket: AnySocket, asked: boolean, endpoint: Endpoint, shown: WeakMap<Endpoint, X509Certificate>): EndpointConnection {
  const now = asked ? socket.getPeerX509Certificate?.() : undefined
  if (now !== undefined) shown.set(endpoint, now)
  const certificate = now ?? (socket.isSessionReused?.() === true ? shown.get(endpoint) : undefined)
  let read: PeerCertificate | undefined
  return {
    ...placesOf(socket, asked),
    get peerCertificate() {
      return (read ??= certificate && readable(certificate))
    },
  }
}

/** Undefined for one whose names could be taken for something else. */
function readable(certificate: X509Certificate): PeerCertificate | undefined {
  try {
    return new PeerCertificate(certificate)
  } catch {
    return undefined
  }
}
