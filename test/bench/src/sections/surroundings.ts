// What every section has at hand: programs, the backend, how long to measure, and whom to tell of progress.
import type { CertificateFiles } from '../backend.ts'
import type { LoadPlan } from '../measure.ts'
import type { Modules } from '../modules.ts'
import type { BenchOptions } from '../options.ts'
import type { Peer } from '../peers.ts'
import type { RequestCount } from '../request-count.ts'

export interface Surroundings {
  readonly wrk: string
  readonly options: BenchOptions
  readonly backendPort: number
  readonly backendPid: number
  /** Where the backend speaks TLS. */
  readonly tlsPort: number
  readonly certificate: CertificateFiles
  readonly count: RequestCount
  readonly modules: Modules
  /** A directory that is gone at the end. */
  readonly directory: string
  /** Those of some proxies that were asked for. */
  readonly chosen: (all: readonly Peer[]) => readonly Peer[]
}

/** Those that are compared where all of them would take too long. */
export const mainPeers: readonly string[] = ['meshwright', 'meshwright-node24', 'nginx', 'undici', 'fastify-http-proxy']

/** Small requests over plain HTTP. */
export function smallPlan({ wrk, options, backendPort, backendPid, count }: Surroundings): LoadPlan {
  return { wrk, backendPort, backendPid, tls: undefined, path: '/small', fields: [], connections: options.connections, bodyBytes: 0, warmupRequests: options.warmupRequests, warmupConnections: options.connections, count }
}

/** Prints a line of progress on standard error. */
export function progress(line: string): void {
  process.stderr.write(`${line}\n`)
}
