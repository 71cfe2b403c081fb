// How long requests take with 64 connections: as fast as the proxy can, and at a rate that is the same for all of them.
import type { Histogram } from '../histogram.ts'
import { type Load, load } from '../load.ts'
import { startPeer, urlOf } from '../measure.ts'
import { openLoad } from '../open-loop.ts'
import { peers } from '../peers.ts'
import type { Program } from '../pinned.ts'
import { orderOf } from '../slices.ts'
import { median } from '../statistics.ts'
import { type Surroundings, progress, smallPlan } from './surroundings.ts'

/** Milliseconds. */
export interface Percentiles {
  readonly p50: number
  readonly p99: number
  readonly p999: number
}

/** What one proxy was found to need. */
export interface Latency {
  /** With wrk, which sends the next request when the last is answered: the rate that the proxy can take, and how long each then waits for the others. */
  readonly saturated: Percentiles & { readonly requestsPerSecond: number }
  /** From when a request was due, at a fixed rate. */
  readonly fixed: Percentiles & { readonly p99Spread: readonly [number, number] }
}

export interface Latencies {
  /** Requests per second of all proxies: half of what the slowest could take. */
  readonly rate: number
  readonly connections: number
  /** By how much the load generator itself was late with one request in a hundred, milliseconds. */
  readonly lateP99Ms: number
  readonly proxies: Readonly<Record<string, Latency>>
}

type Started = Program & { readonly name: string; readonly port: number }

const compared = ['meshwright', 'meshwright-node24', 'nginx', 'undici']

/** Measures the proxies by turns, all of them alive at once. */
export async function latency(around: Surroundings): Promise<Latencies> {
  const proxies = await startAll(around)
  try {
    const saturated = await byTurns(proxies, around.options.latencyRounds, (one) => saturate(one, around, around.options.latencySeconds))
    const rate = Math.floor(Math.min(...[...saturated.values()].map((loads) => median(loads.map(rateOf)))) / 2)
    progress(`latency: ${rate} requests per second`)
    const { connections, latencySeconds: seconds } = around.options
    const fixed = await byTurns(proxies, around.options.latencyRounds, ({ port }) => openLoad({ port, path: '/small', connections, rate, seconds, leadSeconds: 0.5 }))
    const entries = proxies.map(({ name }) => {
      const rounds = fixed.get(name) ?? []
      return [name, { saturated: saturatedOf(saturated.get(name) ?? []), fixed: fixedOf(rounds.map((round) => round.latency)) }] as const
    })
    const late = [...fixed.values()].flat().map((round) => round.lateP99Us / 1000)
    return { rate, connections, lateP99Ms: median(late), proxies: Object.fromEntries(entries) }
  } finally {
    for (const proxy of proxies) await proxy.stop()
  }
}

async function startAll(around: Surroundings): Promise<Started[]> {
  const started: Started[] = []
  for (const peer of around.chosen(peers).filter(({ name }) => compared.includes(name))) {
    const program = await startPeer(peer, smallPlan(around))
    if (program === undefined) continue
    const one = { ...program, name: peer.name }
    await saturate(one, around, 3) // its warm-up
    started.push(one)
  }
  if (started.length === 0) throw new Error(`the latency of ${compared.join(', ')} is measured, and none of them was asked for`)
  return started
}

const saturate = ({ port }: Started, around: Surroundings, seconds: number): Promise<Load> => load(around.wrk, urlOf(smallPlan(around), port), around.options.connections, seconds)

async function byTurns<T>(proxies: readonly Started[], rounds: number, measure: (proxy: Started) => Promise<T>): Promise<Map<string, T[]>> {
  const found = new Map<string, T[]>(proxies.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const proxy of orderOf(proxies, round)) found.get(proxy.name)?.push(await measure(proxy))
  }
  return found
}

const rateOf = (one: Load): number => (one.requests * 1e6) / one.durationUs

function saturatedOf(loads: readonly Load[]): Latency['saturated'] {
  const of = (figure: 'p50Us' | 'p99Us' | 'p999Us'): number => median(loads.map((one) => one[figure])) / 1000
  return { requestsPerSecond: median(loads.map(rateOf)), p50: of('p50Us'), p99: of('p99Us'), p999: of('p999Us') }
}

/** The middle round of each percentile: a stall of the whole machine is in one round and not in the others. */
function fixedOf(rounds: readonly Histogram[]): Latency['fixed'] {
  const of = (part: number): number[] => rounds.map((round) => round.percentileUs(part) / 1000)
  const p99 = of(0.99)
  return { p50: median(of(0.5)), p99: median(p99), p999: median(of(0.999)), p99Spread: [Math.min(...p99), Math.max(...p99)] }
}
