// Meshwright with the filters of one scenario, and what their guests have logged.
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Writable } from 'node:stream'
import { createMesh, type Identity, type ListenerSpec } from '@meshwright/core'
import plugin from '@meshwright/wasm'
import type { Scenario } from './scenario.ts'
import type { Pair, ScenarioTls, TcpScenario } from './tcp-scenario.ts'

export interface Mesh {
  readonly port: number
  lines(): readonly string[]
  stop(): Promise<void>
}

/**
 * @param name of filter and service, as Envoy's
 * @param protocol HTTP: the filters are on a route; TCP: on a listener
 */
export async function startMesh({ filters, tls, endpointTls }: Pick<Scenario, 'filters'> & Pick<TcpScenario, 'tls' | 'endpointTls'>, name: string, endpointPort: number, appPort: number, protocol: 'HTTP' | 'TCP' = 'HTTP'): Promise<Mesh> {
  const folder = mkdtempSync(path.join(tmpdir(), 'meshwright-beside-envoy-'))
  const lines: string[] = []
  const app = createMesh({ drainMs: 0, logger: { level: 'info', stream: keep(lines) } })
  const stop = async (): Promise<void> => {
    await app.close()
    rmSync(folder, { recursive: true })
  }
  try {
    await app.register(plugin)
    await app.ready()
    const made = filters.map(({ module, ...options }, at) => {
      const file = typeof module === 'string' ? module : path.join(folder, `${at}.wasm`)
      if (typeof module !== 'string') writeFileSync(file, module)
      return { wasm: { name, rootId: '', vmId: `${name}-${at}`, fuelMs: 1_000, ...options, module: file } }
    })
    const services = { [name]: { endpoints: [`127.0.0.1:${endpointPort}`], ...(endpointTls === undefined ? {} : { tls: { serverName: endpointTls.serverName, identity: identityOf(endpointTls.client, endpointTls.root) } }) }, app: { endpoints: [`127.0.0.1:${appPort}`] }, closed: { endpoints: ['127.0.0.1:1'] } }
    await app.mesh.apply({ services, routes: protocol === 'HTTP' ? [{ name: 'all', to: name, filters: made }] : [] })
    const { port } = await app.mesh.listen({ address: '127.0.0.1:0', ...(protocol === 'TCP' ? { tcp: { to: name, filters: made } } : {}), ...(tls === undefined ? {} : secured(tls)) })
    return { port, lines: () => lines, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function identityOf(pair: Pair, ca: string): Identity {
  return { watch: (publish) => (publish({ certificates: [pair], ca }), () => {}) }
}

function secured({ server, root, client }: ScenarioTls): Pick<ListenerSpec, 'identity' | 'tls'> {
  return { identity: identityOf(server, root), ...(client === undefined ? {} : { tls: { clientCertificates: 'required' } }) }
}

function keep(lines: string[]): Writable {
  return new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      for (const line of chunk.toString().trim().split('\n')) {
        const { msg = '' } = JSON.parse(line) as { msg?: string }
        if (msg.startsWith('@@')) lines.push(msg)
      }
      done()
    },
  })
}
