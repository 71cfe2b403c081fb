// What an exchange may wait for, each with the timeout that ends it.
import { Timed, type Deadlines } from './deadlines.ts'
import type { ClientTimeouts } from './relay-host.ts'
import type { ServiceTimeouts } from './spec.ts'

/** The waits of one exchange; a timeout of 0 waits for ever. */
export abstract class Waits extends Timed {
  /** Set when a service has been chosen. */
  timeouts: Required<ServiceTimeouts> | undefined = undefined
  protected readonly client: ClientTimeouts

  constructor(deadlines: Deadlines, client: ClientTimeouts) {
    super(deadlines)
    this.client = client
  }

  /** A filter has promised an answer. */
  waitForFilter(): void {
    this.waitForEndpoint(this.client.filterMs, 'MESH_FILTER_TIMEOUT')
  }

  /** The transport is asked. It has a clock of its own for each of the two waits; this one is for those that have none. */
  protected waitForConnection(nowMs: number): void {
    const { connectMs, pendingMs } = this.timeouts ?? { connectMs: 0, pendingMs: 0 }
    this.waitForEndpoint(connectMs === 0 || pendingMs === 0 ? 0 : connectMs + pendingMs, 'MESH_CONNECT_TIMEOUT', nowMs)
  }

  /** The endpoint has the whole request. */
  protected waitForHeaders(nowMs?: number): void {
    this.waitForEndpoint(this.timeouts?.responseHeadersMs ?? 0, 'MESH_RESPONSE_HEADERS_TIMEOUT', nowMs)
  }

  /** The endpoint has something more to send. */
  protected waitForData(nowMs?: number): void {
    this.waitForEndpoint(this.timeouts?.responseIdleMs ?? 0, 'MESH_RESPONSE_IDLE_TIMEOUT', nowMs)
  }

  /** The client has something more to send. */
  protected waitForBody(): void {
    this.waitForClient(this.client.requestBodyIdleMs, 'MESH_REQUEST_BODY_TIMEOUT')
  }

  /** The client has something to read. */
  protected waitForReader(): void {
    this.waitForClient(this.client.responseStallMs, 'MESH_RESPONSE_STALLED')
  }
}
