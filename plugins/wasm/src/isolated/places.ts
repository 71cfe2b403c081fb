// Connections as they cross: what they say of themselves, and what looks like them on the other side.
import { X509Certificate } from 'node:crypto'
import type { ClientConnection, PeerCertificate } from '@meshwright/core'
import type { SentCertificate, SentPlaces } from './messages.ts'

/** Read once: a socket that is closed has forgotten it all, and to copy a certificate takes some 60 µs. */
const sent = new WeakMap<ClientConnection, SentPlaces>()
let connections = 0

export function sendPlaces(connection: ClientConnection): SentPlaces {
  const known = sent.get(connection)
  if (known !== undefined) return known
  const { remotePort, localAddress, localPort, servername } = connection
  const places = { id: ++connections, remotePort, localAddress, localPort, servername: servername || undefined, protocol: connection.getProtocol?.() ?? undefined, shown: connection.getX509Certificate?.()?.raw }
  sent.set(connection, places)
  return places
}

/** One object for each connection of a client, as guests are told how many there were. */
const received = new Map<number, ClientConnection>()
const mostReceived = 10_000

export function receivePlaces(places: SentPlaces): ClientConnection {
  const known = received.get(places.id) ?? toConnection(places)
  received.set(places.id, known)
  if (received.size > mostReceived) received.delete(received.keys().next().value as number)
  return known
}

/** One that nobody counts. */
export function toConnection({ remotePort, localAddress, localPort, servername, protocol, shown }: SentPlaces): ClientConnection {
  return { remotePort, localAddress, localPort, servername, getProtocol: () => protocol ?? null, getX509Certificate: () => shown && new X509Certificate(shown) }
}

export function sendCertificate({ uris, dnsNames, subject, fingerprint, pem }: PeerCertificate): SentCertificate {
  return { uris, dnsNames, subject, fingerprint, pem }
}

/** As much of it as guests can ask. */
export function receiveCertificate(certificate: SentCertificate): PeerCertificate {
  return certificate as unknown as PeerCertificate
}
