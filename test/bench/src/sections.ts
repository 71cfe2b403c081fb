// What is measured: which sections there are, and what a run of them found.
import { cpus, totalmem } from 'node:os'
import { spawnSync } from 'node:child_process'
import type { BenchOptions } from './options.ts'
import { type Peer, node, nodeCommand, peers } from './peers.ts'
import { proxyCore, runPinned } from './pinned.ts'
import { type Table, type Tables, bodySizes, filters, small, tls, wasm } from './sections/cpu.ts'
import { type Latencies, latency } from './sections/latency.ts'
import { type IdleTable, type VmMemory, idle, idleUpstream, vmMemory } from './sections/memory.ts'
import { type Swaps, swap } from './sections/swap.ts'
import { type Surroundings, progress } from './sections/surroundings.ts'
import type { Turns } from './slices.ts'

/** One line of the micro-benches: nanoseconds per call. */
export interface Micro {
  readonly name: string
  readonly ns: number
}

/** Everything a run found. Sections left out are absent. */
export interface Result {
  readonly date: string
  readonly machine: string
  readonly node: string
  readonly turns: Turns
  readonly small?: Table
  readonly filters?: Table
  /** One filter that changes request fields, by connections at a time. */
  readonly wasm?: Tables
  readonly bodies?: Tables
  /** By the side that speaks TLS and what is asked for. */
  readonly tls?: Tables
  readonly latency?: Latencies
  readonly idle?: IdleTable
  /** Idle connections to one endpoint. */
  readonly upstream?: IdleTable
  readonly vms?: Readonly<Record<string, readonly VmMemory[]>>
  readonly swap?: Swaps
  readonly micro?: readonly Micro[]
  /** Sections that came to no end, with the reason. */
  readonly failed: readonly string[]
}

const sections = { small, filters, wasm, bodies: bodySizes, tls, latency, idle, upstream: idleUpstream, vms: vmMemory, swap, micro } as const
type SectionName = keyof typeof sections
const sectionNames = Object.keys(sections) as SectionName[]

/** Runs the sections that were asked for, printing lines of progress on standard error. */
export async function runSections(options: BenchOptions, surroundings: Omit<Surroundings, 'options' | 'chosen'>): Promise<Result> {
  const { wanted, chosen } = selection(options.only)
  const found: Partial<Record<SectionName, unknown>> = {}
  const failed: string[] = []
  for (const name of wanted) {
    const began = performance.now()
    try {
      found[name] = await sections[name]({ ...surroundings, options, chosen })
    } catch (error) {
      // The others are worth their minutes all the same; the command fails at its end.
      failed.push(`${name}: ${String(error)}`)
      progress(`${name} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    }
    progress(`${name}: ${((performance.now() - began) / 1000).toFixed(0)} s`)
  }
  return { ...header(options), ...(found as Partial<Result>), failed }
}

interface Selection {
  readonly wanted: readonly SectionName[]
  readonly chosen: (all: readonly Peer[]) => readonly Peer[]
}

function selection(only: readonly string[]): Selection {
  const known = new Set<string>([...sectionNames, ...peers.map((peer) => peer.name)])
  for (const name of only) if (!known.has(name)) throw new Error(`--only knows ${[...known].join(', ')}; not "${name}"`)
  const named = sectionNames.filter((name) => only.includes(name))
  const some = peers.filter((peer) => only.includes(peer.name))
  return {
    wanted: named.length === 0 ? sectionNames : named,
    chosen: (all) => (some.length === 0 ? all : all.filter((peer) => some.includes(peer))),
  }
}

async function micro(): Promise<Micro[]> {
  return JSON.parse(await runPinned(proxyCore, nodeCommand('./micro/main.ts'))) as Micro[]
}

function header(options: BenchOptions): Pick<Result, 'date' | 'machine' | 'node' | 'turns'> {
  const cores = cpus()
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cores.length} × ${cores[0]?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${process.arch}`,
    node: version,
    turns: options.turns,
  }
}
