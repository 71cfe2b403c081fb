// Measures several proxies by turns: all alive at once, a slice of time for each, around and around.
import { Contestant, startPeer, type LoadPlan, type Proxy, type Slice } from './measure.ts'
import type { Peer } from './peers.ts'
import type { MemoryReading } from './proc.ts'

/** How often and how long everybody is measured. */
export interface Turns {
  /** Fresh processes of everybody. 1.. */
  readonly generations: number
  /** Slices of everybody in each generation. 1.. */
  readonly passes: number
  readonly sliceMs: number
}

/** All slices of one proxy: by generation, by pass. */
export interface Found {
  readonly generations: readonly (readonly Slice[])[]
  /** At the end of the last generation. */
  readonly memory: MemoryReading
}

/** A proxy and the load for it. */
export interface Entry {
  readonly peer: Peer
  readonly plan: LoadPlan
}

/** Measures all of them and gives what was found by name, in the order of the entries. Those that are not installed are left out. */
export async function takeTurns(entries: readonly Entry[], turns: Turns, progress: (line: string) => void): Promise<ReadonlyMap<string, Found>> {
  const found = new Map<string, { generations: Slice[][]; memory: MemoryReading }>()
  for (let generation = 1; generation <= turns.generations; generation++) {
    const contestants = new Map<string, Contestant>()
    const proxies = new Map<string, Proxy>()
    try {
      await startAll(entries, proxies, contestants, progress)
      for (const [name, slices] of await passes(contestants, turns)) {
        const one = found.get(name) ?? { generations: [], memory: { rssBytes: 0, peakBytes: 0 } }
        one.generations.push(slices)
        one.memory = contestants.get(name)?.memory() ?? one.memory
        found.set(name, one)
      }
      progress(`${generation}/${turns.generations}: ${[...found].map(([name, { generations }]) => `${name} ${lowest(generations.at(-1) ?? []).toFixed(1)}`).join(', ')} µs`)
    } finally {
      await endAll([...contestants.values()].map((contestant) => async () => contestant.end()))
      await endAll([...proxies.values()].map((proxy) => async () => proxy.stop()))
    }
  }
  return found
}

/** The order of a pass: another one each time, and the same ones in each run. Nobody always follows the same neighbour, whose data fill the caches. */
export function orderOf<T>(all: readonly T[], pass: number): T[] {
  return all
    .map((one, index) => ({ one, place: scramble(Math.imul(pass * 64 + index + 1, 0x9e3779b1)) }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ one }) => one)
}

/** Spreads numbers that lie close together over all 32 bits. */
function scramble(value: number): number {
  const mixed = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d)
  return (mixed ^ (mixed >>> 12)) >>> 0
}

async function startAll(entries: readonly Entry[], proxies: Map<string, Proxy>, contestants: Map<string, Contestant>, progress: (line: string) => void): Promise<void> {
  for (const { peer, plan } of entries) {
    const proxy = await proxyOf(peer, plan, proxies)
    if (proxy === undefined) progress(`${peer.name} is not installed`)
    else contestants.set(peer.name, await Contestant.start(proxy, peer.host === undefined ? plan : { ...plan, fields: [...plan.fields, `Host: ${peer.host}`] }))
  }
}

/** The process of a peer: one of its own, or one that it shares with peers of the same command. */
async function proxyOf(peer: Peer, plan: LoadPlan, proxies: Map<string, Proxy>): Promise<Proxy | undefined> {
  const key = peer.host === undefined ? peer.name : JSON.stringify(peer.command({ directory: '', port: 0, backendPort: plan.backendPort, tls: plan.tls }))
  const proxy = proxies.get(key) ?? (await startPeer(peer, plan))
  if (proxy !== undefined) proxies.set(key, proxy)
  return proxy
}

/** Ends all of them, also those behind one that does not end well. */
async function endAll(ends: readonly (() => Promise<void>)[]): Promise<void> {
  const ended = await Promise.allSettled(ends.map(async (end) => end()))
  const failure = ended.find((end) => end.status === 'rejected')
  if (failure !== undefined) throw failure.reason
}

async function passes(contestants: ReadonlyMap<string, Contestant>, turns: Turns): Promise<Map<string, Slice[]>> {
  const slices = new Map<string, Slice[]>([...contestants.keys()].map((name) => [name, []]))
  for (let pass = 0; pass < turns.passes; pass++) {
    for (const [name, contestant] of orderOf([...contestants], pass)) slices.get(name)?.push(await contestant.slice(turns.sliceMs))
  }
  return slices
}

const lowest = (slices: readonly Slice[]): number => Math.min(...slices.map((slice) => slice.cpuUsPerRequest))
