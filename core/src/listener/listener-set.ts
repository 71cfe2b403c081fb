// The servers of a mesh: opened on their addresses, drained without losing a request.
import { Server as NetServer } from 'node:net'
import type { RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { MeshError } from '../errors.ts'
import type { Questions, TlsMaterial } from '../questions.ts'
import type { Registry } from '../registry.ts'
import type { Bound } from '../scope.ts'
import type { ListenerSpec } from '../spec.ts'
import { parseAddress } from '../static-discovery.ts'
import type { IntakePolicy } from './intake.ts'
import { createHttp1Server, listenerSettings, type ListenerHost } from './http1.ts'

/** What is needed besides a listener's own host. */
export interface ListenerSetHost extends ListenerHost {
  readonly registry: Registry
}

/** How often a draining listener looks for connections that have become idle. */
const idleSweepMs = 50

export class ListenerSet {
  readonly #host: ListenerSetHost
  readonly #servers = new Map<Server, () => void>()
  #defaultIntake: IntakePolicy | undefined = undefined
  #draining: Promise<void> | undefined = undefined
  /** Answers what no route matches, where a listener leaves that to the host. */
  fallback: RequestListener = (_message, response) => void response.writeHead(404).end()
  readonly bound: Bound[] = []

  constructor(host: ListenerSetHost) {
    this.#host = host
  }

  /** How requests are read that come in through Fastify's own routes. */
  get defaultIntake(): IntakePolicy {
    return (this.#defaultIntake ??= listenerSettings({}, this.#host).intake)
  }

  /** Makes a server that somebody else lets listen: Fastify, for `app.listen`. */
  create(spec: Partial<ListenerSpec>, fallback: RequestListener): Server {
    const settings = listenerSettings(spec, this.#host)
    this.#defaultIntake ??= settings.intake
    const server = createHttp1Server(settings, this.#host, fallback)
    this.#servers.set(server, () => {})
    return server
  }

  /** Opens a listener of its own. @throws MESH_LISTEN_FAILED */
  async open(spec: ListenerSpec): Promise<Bound> {
    const { host, port } = parseAddress(spec.address)
    const server = createHttp1Server(listenerSettings(spec, this.#host), this.#host, (message, response) => this.fallback(message, response))
    const stop = spec.identity === undefined ? () => {} : await this.#secure(server, spec.identity, spec.name ?? spec.address)
    try {
      await listen(server, host, port, spec.reusePort ?? false)
    } catch (cause) {
      stop()
      throw listenFailed(spec.address, cause as NodeJS.ErrnoException)
    }
    this.#servers.set(server, stop)
    const bound = boundAt(spec, host, server)
    this.bound.push(bound)
    return bound
  }

  /** Connections that are open now. */
  get connections(): number {
    let open = 0
    for (const server of this.#servers.keys()) open += (server as Server & { _connections: number })._connections
    return open
  }

  /** Closes every listening socket at once, then waits for the connections; `cut` ends the exchanges that are left. */
  drain(graceMs: number, cut: () => number): Promise<void> {
    this.#draining ??= this.#drain(graceMs, cut)
    return this.#draining
  }

  async #drain(graceMs: number, cut: () => number): Promise<void> {
    const servers = [...this.#servers.keys()]
    const closed = servers.map((server) => closeHandle(server))
    // http.Server.close would also end connections that have just been accepted and not yet said anything.
    const sweep = setInterval(() => {
      for (const server of servers) server.closeIdleConnections()
    }, idleSweepMs)
    for (const server of servers) server.closeIdleConnections()
    const end = setTimeout(() => {
      cut()
      for (const server of servers) server.closeAllConnections()
    }, graceMs)
    await Promise.all(closed)
    clearInterval(sweep)
    clearTimeout(end)
    for (const stop of this.#servers.values()) stop()
    for (const server of servers) server.close()
  }

  async #secure(server: Server, identity: NonNullable<ListenerSpec['identity']>, name: string): Promise<() => void> {
    const answer: Questions['identity'] = this.#host.registry.resolve('identity', identity, {})
    let first: () => void = () => {}
    const ready = new Promise<void>((resolve) => (first = resolve))
    const stop = await answer.watch((material: TlsMaterial) => {
      try {
        ;(server as unknown as { setSecureContext(material: TlsMaterial): void }).setSecureContext({ ...material })
        first()
      } catch (cause) {
        this.#host.pluginFailed(new MeshError('MESH_PLUGIN_FAILED', `identity of listener "${name}": the key or certificate cannot be used`, cause))
      }
    })
    await ready
    return stop
  }
}

function listen(server: Server, host: string, port: number, reusePort: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, reusePort, backlog: 1024 }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** Resolves when the last connection is gone. */
function closeHandle(server: Server): Promise<void> {
  return new Promise((resolve) => {
    if (!server.listening) return resolve()
    NetServer.prototype.close.call(server, () => resolve())
  })
}

function boundAt(spec: ListenerSpec, host: string, server: Server): Bound {
  const { port } = server.address() as AddressInfo
  const shown = host.includes(':') ? `[${host}]` : host === '0.0.0.0' ? 'localhost' : host
  return { name: spec.name ?? spec.address, host, port, url: `${spec.identity === undefined ? 'http' : 'https'}://${shown}:${port}` }
}

function listenFailed(address: string, cause: NodeJS.ErrnoException): MeshError {
  const why = cause.code === 'EADDRINUSE' ? 'the port is in use' : cause.code === 'EACCES' ? 'not permitted' : cause.message
  return new MeshError('MESH_LISTEN_FAILED', `${address}: ${why}`, cause)
}
