// What is tried on both proxies: filters, requests, and what their outcome consists of.
import type { WasmOptions } from '@meshwright/wasm'
import type { Asked, Answer } from './client.ts'
import type { Seen } from './endpoint.ts'

/** A filter, as Meshwright is told of it; Envoy is told the same. */
export type GuestOptions = Pick<WasmOptions, 'configuration' | 'vmConfiguration' | 'rootId' | 'vmId' | 'onFailure' | 'allowOnHeadersStopIteration' | 'environment' | 'bufferBytes'> & { readonly module: Uint8Array | string }

export interface Scenario {
  /** A statement that stays true of both. */
  readonly name: string
  readonly filters: readonly GuestOptions[]
  /** One after the other. */
  readonly requests: readonly Asked[]
  /** How many streams recorders see the end of. Default: all. */
  readonly ends?: number
}

/** What came of a scenario. */
export interface Outcome {
  readonly answers: readonly Answer[]
  readonly seen: readonly Seen[]
  /** What recorders have written down: `callback numbers`, `:step;status;value`. */
  readonly records: readonly string[]
}
