// A real mesh that carries TCP through a WASM filter: clients, the filter, and an endpoint that a test speaks for.
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { createMesh } from '@meshwright/core'
import plugin, { type WasmOptions } from '@meshwright/wasm'
import { onTestFinished } from 'vitest'
import { moduleFile } from './compiled.ts'

/** One end of a connection, and what has come to it. */
export class Wire {
  readonly socket: Socket
  text = ''
  ended = false
  #changed = Promise.withResolvers<void>()

  constructor(socket: Socket) {
    this.socket = socket.setEncoding('latin1')
    const change = (): void => {
      this.#changed.resolve()
      this.#changed = Promise.withResolvers()
    }
    socket.on('data', (text: string) => {
      this.text += text
      change()
    })
    const end = (): void => {
      this.ended = true
      change()
    }
    socket.on('end', end).on('error', end).on('close', end)
    onTestFinished(() => void socket.destroy())
  }

  /** Resolves when this has come, and nothing else. */
  async has(text: string): Promise<void> {
    while (this.text !== text) await this.#changed.promise
  }

  /** Resolves when nothing more comes. */
  async ends(): Promise<void> {
    while (!this.ended) await this.#changed.promise
  }
}

export interface TcpFilterMesh {
  readonly connect: () => Wire
  /** Resolves with the endpoint's end of the next connection that reaches it. */
  readonly accepted: () => Promise<Wire>
  /** How many have reached it. */
  readonly reached: () => number
}

export async function tcpMeshWith({ module, ...options }: Omit<WasmOptions, 'module'> & { readonly module: Uint8Array }): Promise<TcpFilterMesh> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const wires: Wire[] = []
  let taken = 0
  server.on('connection', (socket: Socket) => wires.push(new Wire(socket)))
  const app = createMesh({ drainMs: 0, logger: false })
  onTestFinished(async () => app.close())
  await app.register(plugin)
  const { port: endpointPort } = server.address() as { port: number }
  await app.mesh.service('app', { endpoints: [`127.0.0.1:${endpointPort}`] })
  await app.ready()
  const { port } = await app.mesh.listen({ address: '127.0.0.1:0', tcp: { to: 'app', filters: [{ wasm: { fuelMs: 1_000, ...options, module: moduleFile(module) } }] } })
  return {
    connect: () => new Wire(connect({ port, host: '127.0.0.1', allowHalfOpen: true })),
    async accepted() {
      while (wires.length <= taken) await once(server, 'connection')
      return wires[taken++] as Wire
    },
    reached: () => wires.length,
  }
}
