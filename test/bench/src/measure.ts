// One measurement: a fresh proxy process, a warm-up, a load, and what the process used for it.
import { rmSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { load } from './load.ts'
import type { Peer, Target } from './peers.ts'
import { type Program, freePort, proxyCore, startPinned } from './pinned.ts'
import { usageOf } from './proc.ts'

/** What one round found. */
export interface Round {
  readonly cpuUsPerRequest: number
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly rssBytes: number
  readonly peakBytes: number
}

/** How a round is run. */
export interface RoundPlan extends Target {
  readonly wrk: string
  readonly path: string
  readonly connections: number
  readonly seconds: number
  readonly warmupSeconds: number
}

/** Starts a peer, hands it to `use` and stops it; undefined where the peer is not installed. */
export async function withPeer<T>(peer: Peer, { backendPort, tls }: Target, use: (program: Program, port: number) => Promise<T>): Promise<T | undefined> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-'))
  try {
    const port = await freePort()
    const command = peer.command({ directory, port, backendPort, tls })
    if (command === undefined) return undefined
    const program = await startPinned(proxyCore, command, port)
    try {
      return await use(program, port)
    } finally {
      await program.stop()
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** One round; throws when a single answer was wrong. */
export function round(peer: Peer, plan: RoundPlan): Promise<Round | undefined> {
  return withPeer(peer, plan, async (program, port) => {
    const url = `${plan.tls?.side === 'downstream' ? 'https' : 'http'}://127.0.0.1:${port}${plan.path}`
    await load(plan.wrk, url, plan.connections, plan.warmupSeconds)
    const before = usageOf(program.pid)
    const result = await load(plan.wrk, url, plan.connections, plan.seconds)
    const after = usageOf(program.pid)
    if (result.failures > 0 || result.requests === 0) throw new Error(`${peer.name}: ${result.failures} failures in ${result.requests} requests`)
    return {
      cpuUsPerRequest: (after.cpuUs - before.cpuUs) / result.requests,
      requestsPerSecond: result.requestsPerSecond,
      p50Ms: result.p50Ms,
      p99Ms: result.p99Ms,
      rssBytes: after.rssBytes,
      peakBytes: after.peakBytes,
    }
  })
}
