// One side of a connection: what it has got, and how that ended.
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { ScenarioTls } from './tcp-scenario.ts'

export class Wire {
  readonly socket: Socket
  /** One character for each byte. */
  text = ''
  ending: 'open' | 'end' | 'reset' = 'open'

  constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('latin1').on('data', (text: string) => (this.text += text))
    socket.on('end', () => (this.ending = 'end'))
    socket.on('error', () => (this.ending = 'reset'))
  }
}

export interface TcpEndpoint {
  readonly port: number
  /** Its connections, oldest first. */
  readonly wires: readonly Wire[]
  close(): Promise<void>
}

export async function tcpEndpoint(tls?: ScenarioTls): Promise<TcpEndpoint> {
  const wires: Wire[] = []
  const connected = (socket: Socket): void => void wires.push(new Wire(socket))
  const server = tls === undefined ? createServer({ allowHalfOpen: true, noDelay: true }, connected) : createTlsServer({ ...tls.server, ca: tls.root, requestCert: true, allowHalfOpen: true }, connected)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = async (): Promise<void> => {
    for (const { socket } of wires) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
  return { port: (server.address() as AddressInfo).port, wires, close }
}
