// What the run of an exchange needs of the mesh and of the listener around it.
import type { Deadlines } from './deadlines.ts'
import type { MeshError } from './errors.ts'
import type { Exchange } from './exchange.ts'

/** What a relay needs of the mesh it runs in. */
export interface RelayHost {
  readonly deadlines: Deadlines
  /** `1.1 <name>`: what this mesh writes into Via. */
  readonly via: string
  /** Called once per exchange, when all is over. */
  completed(exchange: Exchange): void
  /** A plugin failed where the exchange could not be told. */
  pluginFailed(error: MeshError): void
}

/** How long a listener waits for the client of this exchange. Milliseconds; 0: for ever. */
export interface ClientTimeouts {
  readonly requestBodyIdleMs: number
  readonly responseStallMs: number
  readonly tunnelIdleMs: number
  readonly filterMs: number
}
