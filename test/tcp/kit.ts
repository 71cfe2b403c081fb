// A mesh that carries TCP, the endpoints behind it, and what its filters see.
import { connect, createServer, type Socket } from 'node:net'
import { Writable } from 'node:stream'
import { createMesh, type ListenerSpec, type MeshApp, type NetworkFilter, type ServiceSpec, type TcpConnection } from '@meshwright/core'
import { onTestFinished } from 'vitest'
import { Wire, until } from '../kit/index.ts'

/** An endpoint that speaks no protocol. Its connections, oldest first, are under the test's control. */
export interface TcpEndpoint {
  readonly address: string
  readonly wires: readonly Wire[]
  /** Waits for a connection. */
  wire(count?: number): Promise<Wire>
}

export async function tcpEndpoint(onConnection: (socket: Socket) => void = () => {}): Promise<TcpEndpoint> {
  const wires: Wire[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    wires.push(new Wire(socket))
    onConnection(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const { socket } of wires) socket.destroy()
    server.close()
  })
  const { port } = server.address() as { port: number }
  const wire = async (count = 1): Promise<Wire> => until(() => wires[count - 1], `${count} connections at the endpoint`)
  return { address: `127.0.0.1:${port}`, wires, wire }
}

/** An address where nobody listens. */
export async function closedAddress(): Promise<string> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return `127.0.0.1:${port}`
}

/** Connects, without waiting for it: the other side may have gone before anybody could. */
export function client(port: number): Wire {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  onTestFinished(() => void socket.destroy())
  return new Wire(socket)
}

export interface TcpMesh {
  readonly app: MeshApp
  readonly port: number
  /** Connections that are over, oldest first. */
  readonly ended: readonly TcpConnection[]
  readonly lines: readonly string[]
  connect(): Wire
  /** Waits until so many connections are over, and answers the last of them. */
  end(count?: number): Promise<TcpConnection>
}

export interface TcpSetup {
  readonly listener?: Partial<ListenerSpec>
  readonly service?: ServiceSpec
  readonly filters?: readonly NetworkFilter[]
}

export async function tcpMesh(addresses: readonly string[], { listener, service, filters = [] }: TcpSetup = {}): Promise<TcpMesh> {
  const lines: string[] = []
  const ended: TcpConnection[] = []
  const app = createMesh({ drainMs: 0, logger: { level: 'error', stream: new Writable({ write: (chunk: Buffer, _encoding, done) => (lines.push(chunk.toString()), done()) }) } })
  onTestFinished(async () => app.close())
  await app.mesh.service('app', { endpoints: addresses, ...service })
  await app.ready()
  const recorder: NetworkFilter = { name: 'recorder', onEnd: (connection) => void ended.push(connection) }
  const { port } = await app.mesh.listen({ name: 'tcp', address: '127.0.0.1:0', tcp: { to: 'app', filters: [recorder, ...filters] }, ...listener })
  const end = async (count = 1): Promise<TcpConnection> => until(() => ended[count - 1], `${count} connections to end`)
  return { app, port, ended, lines, connect: () => client(port), end }
}

/** The value of a metric of the listener. */
export function valueOf({ app }: TcpMesh, name: string, label = 'tcp'): number {
  const family = app.mesh.collect().find((one) => one.name === name)
  const series = family?.series.find(({ labels }) => labels.includes(label)) as { value: number } | undefined
  return series?.value ?? 0
}
