// Memory: of idle connections on either side, and of WASM VMs.
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { BarrierServer } from '../barrier-server.ts'
import { ask, openMany } from '../idle-clients.ts'
import { withPeer } from '../measure.ts'
import { type Peer, peers, vms } from '../peers.ts'
import type { Program } from '../pinned.ts'
import { readMemory } from '../proc.ts'
import { type Surroundings, mainPeers, progress } from './surroundings.ts'

/** What open, silent connections cost. */
export interface IdleMemory {
  readonly connections: number
  readonly rssBytes: number
  readonly bytesPerConnection: number
}

/** What the VMs of a filter cost in one process. */
export interface VmMemory {
  readonly vms: number
  readonly rssBytes: number
  /** The first one: more than without any. Several: more than with one, for each beyond it. */
  readonly bytesPerVm: number
}

export type IdleTable = Readonly<Record<string, IdleMemory>>

const upstreamConnections = 1000
const parallel = 50

/** Idle connections of clients: each has carried one request and stays open. */
export async function idle(around: Surroundings): Promise<IdleTable> {
  const { idleConnections, twins } = around.options
  if (idleConnections === 0 || twins) return {}
  return ofPeers(around, 'idle', (peer) =>
    withPeer(peer, { backendPort: around.backendPort, tls: undefined }, async (program, port) => {
      const warm = await openMany(port, 4 * parallel, parallel) // so that code and pools are not counted as connections
      for (const socket of warm) socket.resetAndDestroy()
      const before = await settledRss(program)
      const sockets = await openMany(port, idleConnections, parallel)
      const after = await settledRss(program)
      return perConnection(sockets, before, after)
    }),
  )
}

/** Idle connections to one endpoint: as many requests at the same time as there are to be connections, and then nothing. */
export async function idleUpstream(around: Surroundings): Promise<IdleTable> {
  const backend = await BarrierServer.start()
  try {
    return await ofPeers(around, 'idle upstream', (peer) =>
      withPeer(peer, { backendPort: backend.port, tls: undefined }, async (program, port) => {
        const sockets = await openMany(port, upstreamConnections, parallel)
        // The same number of requests, but few at a time: after these, more memory is that of the connections.
        await askInBatches(sockets)
        const before = await settledRss(program)
        const opened = backend.connections
        backend.holdUntil(upstreamConnections)
        await Promise.all(sockets.map(ask))
        backend.holdUntil(1)
        await askInBatches(sockets)
        const after = await settledRss(program)
        const more = backend.connections - opened
        if (more < upstreamConnections / 2) throw new Error(`${peer.name} keeps ${backend.connections} connections to its endpoint, not ${upstreamConnections}`)
        const { rssBytes } = perConnection(sockets, before, after)
        return { connections: backend.connections, rssBytes, bytesPerConnection: (after - before) / more }
      }),
    )
  } finally {
    await backend.close()
  }
}

// A thread for each of fifty takes 3 GB and a minute.
const counts = { inline: [0, 1, 10, 50], worker: [0, 1, 10] } as const

/** VMs of one filter, inline and in threads of their own. */
export async function vmMemory(around: Surroundings): Promise<Readonly<Record<string, readonly VmMemory[]>>> {
  const result: Record<string, VmMemory[]> = {}
  for (const isolation of ['inline', 'worker'] as const) {
    const rows: VmMemory[] = []
    for (const count of counts[isolation]) {
      const rssBytes = await withPeer(vms(count, isolation), { backendPort: around.backendPort, tls: undefined }, async (program, port) => {
        await openMany(port, parallel, 5)
        return settledRss(program)
      })
      if (rssBytes === undefined) continue
      rows.push({ vms: count, rssBytes, bytesPerVm: bytesEach(count, rssBytes, rows) })
    }
    progress(`vms, ${isolation}: ${rows.map((row) => `${row.vms}: ${(row.rssBytes / 2 ** 20).toFixed(1)} MiB`).join(', ')}`)
    result[isolation === 'inline' ? 'inline' : 'in threads of their own'] = rows
  }
  return result
}

function bytesEach(count: number, rssBytes: number, fewer: readonly VmMemory[]): number {
  const base = fewer.find((row) => row.vms === Math.min(1, count - 1))
  return base === undefined ? 0 : (rssBytes - base.rssBytes) / (count - base.vms)
}

async function ofPeers(around: Surroundings, section: string, measure: (peer: Peer) => Promise<IdleMemory | undefined>): Promise<IdleTable> {
  const result: Record<string, IdleMemory> = {}
  for (const peer of around.chosen(peers).filter(({ name }) => mainPeers.includes(name))) {
    const found = await measure(peer)
    if (found === undefined) continue
    progress(`${section}: ${peer.name} ${(found.bytesPerConnection / 1024).toFixed(1)} KiB per connection`)
    result[peer.name] = found
  }
  return result
}

function perConnection(sockets: readonly Socket[], before: number, after: number): IdleMemory {
  const closed = sockets.filter((socket) => socket.destroyed).length
  for (const socket of sockets) socket.resetAndDestroy()
  if (closed > 0) throw new Error(`${closed} of ${sockets.length} connections were closed`)
  return { connections: sockets.length, rssBytes: after, bytesPerConnection: (after - before) / sockets.length }
}

async function askInBatches(sockets: readonly Socket[]): Promise<void> {
  for (let from = 0; from < sockets.length; from += parallel) await Promise.all(sockets.slice(from, from + parallel).map(ask))
}

/** Resident memory once garbage is collected, where that can be asked for, and what was closed is closed. */
async function settledRss(program: Program): Promise<number> {
  await delay(300)
  for (let times = 0; times < 2; times++) {
    program.collectGarbage()
    await delay(300)
  }
  return readMemory(program.pid).rssBytes
}
