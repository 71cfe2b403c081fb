// What a filter costs: small exchanges or connections through the real host, and nothing else.
import { FilterFailure } from './filter-failure.ts'
import { loadFilter } from './load-filter.ts'
import { line } from './test-connection.ts'
import type { TestFilter } from './test-filter.ts'

/** Measured on this machine, now. */
export interface CostEstimate {
  /** Whether requests were taken through it, or connections: then an exchange is one connection, which says a line each way. */
  readonly protocol: 'HTTP' | 'TCP'
  /** From the bytes to a configured VM. Milliseconds. */
  readonly startMs: number
  /** What it burned until then. `startFuelMs: 250` lets it burn 250000000. */
  readonly startFuel: number
  /** One exchange without bodies through the filter and back, the host's share included. Microseconds. */
  readonly exchangeUs: number
  /** What it burned, in all callbacks of the exchange together. `fuelMs: 20` lets each callback burn 20000000. */
  readonly exchangeFuel: number
  /** Callbacks for one exchange. */
  readonly callbacks: number
  /** Linear memory after the exchanges. Bytes. */
  readonly memoryBytes: number
  /** What it makes of an empty request: `passed`, `paused`, `replied`; or of a connection: `open`, `paused`, `closed`. Or `failed`. */
  readonly outcome: string
  /** Why there are no numbers. */
  readonly failed: string | undefined
}

/** Until the compiler of the engine has seen enough of it, and no longer than somebody at a terminal waits. */
const mostRounds = 200
const mostMs = 500
const exchangesPerRound = 50
const headers = { accept: '*/*', 'user-agent': 'meshwright-inspect', 'x-request-id': '1', cookie: 'a=b' }

export async function estimateCost(bytes: Uint8Array, protocol: 'HTTP' | 'TCP', options: { readonly configuration?: unknown; readonly rootId?: string }): Promise<CostEstimate> {
  const startedMs = performance.now()
  try {
    await using filter = await loadFilter(bytes, { ...options, protocol, name: options.rootId ?? 'inspected', logLevel: 'error' })
    const startMs = performance.now() - startedMs
    const outcome = await (protocol === 'HTTP' ? firstRequest(filter) : firstConnection(filter))
    const before = { ...filter.used }
    const times = measured((count) => filter.measure(count, { headers }))
    const exchanges = times.length * exchangesPerRound
    return {
      protocol,
      startMs,
      startFuel: filter.startFuel,
      exchangeUs: (median(times.slice(times.length >> 1)) * 1_000) / exchangesPerRound,
      exchangeFuel: Math.round((filter.used.fuel - before.fuel) / exchanges),
      callbacks: Math.round((filter.used.calls - before.calls) / exchanges),
      memoryBytes: filter.memoryBytes,
      outcome,
      failed: undefined,
    }
  } catch (thrown) {
    if (!(thrown instanceof FilterFailure)) throw thrown
    return { protocol, startMs: performance.now() - startedMs, startFuel: 0, exchangeUs: 0, exchangeFuel: 0, callbacks: 0, memoryBytes: 0, outcome: 'failed', failed: thrown.message }
  }
}

async function firstRequest(filter: TestFilter): Promise<string> {
  const stream = await filter.request({ headers })
  const { outcome } = stream
  await stream.end()
  return outcome
}

async function firstConnection(filter: TestFilter): Promise<string> {
  const connection = await filter.connection()
  if (connection.outcome === 'open') await connection.clientSends(line)
  if (connection.outcome === 'open') await connection.endpointSends(line)
  const { outcome } = connection
  if (outcome === 'open' || outcome === 'paused') await connection.clientResets()
  return outcome
}

/** Milliseconds of each round; the later ones are those of a filter at work. */
function measured(round: (count: number) => number): number[] {
  const startedMs = performance.now()
  const times: number[] = []
  while (times.length < mostRounds && performance.now() - startedMs < mostMs) times.push(round(exchangesPerRound))
  return times
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0
}
