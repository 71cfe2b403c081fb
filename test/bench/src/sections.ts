// What is measured: small requests against every peer, filters, bodies, idle connections, single functions.
import { cpus, totalmem } from 'node:os'
import { spawnSync } from 'node:child_process'
import { bodies, type CertificateFiles } from './backend.ts'
import { type IdleMemory, idleMemory } from './idle.ts'
import { type Round, type RoundPlan, round } from './measure.ts'
import type { BenchOptions } from './options.ts'
import { type Peer, everything, headerFilters, meshwright, node, nodeCommand, peers } from './peers.ts'
import { proxyCore, runPinned } from './pinned.ts'
import { type Summary, summarise } from './statistics.ts'

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
  readonly rounds: number
  readonly seconds: number
  readonly small?: Readonly<Record<string, Summary>>
  readonly filters?: Readonly<Record<string, Summary>>
  /** One filter that changes request fields, by connections at a time. */
  readonly wasm?: Readonly<Record<string, Readonly<Record<string, Summary>>>>
  readonly bodies?: Readonly<Record<string, Readonly<Record<string, Summary>>>>
  /** By the side that speaks TLS and what is asked for. */
  readonly tls?: Readonly<Record<string, Readonly<Record<string, Summary>>>>
  readonly idle?: Readonly<Record<string, IdleMemory>>
  readonly micro?: readonly Micro[]
}

const sectionNames = ['small', 'filters', 'wasm', 'bodies', 'tls', 'idle', 'micro'] as const
const bodyPeers = ['meshwright', 'meshwright-node24', 'nginx', 'undici', 'fastify-http-proxy']
const tlsPeers = ['meshwright', 'nginx']

/** What is there to measure with. */
export interface Surroundings {
  readonly wrk: string
  readonly backendPort: number
  /** Where the backend speaks TLS. */
  readonly tlsPort: number
  readonly certificate: CertificateFiles
}

/** Runs the sections that were asked for, printing a line of progress per measurement on standard error. */
export async function runSections(options: BenchOptions, surroundings: Surroundings): Promise<Result> {
  const wanted = selection(options.only)
  const { wrk, backendPort } = surroundings
  const plan: RoundPlan = { wrk, backendPort, tls: undefined, path: '/small', connections: options.connections, seconds: options.seconds, warmupSeconds: options.warmupSeconds }
  return {
    ...header(options),
    ...(wanted.section('small') && { small: await compare('small', wanted.peers(peers), plan, options.rounds) }),
    ...(wanted.section('filters') && { filters: await compare('filters', [...[0, 4, 8].map(meshwright), everything], plan, options.rounds) }),
    ...(wanted.section('wasm') && { wasm: await compareWasm(plan, options.rounds) }),
    ...(wanted.section('bodies') && { bodies: await compareBodies(wanted.peers(peers), plan, options.rounds) }),
    ...(wanted.section('tls') && { tls: await compareTls(wanted.peers(peers), plan, options.rounds, surroundings) }),
    ...(wanted.section('idle') && { idle: await compareIdle(wanted.peers(peers), backendPort, options.idleConnections) }),
    ...(wanted.section('micro') && { micro: await micro() }),
  }
}

interface Selection {
  section(name: (typeof sectionNames)[number]): boolean
  peers(all: readonly Peer[]): readonly Peer[]
}

function selection(only: readonly string[]): Selection {
  const known = new Set<string>([...sectionNames, ...peers.map((peer) => peer.name)])
  for (const name of only) if (!known.has(name)) throw new Error(`--only knows ${[...known].join(', ')}; not "${name}"`)
  const sections = sectionNames.filter((name) => only.includes(name))
  const chosen = peers.filter((peer) => only.includes(peer.name))
  return {
    section: (name) => sections.length === 0 || sections.includes(name),
    peers: (all) => (chosen.length === 0 ? all : all.filter((peer) => chosen.includes(peer))),
  }
}

/** Rounds go around all peers, so that a slow minute of the machine hits each of them once. */
async function compare(section: string, subjects: readonly Peer[], plan: RoundPlan, rounds: number): Promise<Record<string, Summary>> {
  const found = new Map<string, Round[]>()
  for (let index = 1; index <= rounds; index++) {
    for (const peer of subjects) {
      const one = await round(peer, plan)
      if (one === undefined) {
        progress(`${section}: ${peer.name} is not installed`)
        continue
      }
      progress(`${section} ${index}/${rounds}: ${peer.name} ${one.cpuUsPerRequest.toFixed(1)} µs, ${Math.round(one.requestsPerSecond)} req/s`)
      found.set(peer.name, [...(found.get(peer.name) ?? []), one])
    }
  }
  return Object.fromEntries([...found].map(([name, several]) => [name, summarise(several)]))
}

/** What a filter costs that crosses into a guest, or into another thread, with more and more requests at a time. */
async function compareWasm(plan: RoundPlan, rounds: number): Promise<Record<string, Record<string, Summary>>> {
  const result: Record<string, Record<string, Summary>> = {}
  for (const connections of [1, 16, 64]) {
    const name = `${connections} at a time`
    result[name] = await compare(`header filter, ${name}`, headerFilters, { ...plan, connections }, Math.min(rounds, 3))
  }
  return result
}

async function compareBodies(subjects: readonly Peer[], plan: RoundPlan, rounds: number): Promise<Record<string, Record<string, Summary>>> {
  const result: Record<string, Record<string, Summary>> = {}
  const some = subjects.filter((peer) => bodyPeers.includes(peer.name))
  for (const [name, [path, bytes]] of Object.entries(bodies)) {
    const connections = bytes > 1e6 ? Math.min(8, plan.connections) : plan.connections
    result[name] = await compare(name, some, { ...plan, path, connections, warmupSeconds: 1 }, Math.min(rounds, 3))
  }
  return result
}

/** The same requests with TLS on one side: from wrk to the proxy, or from the proxy to the backend. */
async function compareTls(subjects: readonly Peer[], plan: RoundPlan, rounds: number, { tlsPort, certificate }: Surroundings): Promise<Record<string, Record<string, Summary>>> {
  const result: Record<string, Record<string, Summary>> = {}
  const some = subjects.filter((peer) => tlsPeers.includes(peer.name))
  for (const side of ['downstream', 'upstream'] as const) {
    const target = { tls: { side, ...certificate }, backendPort: side === 'upstream' ? tlsPort : plan.backendPort }
    for (const [name, path] of [['small requests', '/small'], ['bodies of 64 KB', '/64k']] as const) {
      const what = `${name}, ${side === 'downstream' ? 'from clients' : 'to the endpoint'}`
      result[what] = await compare(`tls ${what}`, some, { ...plan, ...target, path }, Math.min(rounds, 3))
    }
  }
  return result
}

async function compareIdle(subjects: readonly Peer[], backendPort: number, connections: number): Promise<Record<string, IdleMemory>> {
  const result: Record<string, IdleMemory> = {}
  if (connections === 0) return result
  for (const peer of subjects.filter((one) => bodyPeers.includes(one.name))) {
    const found = await idleMemory(peer, backendPort, connections)
    if (found === undefined) continue
    progress(`idle: ${peer.name} ${(found.bytesPerConnection / 1024).toFixed(1)} KiB per connection`)
    result[peer.name] = found
  }
  return result
}

async function micro(): Promise<Micro[]> {
  progress('micro')
  return JSON.parse(await runPinned(proxyCore, nodeCommand('./micro/main.ts'))) as Micro[]
}

function header(options: BenchOptions): Pick<Result, 'date' | 'machine' | 'node' | 'rounds' | 'seconds'> {
  const cores = cpus()
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cores.length} × ${cores[0]?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${process.arch}`,
    node: version,
    rounds: options.rounds,
    seconds: options.seconds,
  }
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`)
}
