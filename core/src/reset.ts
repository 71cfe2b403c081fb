// Breaks a connection, so that the other side does not take it for ended.
import type { Socket } from 'node:net'

/**
 * Closes a socket by RST.
 * @param below the socket of TCP: itself, or with TLS, which has no reset of its own, what it runs on; undefined: that is not known, and it is only closed
 */
export function reset(socket: Socket, below: Socket | undefined): void {
  // libuv refuses to reset a socket that is being shut down, and Node would leave it open for ever. Everything has been sent then.
  const isShuttingDown = socket.writableEnded && socket.writableLength === 0 && !socket.writableFinished
  if (isShuttingDown || below === undefined) socket.destroy()
  else below.resetAndDestroy()
}
