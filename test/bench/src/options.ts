// The options of the benchmark command.
import { parseArgs } from 'node:util'
import type { Turns } from './slices.ts'

/** What one run of the benchmark does. */
export interface BenchOptions {
  /** Of the proxies that are compared by CPU. */
  readonly turns: Turns
  /** Before anything is measured, for each process. */
  readonly warmupRequests: number
  /** Connections of the load generator. */
  readonly connections: number
  /** How often each latency is measured, and for how long. */
  readonly latencyRounds: number
  readonly latencySeconds: number
  /** Idle connections of the memory measurement; 0 leaves it out. */
  readonly idleConnections: number
  /** Sections and peers to run, by name; empty: all of them. */
  readonly only: readonly string[]
  /** Measure every proxy twice. */
  readonly twins: boolean
  /** Print the result as JSON instead of tables. */
  readonly json: boolean
  /** Replace the tables in README.md by this run's. */
  readonly write: boolean
}

export const help: string = `npm run bench -- [options]

  --quick             one process each, few slices, 1,000 idle connections: a look, not a result
  --generations <n>   fresh processes per proxy and table, default 3
  --passes <n>        slices of each process, default 45
  --slice <ms>        measured milliseconds per slice, default 40
  --connections <n>   connections of the load generator, default 64
  --idle <n>          idle connections of the memory measurement, default 10000
  --only <names>      comma-separated: sections (small, filters, wasm, bodies, tls, latency, idle, upstream, vms, swap, micro)
                      and peers (meshwright, meshwright-node24, nginx, haproxy, caddy, fastify-http-proxy, http-proxy, undici)
  --twins             every proxy twice in the tables of CPU: what two equal ones differ by is the error of the others
  --json              print the result as JSON
  --write             put the tables of this run into test/bench/README.md
`

/** Reads the command line; throws a readable error on an unknown option or a value that is no number. */
export function readOptions(args: readonly string[]): BenchOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      generations: { type: 'string' },
      passes: { type: 'string' },
      slice: { type: 'string' },
      connections: { type: 'string' },
      idle: { type: 'string' },
      only: { type: 'string', default: '' },
      twins: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return 'help'
  const quick = values.quick
  return {
    turns: {
      generations: numberOf('generations', values.generations, quick ? 1 : 3, 1),
      passes: numberOf('passes', values.passes, quick ? 12 : 45, 1),
      sliceMs: numberOf('slice', values.slice, 40, 10),
    },
    warmupRequests: quick ? 5000 : 30_000,
    connections: numberOf('connections', values.connections, 64, 1),
    latencyRounds: quick ? 1 : 5,
    latencySeconds: quick ? 1 : 2,
    idleConnections: numberOf('idle', values.idle, quick ? 1000 : 10_000, 0),
    only: values.only.split(',').map((name) => name.trim()).filter((name) => name !== ''),
    twins: values.twins,
    json: values.json,
    write: values.write,
  }
}

function numberOf(name: string, text: string | undefined, fallback: number, least: number): number {
  if (text === undefined) return fallback
  const value = Number(text)
  if (!Number.isInteger(value) || value < least) throw new Error(`--${name} takes a whole number from ${least}, not "${text}"`)
  return value
}
