// The servers of a mesh: opened on their addresses, drained without losing a request.
import { Server as NetServer } from 'node:net'
import type { RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { MeshError, messageOf } from '../errors.ts'
import type { Questions } from '../questions.ts'
import type { Registry } from '../registry.ts'
import type { Bound } from '../scope.ts'
import type { ListenerSpec } from '../spec.ts'
import type { TcpHost } from '../tcp/tcp-listener.ts'
import { TcpListeners } from '../tcp/tcp-listeners.ts'
import { parseAddress } from '../static-discovery.ts'
import { listenerOwner } from '../identity/identities.ts'
import { watchIdentity } from '../identity/watch.ts'
import type { IntakePolicy } from './intake.ts'
import { createHttp1Server, listenerSettings, type Http1Server, type ListenerHost } from './http1.ts'

/** What is needed besides a listener's own host. */
export interface ListenerSetHost extends ListenerHost, TcpHost {
  readonly registry: Registry
}

/** A listener that was opened here, and so can be changed and closed here. */
interface OpenListener {
  readonly http: Http1Server
  readonly stop: () => void
}

/** How often a draining listener looks for connections that have become idle. */
const idleSweepMs = 50

export class ListenerSet {
  readonly #host: ListenerSetHost
  readonly #servers = new Map<Http1Server, () => void>()
  #defaultIntake: IntakePolicy | undefined = undefined
  #draining: Promise<void> | undefined = undefined
  /** Answers what no route matches, where a listener leaves that to the host; until the host is there, that it is not. */
  fallback: RequestListener = (_message, response) => void response.writeHead(503, { connection: 'close' }).end()
  readonly bound: Bound[] = []
  readonly #open = new Map<Bound, OpenListener>()
  readonly #closing = new Set<Promise<void>>()
  readonly #tcp: TcpListeners
  #endAll: NodeJS.Timeout | undefined = undefined
  #endAllAtMs = Infinity

  constructor(host: ListenerSetHost) {
    this.#host = host
    this.#tcp = new TcpListeners(host, {
      listen: async (server, spec) => this.#listen(server, spec),
      secure: async (tls, spec) => (spec.identity === undefined ? () => {} : this.#secure({ tls }, spec.identity, spec.name ?? spec.address)),
    })
  }

  /** How requests are read that come in through Fastify's own routes. */
  get defaultIntake(): IntakePolicy {
    return (this.#defaultIntake ??= listenerSettings({}, this.#host).intake)
  }

  /** Makes a server that somebody else lets listen: Fastify, for `app.listen`. */
  create(spec: Partial<ListenerSpec>, fallback: RequestListener): Server {
    const settings = listenerSettings(spec, this.#host)
    this.#defaultIntake ??= settings.intake
    const http = createHttp1Server(settings, this.#host, fallback)
    this.#servers.set(http, () => {})
    return http.server
  }

  /** Opens a listener of its own. @throws MESH_LISTEN_FAILED */
  async open(spec: ListenerSpec): Promise<Bound> {
    const bound = await (spec.tcp === undefined ? this.#openHttp(spec) : this.#tcp.open(spec))
    this.bound.push(bound)
    return bound
  }

  async #openHttp(spec: ListenerSpec): Promise<Bound> {
    const http = createHttp1Server(listenerSettings(spec, this.#host), this.#host, (message, response) => this.fallback(message, response))
    const stop = spec.identity === undefined ? () => {} : await this.#secure(http, spec.identity, spec.name ?? spec.address)
    try {
      const bound = await this.#listen(http.server, spec)
      this.#servers.set(http, stop)
      this.#open.set(bound, { http, stop })
      return bound
    } catch (thrown) {
      stop()
      throw thrown
    }
  }

  async #listen(server: NetServer, spec: ListenerSpec): Promise<Bound> {
    const { host, port } = parseAddress(spec.address)
    try {
      await listen(server, host, port, spec.reusePort ?? false)
    } catch (cause) {
      throw listenFailed(spec.address, cause as NodeJS.ErrnoException)
    }
    return boundAt(spec, host, server)
  }

  /** Other limits, timeouts and policies for a listener that stays open. Its address and its identity stay as they are. */
  replace(bound: Bound, spec: ListenerSpec): void {
    this.#tcp.replace(bound, spec)
    this.#open.get(bound)?.http.replace(listenerSettings(spec, this.#host))
  }

  /** Could it be replaced? @throws MESH_BAD_OPTIONS with the reason if not */
  check(bound: Bound, spec: ListenerSpec): void {
    if (this.#tcp.has(bound)) return this.#tcp.check(bound, spec)
    const settings = listenerSettings(spec, this.#host)
    try {
      if (settings.tls !== undefined) this.#open.get(bound)?.http.tls?.check(settings.tls)
    } catch (cause) {
      throw new MeshError('MESH_BAD_OPTIONS', `listener "${settings.name}": ${messageOf(cause)}`, cause)
    }
  }

  /** Closes one listener: takes no more connections, lets those it has end their requests, and cuts them after the grace. */
  async shut(bound: Bound, graceMs: number): Promise<void> {
    const open = this.#open.get(bound)
    if (this.bound.includes(bound)) this.bound.splice(this.bound.indexOf(bound), 1)
    if (open === undefined) return this.#tcp.shut(bound, graceMs)
    this.#open.delete(bound)
    const closing = this.#shut(open, graceMs)
    this.#closing.add(closing)
    await closing
    this.#closing.delete(closing)
  }

  async #shut({ http, stop }: OpenListener, graceMs: number): Promise<void> {
    http.leave()
    const end = setTimeout(() => http.cut(), graceMs)
    await emptied([http])
    clearTimeout(end)
    stop()
    http.server.close()
    this.#servers.delete(http)
  }

  /**
   * Closes every listening socket at once, then waits for the connections; `cut` ends the exchanges that are left after
   * the grace. A later call with an earlier end counts.
   */
  drain(graceMs: number, cut: () => number): Promise<void> {
    this.#draining ??= this.#drain()
    this.#endWithin(graceMs, cut)
    return this.#draining
  }

  #endWithin(graceMs: number, cut: () => number): void {
    const atMs = performance.now() + graceMs
    if (atMs >= this.#endAllAtMs) return
    this.#endAllAtMs = atMs
    clearTimeout(this.#endAll)
    this.#endAll = setTimeout(() => {
      cut()
      for (const http of this.#servers.keys()) http.cut()
      this.#tcp.cut()
    }, graceMs)
  }

  async #drain(): Promise<void> {
    const servers = [...this.#servers.keys()]
    await Promise.all([emptied(servers), this.#tcp.drain(), ...this.#closing])
    this.#endAllAtMs = -Infinity
    clearTimeout(this.#endAll)
    for (const stop of this.#servers.values()) stop()
    for (const { server } of servers) server.close()
  }

  async #secure({ tls }: Pick<Http1Server, 'tls'>, identity: NonNullable<ListenerSpec['identity']>, name: string): Promise<() => void> {
    const answer: Questions['identity'] = this.#host.registry.resolve('identity', identity, {})
    return watchIdentity(listenerOwner(name), answer, {
      use: (material) => tls?.use(material),
      failed: (error) => this.#host.pluginFailed(error),
    })
  }
}

function listen(server: NetServer, host: string, port: number, reusePort: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, reusePort, backlog: 1024 }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** Closes the listening sockets and the idle connections; resolves when the other connections have ended too. */
async function emptied(servers: readonly Http1Server[]): Promise<void> {
  const closed = servers.map(({ server }) => closeHandle(server))
  const closeIdle = (): void => {
    for (const http of servers) http.closeIdle()
  }
  // http.Server.close would also end connections that have just been accepted and not yet said anything.
  closeIdle()
  const sweep = setInterval(closeIdle, idleSweepMs)
  await Promise.all(closed)
  clearInterval(sweep)
}

/** Resolves when the last connection is gone. */
function closeHandle(server: Server): Promise<void> {
  return new Promise((resolve) => {
    if (!server.listening) return resolve()
    NetServer.prototype.close.call(server, () => resolve())
  })
}

function boundAt(spec: ListenerSpec, host: string, server: NetServer): Bound {
  const { port } = server.address() as AddressInfo
  const shown = host.includes(':') ? `[${host}]` : host === '0.0.0.0' ? 'localhost' : host
  const [plain, secure] = spec.tcp === undefined ? ['http', 'https'] : ['tcp', 'tls']
  return { name: spec.name ?? spec.address, host, port, url: `${spec.identity === undefined ? plain : secure}://${shown}:${port}` }
}

function listenFailed(address: string, cause: NodeJS.ErrnoException): MeshError {
  const why = cause.code === 'EADDRINUSE' ? 'the port is in use' : cause.code === 'EACCES' ? 'not permitted' : cause.message
  return new MeshError('MESH_LISTEN_FAILED', `${address}: ${why}`, cause)
}
