// A real mesh: a client, one WASM filter or several, an endpoint, and the log.
import { Writable } from 'node:stream'
import { createMesh, type MeshApp, type MeshSpec } from '@meshwright/core'
import plugin, { type WasmOptions } from '@meshwright/wasm'
import { onTestFinished } from 'vitest'
import { ask, type Answer, type Asked } from './ask.ts'
import { moduleFile } from './compiled.ts'
import { echo, endpoint, type Handler, type Seen } from './endpoint.ts'

export interface FilterMesh {
  readonly app: MeshApp
  readonly port: number
  /** Requests that came to the endpoint, in order. */
  readonly seen: readonly Seen[]
  /** The messages of the log. */
  readonly log: readonly string[]
  readonly ask: (asked?: Asked) => Promise<Answer>
  /** All samples, as text. */
  readonly metrics: () => string
}

type Options = Omit<WasmOptions, 'module'> & { readonly module: string | Uint8Array }

/** @param more services beside `app`, and other parts of the mesh */
export async function meshWith(filter: Options | readonly Options[], handler: Handler = echo, more: Partial<MeshSpec> = {}): Promise<FilterMesh> {
  const log: string[] = []
  const seen: Seen[] = []
  const { port: endpointPort, close } = await endpoint(handler, seen)
  onTestFinished(close)
  const app = createMesh({ drainMs: 100, logger: { level: 'debug', stream: lines(log) } })
  onTestFinished(async () => app.close())
  await app.register(plugin)
  await app.ready()
  const filters = [filter].flat().map(({ module, ...options }) => ({ wasm: { fuelMs: 1_000, logLevel: 0, ...options, module: typeof module === 'string' ? module : moduleFile(module) } }))
  const { services = {}, ...rest } = more
  await app.mesh.apply({ services: { app: { endpoints: [`127.0.0.1:${endpointPort}`] }, ...services }, routes: [{ to: 'app', filters }], ...rest })
  const { port } = await app.mesh.listen({ address: '127.0.0.1:0' })
  return { app, port, seen, log, ask: async (asked) => ask(port, asked), metrics: () => JSON.stringify(app.mesh.collect()) }
}

function lines(log: string[]): Writable {
  return new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      for (const line of chunk.toString().trim().split('\n')) log.push((JSON.parse(line) as { msg?: string }).msg ?? '')
      done()
    },
  })
}
