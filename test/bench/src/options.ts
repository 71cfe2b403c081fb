// The options of the benchmark command.
import { parseArgs } from 'node:util'

/** What one run of the benchmark does. */
export interface BenchOptions {
  /** Fresh processes per peer and measurement; the median of them is reported. 1.. */
  readonly rounds: number
  /** Measured seconds per round, after the warm-up. */
  readonly seconds: number
  readonly warmupSeconds: number
  /** Connections of the load generator. */
  readonly connections: number
  /** Idle connections of the memory measurement; 0 leaves it out. */
  readonly idleConnections: number
  /** Sections and peers to run, by name; empty: all of them. */
  readonly only: readonly string[]
  /** Print the result as JSON instead of tables. */
  readonly json: boolean
  /** Replace the tables in README.md by this run's. */
  readonly write: boolean
}

export const help: string = `npm run bench -- [options]

  --quick             2 rounds of 1 second, 1,000 idle connections: a look, not a result
  --rounds <n>        fresh processes per measurement, default 5
  --seconds <n>       measured seconds per round, default 2
  --connections <n>   connections of the load generator, default 64
  --idle <n>          idle connections of the memory measurement, default 10000
  --only <names>      comma-separated: sections (small, filters, bodies, tls, idle, micro) and peers
                      (meshwright, meshwright-node24, nginx, haproxy, caddy, fastify-http-proxy, http-proxy, undici)
  --json              print the result as JSON
  --write             put the tables into test/bench/README.md
`

/** Reads the command line; throws a readable error on an unknown option or a value that is no number. */
export function readOptions(args: readonly string[]): BenchOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      connections: { type: 'string' },
      idle: { type: 'string' },
      only: { type: 'string', default: '' },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return 'help'
  const quick = values.quick
  return {
    rounds: numberOf('rounds', values.rounds, quick ? 2 : 5),
    seconds: numberOf('seconds', values.seconds, quick ? 1 : 2),
    warmupSeconds: quick ? 1 : 2,
    connections: numberOf('connections', values.connections, 64),
    idleConnections: numberOf('idle', values.idle, quick ? 1000 : 10_000),
    only: values.only.split(',').map((name) => name.trim()).filter((name) => name !== ''),
    json: values.json,
    write: values.write,
  }
}

function numberOf(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0) throw new Error(`--${name} takes a whole number, not "${text}"`)
  return value
}
