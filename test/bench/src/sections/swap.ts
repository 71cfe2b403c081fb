// A WASM filter is replaced while requests come in: what is lost by it, and how much longer the others take.
import { appendFileSync, copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as delay } from 'node:timers/promises'
import { load } from '../load.ts'
import { withPeer, urlOf } from '../measure.ts'
import { type OpenFound, openLoad } from '../open-loop.ts'
import { swapping } from '../peers.ts'
import { median } from '../statistics.ts'
import type { Percentiles } from './latency.ts'
import { type Surroundings, progress, smallPlan } from './surroundings.ts'

/** Requests at a fixed rate, with and without swaps. */
export interface Swaps {
  readonly rate: number
  readonly swaps: number
  readonly everyMs: number
  readonly calm: Percentiles & { readonly requests: number }
  readonly swapping: Percentiles & { readonly requests: number; readonly lost: number }
}

const rate = 2000
const everyMs = 250
const rounds = 5

/** Takes turns: some seconds in peace, some with a swap every quarter of a second. */
export async function swap(around: Surroundings): Promise<Swaps> {
  const found = await withPeer(swapping(twoModules(around.directory)), smallPlan(around), async (program, port) => {
    await load(around.wrk, urlOf(smallPlan(around), port), around.options.connections, 3)
    const seconds = around.options.latencySeconds
    const run = (): Promise<OpenFound> => openLoad({ port, path: '/small', connections: around.options.connections, rate, seconds, leadSeconds: 0.5 })
    const calm: OpenFound[] = []
    const swapped: OpenFound[] = []
    const first = await versionAt(port)
    for (let round = 0; round < rounds; round++) {
      calm.push(await run())
      swapped.push(await whileSwapping(program.pid, run))
    }
    return { rate, everyMs, swaps: (await versionAt(port)) - first, calm: all(calm), swapping: { ...all(swapped), lost: rate * seconds * rounds - all(swapped).requests } }
  })
  if (found === undefined) throw new Error('the mesh is not installed')
  progress(`swap: ${found.swaps} swaps, p99 ${found.swapping.p99.toFixed(2)} ms, without ${found.calm.p99.toFixed(2)} ms`)
  return found
}

/** Two modules that are the same but for a section that nobody reads, so that each has to be compiled. */
function twoModules(directory: string): string[] {
  const from = fileURLToPath(import.meta.resolve('@meshwright/filter-header-rewrite/filter.wasm'))
  return ['a', 'b'].map((name) => {
    const file = join(directory, `${name}.wasm`)
    copyFileSync(from, file)
    // A custom section (0) of three bytes: the length of its name, its name, and a byte.
    appendFileSync(file, Buffer.from([0, 3, 1, name.charCodeAt(0), 0]))
    return file
  })
}

async function whileSwapping<T>(pid: number, run: () => Promise<T>): Promise<T> {
  let over = false
  const result = run().finally(() => (over = true))
  for (;;) {
    await delay(everyMs)
    if (over) return result
    process.kill(pid, 'SIGUSR2')
  }
}

/** Which of the filters answers at the moment; it has to be one. */
async function versionAt(port: number): Promise<number> {
  await delay(500)
  const response = await fetch(`http://127.0.0.1:${port}/small`)
  await response.arrayBuffer()
  const version = Number(response.headers.get('x-version') ?? NaN)
  if (Number.isNaN(version)) throw new Error('a response has not passed the filter')
  return version
}

/** The middle round of each percentile. */
function all(found: readonly OpenFound[]): Percentiles & { requests: number } {
  const ms = (part: number): number => median(found.map(({ latency }) => latency.percentileUs(part) / 1000))
  return { requests: found.reduce((requests, { latency }) => requests + latency.total, 0), p50: ms(0.5), p99: ms(0.99), p999: ms(0.999) }
}
