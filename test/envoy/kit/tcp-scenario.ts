// What is tried on TCP listeners of both proxies: filters, and what clients and endpoints do, move by move.
import type { GuestOptions } from './scenario.ts'

export type Side = 'client' | 'endpoint'

/** What somebody does, or what is waited for, so that what comes next cannot come before. */
export type Move =
  | { readonly says: string; readonly who: Side }
  | { readonly ends: Side }
  | { readonly resets: Side }
  /** All that has come so far. */
  | { readonly hears: string; readonly who: Side }
  | { readonly hearsEnd: Side }
  /** A callback, with its numbers if there are any, was written down so often, by all connections together. */
  | { readonly noted: string; readonly times: number }
  /** Only one of the proxies does each of these. */
  | { readonly either: readonly Move[] }

export const says = (who: Side, text: string): Move => ({ says: text, who })
export const ends = (who: Side): Move => ({ ends: who })
export const resets = (who: Side): Move => ({ resets: who })
export const hears = (who: Side, text: string): Move => ({ hears: text, who })
export const hearsEnd = (who: Side): Move => ({ hearsEnd: who })
export const noted = (callback: string, times = 1): Move => ({ noted: callback, times })
/** Waits for the first of several. */
export const either = (...moves: readonly Move[]): Move => ({ either: moves })

export interface Pair {
  /** PEM. */
  readonly key: string
  readonly cert: string
}

/** Somebody speaks TLS. */
export interface ScenarioTls {
  readonly server: Pair
  readonly serverName: string
  readonly root: string
  /** What clients show; undefined: they are not asked. */
  readonly client?: Pair
}

export interface TcpScenario {
  /** A statement that stays true of both. */
  readonly name: string
  readonly filters: readonly GuestOptions[]
  /** One after the other; in each, move after move. */
  readonly connections: readonly (readonly Move[])[]
  /** The listener speaks TLS. */
  readonly tls?: ScenarioTls
  /** So does the endpoint, and asks for a certificate. */
  readonly endpointTls?: Required<ScenarioTls>
  /** Whether what guests have written down is compared; not where that depends on how bytes come in pieces. Default true. */
  readonly compareRecords?: boolean
  /** Nobody listens at the endpoint. */
  readonly unreachable?: boolean
  /** How many streams recorders of Meshwright see the end of. Default: all. */
  readonly ends?: number
}

export interface TcpOutcome {
  readonly sides: readonly { readonly name: string; readonly text: string; readonly ending: 'open' | 'end' | 'reset' }[]
  readonly records: readonly string[]
}
