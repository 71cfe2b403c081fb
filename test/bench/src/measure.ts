// Contestants: live proxies, or routes of them, with a load each that is let go for a slice of time and held again, and what a slice cost.
import { rmSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { HeldLoad } from './load.ts'
import type { Peer, Target } from './peers.ts'
import { type Program, freePort, proxyCore, startPinned } from './pinned.ts'
import { type CpuReading, type MemoryReading, cpuUsBetween, isBusy, readCpu, readMemory } from './proc.ts'
import type { RequestCount } from './request-count.ts'

/** What one slice found. */
export interface Slice {
  /** User and system time of the proxy's process tree. */
  readonly cpuUsPerRequest: number
  readonly requestsPerSecond: number
  /** The middle of the slice, on the clock of `performance.now()`. */
  readonly atMs: number
}

/** What a proxy is asked for. */
export interface LoadPlan extends Target {
  readonly wrk: string
  readonly path: string
  /** Request fields beside `Host`, as they stand in a head. */
  readonly fields: readonly string[]
  readonly connections: number
  /** Of a response; 0 where requests are counted and not bytes. A slice of large bodies ends in the middle of many of them. */
  readonly bodyBytes: number
  readonly warmupRequests: number
  /** Of the load that warms it up: one connection alone would take minutes for that. */
  readonly warmupConnections: number
  /** What counts the requests at the backend. */
  readonly count: RequestCount
  readonly backendPid: number
}

/** The address at which a proxy with this target is reached. */
export const urlOf = (plan: Pick<LoadPlan, 'tls' | 'path'>, port: number): string => `${plan.tls?.side === 'downstream' ? 'https' : 'http'}://127.0.0.1:${port}${plan.path}`

/** A proxy that runs, and where it listens. */
export interface Proxy extends Program {
  readonly port: number
}

/** Starts a peer in a directory of its own; undefined where the peer is not installed. */
export async function startPeer(peer: Peer, { backendPort, tls }: Target): Promise<Proxy | undefined> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-'))
  const clear = (): void => rmSync(directory, { recursive: true, force: true })
  try {
    const port = await freePort()
    const command = peer.command({ directory, port, backendPort, tls })
    if (command === undefined) {
      clear()
      return undefined
    }
    const program = await startPinned(proxyCore, command, port)
    return { ...program, port, stop: () => program.stop().finally(clear) }
  } catch (error) {
    clear()
    throw error
  }
}

/** Starts a peer, hands it to `use` and stops it; undefined where the peer is not installed. */
export async function withPeer<T>(peer: Peer, target: Target, use: (program: Program, port: number) => Promise<T>): Promise<T | undefined> {
  const program = await startPeer(peer, target)
  if (program === undefined) return undefined
  try {
    return await use(program, program.port)
  } finally {
    await program.stop()
  }
}

/** A proxy, or a route of one, and its load, off at first. */
export class Contestant {
  readonly #program: Program
  readonly #load: HeldLoad
  readonly #plan: LoadPlan

  private constructor(program: Program, load: HeldLoad, plan: LoadPlan) {
    this.#program = program
    this.#load = load
    this.#plan = plan
  }

  /** Warms a proxy up by a number of requests, as compilers count calls and not seconds. */
  static async start(program: Proxy, plan: LoadPlan): Promise<Contestant> {
    let load: HeldLoad | undefined
    try {
      if (plan.warmupConnections > plan.connections) {
        load = startLoad(program, plan, plan.warmupConnections)
        await untilAnswered(plan, plan.warmupRequests)
        await load.end()
      }
      load = startLoad(program, plan, plan.connections)
      await untilAnswered(plan, plan.warmupConnections > plan.connections ? 100 : plan.warmupRequests)
      load.hold()
      const contestant = new Contestant(program, load, plan)
      await contestant.#untilQuiet()
      return contestant
    } catch (error) {
      load?.kill()
      throw error
    }
  }

  /** Lets the load go for some time. What is measured begins and ends with a proxy that has nothing left to do. */
  async slice(ms: number): Promise<Slice> {
    const done = await this.#done()
    const cpu = readCpu(this.#program.pid)
    const began = performance.now()
    this.#load.go()
    await delay(ms)
    this.#load.hold()
    const held = performance.now()
    const quiet = await this.#untilQuiet()
    const cpuUs = cpuUsBetween(cpu, readCpu(this.#program.pid))
    const requests = (await this.#done()) - done
    if (!(requests > 0)) throw new Error('a slice without a request')
    // Large bodies fill megabytes of socket buffers that the load has emptied first: the time for that belongs to them.
    const ended = this.#plan.bodyBytes === 0 ? held : quiet
    return { cpuUsPerRequest: cpuUs / requests, requestsPerSecond: (requests * 1000) / (ended - began), atMs: (began + held) / 2 }
  }

  memory(): MemoryReading {
    return readMemory(this.#program.pid)
  }

  /** Ends its load; throws when a single answer was wrong. */
  async end(): Promise<void> {
    await this.#load.end()
  }

  /** Requests so far: counted by the backend, or by the bytes that have come back. */
  async #done(): Promise<number> {
    return this.#plan.bodyBytes === 0 ? this.#plan.count.read() : this.#load.bytesRead / this.#plan.bodyBytes
  }

  /** Until the requests under way have been answered, or wait for a client that reads no more. Gives the moment when that was so. */
  async #untilQuiet(): Promise<number> {
    const deadline = performance.now() + 2000
    let before = this.#cpuOfBoth()
    let since = performance.now()
    for (let quiet = 0; quiet < 2 && performance.now() < deadline; ) {
      await delay(4)
      const now = this.#cpuOfBoth()
      const worked = cpuUsBetween(before, now) > 50 || isBusy(this.#program.pid) || isBusy(this.#plan.backendPid)
      quiet = worked ? 0 : quiet + 1
      if (worked) since = performance.now()
      before = now
    }
    return since
  }

  /** A proxy that does nothing may wait for a backend that waits for a processor. */
  #cpuOfBoth(): CpuReading {
    return new Map([...readCpu(this.#program.pid), ...readCpu(this.#plan.backendPid)])
  }
}

const startLoad = (program: { readonly port: number }, plan: LoadPlan, connections: number): HeldLoad =>
  new HeldLoad(plan.wrk, urlOf(plan, program.port), connections, plan.fields)

/** Until the backend has counted so many requests more. */
async function untilAnswered({ count }: LoadPlan, requests: number): Promise<void> {
  const enough = (await count.read()) + requests
  const deadline = performance.now() + 60_000
  while ((await count.read()) < enough) {
    if (performance.now() > deadline) throw new Error(`a proxy has not answered ${requests} requests in 60 s`)
    await delay(50)
  }
}
