// Clients that open connections, ask now and then, and stay.
import { type Socket, connect } from 'node:net'

/** Opens connections, some at a time, and sends one request on each. */
export async function openMany(port: number, count: number, parallel: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < count) {
    const batch = Math.min(parallel, count - sockets.length)
    sockets.push(...(await Promise.all(Array.from({ length: batch }, () => openOne(port)))))
  }
  return sockets
}

async function openOne(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  // A socket without a listener for its errors throws them; those that matter come while it asks, or show as a closed connection.
  socket.on('error', () => {})
  await ask(socket)
  return socket
}

/** Sends one request on a connection that has none under way; resolves when its answer begins, and rejects if that is not a 200. */
export function ask(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = (end: () => void): void => {
      socket.off('data', onData).off('error', onError).off('close', onClose)
      end()
    }
    const onData = (head: Buffer): void => {
      const text = head.toString('latin1', 0, 40)
      over(() => (text.startsWith('HTTP/1.1 200') ? resolve() : reject(new Error(`an idle connection was answered ${text}`))))
    }
    const onError = (error: Error): void => over(() => reject(error))
    const onClose = (): void => over(() => reject(new Error('an idle connection was closed before its answer')))
    socket.on('data', onData).on('error', onError).on('close', onClose)
    socket.write('GET /small HTTP/1.1\r\nHost: bench.example\r\n\r\n')
  })
}
