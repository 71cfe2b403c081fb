// A real mesh that carries TCP through WASM filters, a real endpoint behind it, and clients of raw bytes.
import { connect, createServer, type Socket } from 'node:net'
import { Writable } from 'node:stream'
import { createMesh, type ListenerSpec, type MeshApp, type NetworkFilter, type TcpConnection } from '@meshwright/core'
import { onTestFinished } from 'vitest'
import plugin from './index.ts'
import { fileOf, isolation, until } from './mesh.test.kit.ts'
import type { WasmOptions } from './options.ts'
import { call, puppet, type Callbacks, type Script } from './puppet.test.kit.ts'

/** A connection and all that has come on it. */
export class Wire {
  readonly socket: Socket
  text = ''
  /** How the other side has ended it. */
  ending: 'end' | 'reset' | undefined = undefined

  constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('latin1').on('data', (text: string) => (this.text += text))
    socket.on('end', () => (this.ending ??= 'end'))
    for (const event of ['error', 'close']) socket.on(event, () => (this.ending ??= 'reset'))
    onTestFinished(() => void socket.destroy())
  }

  send(text: string): this {
    this.socket.write(text, 'latin1')
    return this
  }

  halfClose(): this {
    this.socket.end()
    return this
  }

  /** Waits until this has come, and nothing else. */
  async has(text: string): Promise<void> {
    await until(() => this.text === text)
  }

  async ends(): Promise<'end' | 'reset'> {
    await until(() => this.ending !== undefined)
    return this.ending as 'end' | 'reset'
  }
}

export interface TcpMesh {
  readonly app: MeshApp
  readonly port: number
  readonly endpointPort: number
  /** Connections at the endpoint, oldest first. */
  readonly behind: readonly Wire[]
  readonly connect: () => Wire
  /** Waits until so many connections are over, and answers the last of them. */
  readonly end: (count?: number) => Promise<TcpConnection>
}

/** An endpoint that sends everything back. */
export const echo = (socket: Socket): void => void socket.pipe(socket)

export interface TcpSetup {
  readonly endpoint?: (socket: Socket) => void
  readonly listener?: Partial<ListenerSpec>
  readonly options?: Partial<WasmOptions>
  /** Filters behind the guest. */
  readonly filters?: readonly NetworkFilter[]
}

export async function tcpMesh(guest: Uint8Array, { endpoint = echo, listener, options, filters = [] }: TcpSetup = {}): Promise<TcpMesh> {
  const behind: Wire[] = []
  const ended: TcpConnection[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    behind.push(new Wire(socket))
    endpoint(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port: endpointPort } = server.address() as { port: number }
  const app = createMesh({ drainMs: 0, logger: { level: 'fatal', stream: new Writable({ write: (_chunk, _encoding, done) => done() }) } })
  onTestFinished(async () => app.close())
  await app.register(plugin)
  await app.mesh.service('app', { endpoints: [`127.0.0.1:${endpointPort}`] })
  await app.ready()
  const recorder: NetworkFilter = { name: 'recorder', onEnd: (connection) => void ended.push(connection) }
  const wasm = { wasm: { module: fileOf(guest), name: 'guest', fuelMs: 1_000, ...isolation, ...options } }
  const { port } = await app.mesh.listen({ name: 'tcp', address: '127.0.0.1:0', tcp: { to: 'app', filters: [wasm, ...filters, recorder] }, ...listener })
  return {
    app,
    port,
    endpointPort,
    behind,
    connect: () => new Wire(connect({ port, host: '127.0.0.1', allowHalfOpen: true })),
    async end(count = 1) {
      await until(() => ended.length >= count)
      return ended[count - 1] as TcpConnection
    },
  }
}

/** A mesh whose guest ticks, and a way to do something in the next tick. */
export async function ticking(script: Callbacks, setup?: TcpSetup): Promise<TcpMesh & { readonly inTick: (work: () => Script) => void }> {
  const todo: (() => Script)[] = []
  const guest = puppet({
    *on_vm_start() {
      yield* call('proxy_set_tick_period_milliseconds', 2)
      return 1
    },
    *on_tick() {
      for (const work of todo.splice(0)) yield* work()
    },
    ...script,
  })
  return { ...(await tcpMesh(guest, setup)), inTick: (work) => void todo.push(work) }
}
