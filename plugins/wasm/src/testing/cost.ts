// What a filter costs: small exchanges through the real host, and nothing else.
import { FilterFailure } from './filter-failure.ts'
import { loadFilter } from './load-filter.ts'

/** Measured on this machine, now. */
export interface CostEstimate {
  /** From the bytes to a configured VM. Milliseconds. */
  readonly startMs: number
  /** One exchange without bodies through the filter and back, the host's share included. Microseconds. */
  readonly exchangeUs: number
  /** What the guest itself used of it, in units of fuel: about a nanosecond each. */
  readonly exchangeFuel: number
  /** Linear memory after the exchanges. Bytes. */
  readonly memoryBytes: number
  /** What it answers an empty request. */
  readonly outcome: string
  /** Why there are no numbers. */
  readonly failed: string | undefined
}

const rounds = 20
const exchangesPerRound = 50
const headers = { accept: '*/*', 'user-agent': 'meshwright-inspect', 'x-request-id': '1', cookie: 'a=b' }

export async function estimateCost(bytes: Uint8Array, options: { readonly configuration?: unknown; readonly rootId?: string }): Promise<CostEstimate> {
  const startedMs = performance.now()
  try {
    await using filter = await loadFilter(bytes, { ...options, name: options.rootId ?? 'inspected', logLevel: 'error' })
    const startMs = performance.now() - startedMs
    const first = await filter.request({ headers })
    const { outcome } = first
    await first.end()
    const times: number[] = []
    const fuelBefore = filter.used.fuel
    for (let round = 0; round < rounds; round++) times.push(filter.measure(exchangesPerRound, { headers }))
    const exchangeFuel = Math.round((filter.used.fuel - fuelBefore) / (rounds * exchangesPerRound))
    const exchangeUs = ((times.toSorted((a, b) => a - b)[rounds / 2] as number) * 1_000) / exchangesPerRound
    return { startMs, exchangeUs, exchangeFuel, memoryBytes: filter.memoryBytes, outcome, failed: undefined }
  } catch (thrown) {
    if (!(thrown instanceof FilterFailure)) throw thrown
    return { startMs: performance.now() - startedMs, exchangeUs: 0, exchangeFuel: 0, memoryBytes: 0, outcome: 'failed', failed: thrown.message }
  }
}
