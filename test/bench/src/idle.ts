// Memory of idle connections: each has carried one request and stays open.
import { type Socket, connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { withPeer } from './measure.ts'
import type { Peer } from './peers.ts'
import { usageOf } from './proc.ts'

/** What open, silent connections cost. */
export interface IdleMemory {
  readonly connections: number
  readonly rssBytes: number
  readonly bytesPerConnection: number
}

const parallel = 200

/** Opens the connections, sends one request on each and looks at the memory once they are all silent. */
export function idleMemory(peer: Peer, backendPort: number, connections: number): Promise<IdleMemory | undefined> {
  return withPeer(peer, { backendPort, tls: undefined }, async (program, port) => {
    const warm = await openMany(port, parallel) // so that code and pools are not counted as connections
    for (const socket of warm) socket.resetAndDestroy()
    await delay(500)
    const before = usageOf(program.pid).rssBytes
    const sockets = await openMany(port, connections)
    await delay(1000)
    const after = usageOf(program.pid).rssBytes
    const closed = sockets.filter((socket) => socket.destroyed).length
    for (const socket of sockets) socket.resetAndDestroy()
    if (closed > 0) throw new Error(`${peer.name} closed ${closed} of ${connections} connections`)
    return { connections, rssBytes: after, bytesPerConnection: (after - before) / connections }
  })
}

async function openMany(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < count) {
    const batch = Math.min(parallel, count - sockets.length)
    sockets.push(...(await Promise.all(Array.from({ length: batch }, () => openOne(port)))))
  }
  return sockets
}

function openOne(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('GET /small HTTP/1.1\r\nHost: bench.example\r\n\r\n'))
    socket.once('data', (head: Buffer) => {
      if (head.toString('latin1').startsWith('HTTP/1.1 200')) resolve(socket)
      else reject(new Error(`an idle connection was answered ${head.toString('latin1', 0, 40)}`))
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('an idle connection was closed before its answer')))
  })
}
