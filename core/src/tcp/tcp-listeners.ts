// The TCP listeners of a mesh: opened, changed, drained and cut like those for HTTP.
import { Server } from 'node:net'
import { MeshError, messageOf } from '../errors.ts'
import type { Bound } from '../scope.ts'
import type { ListenerSpec } from '../spec.ts'
import { TcpListener, tcpSettings, type TcpHost } from './tcp-listener.ts'

/** What a listener set does for any of its listeners. */
export interface SocketOpener {
  /** Begins to listen. @throws MESH_LISTEN_FAILED */
  listen(server: Server, spec: ListenerSpec): Promise<Bound>
  /** Follows the identity of the listener; answers how to stop. */
  secure(tls: TcpListener['tls'], spec: ListenerSpec): Promise<() => void>
}

interface Open {
  readonly listener: TcpListener
  readonly stop: () => void
}

export class TcpListeners {
  readonly #host: TcpHost
  readonly #opener: SocketOpener
  readonly #open = new Map<Bound, Open>()
  readonly #closing = new Set<Promise<void>>()

  constructor(host: TcpHost, opener: SocketOpener) {
    this.#host = host
    this.#opener = opener
  }

  has(bound: Bound): boolean {
    return this.#open.has(bound)
  }

  async open(spec: ListenerSpec): Promise<Bound> {
    const listener = new TcpListener(tcpSettings(spec), this.#host)
    const stop = await this.#opener.secure(listener.tls, spec)
    try {
      const bound = await this.#opener.listen(listener.server, spec)
      this.#open.set(bound, { listener, stop })
      return bound
    } catch (thrown) {
      stop()
      throw thrown
    }
  }

  /** Could it be replaced? @throws MESH_BAD_OPTIONS with the reason if not */
  check(bound: Bound, spec: ListenerSpec): void {
    const settings = tcpSettings(spec)
    try {
      if (settings.tls !== undefined) this.#open.get(bound)?.listener.tls?.check(settings.tls)
    } catch (cause) {
      throw new MeshError('MESH_BAD_OPTIONS', `listener "${settings.name}": ${messageOf(cause)}`, cause)
    }
  }

  replace(bound: Bound, spec: ListenerSpec): void {
    const listener = this.#open.get(bound)?.listener
    if (listener === undefined) return
    const settings = tcpSettings(spec)
    if (settings.tls !== undefined) listener.tls?.replace(settings.tls)
    listener.settings = settings
  }

  /** Takes no more connections, lets those it has come to their end, and cuts them after the grace. */
  async shut(bound: Bound, graceMs: number): Promise<void> {
    const open = this.#open.get(bound)
    if (open === undefined) return
    const end = setTimeout(() => open.listener.cut(), graceMs)
    this.#open.delete(bound)
    const closing = closed(open)
    this.#closing.add(closing)
    await closing
    clearTimeout(end)
    this.#closing.delete(closing)
  }

  /** Closes every listening socket; resolves when the last connection has ended. */
  async drain(): Promise<void> {
    await Promise.all([...[...this.#open.values()].map(closed), ...this.#closing])
  }

  /** Ends every connection now. */
  cut(): void {
    for (const { listener } of this.#open.values()) listener.cut()
  }
}

/** Resolves when the last connection is gone, and filters know that. */
async function closed({ listener, stop }: Open): Promise<void> {
  const { server } = listener
  await new Promise<void>((resolve) => {
    // Of a TLS server this is all that is wanted: its own close would ask for the requests of connections.
    if (server.listening) Server.prototype.close.call(server, () => resolve())
    else resolve()
  })
  await listener.emptied()
  stop()
}
