// Where a connection comes from and goes to: with TLS, the same for both of its sockets.
import type { Socket } from 'node:net'

/** Node does not say which TLS connection runs on which socket: this tells it. */
export function placeOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}
