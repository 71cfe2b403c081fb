// One side of a connection: what it has got, and how that ended.
import { createServer, type AddressInfo, type Socket } from 'node:net'

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

export async function tcpEndpoint(): Promise<TcpEndpoint> {
  const wires: Wire[] = []
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => void wires.push(new Wire(socket)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = async (): Promise<void> => {
    for (const { socket } of wires) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
  return { port: (server.address() as AddressInfo).port, wires, close }
}
