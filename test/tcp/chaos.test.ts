// Whatever clients, endpoints and filters do to connections: each is over once, and nothing of it is left.
import type { NetworkFilter, OutlierDetector } from '@meshwright/core'
import { expect, it } from 'vitest'
import { until, type Wire } from '../kit/index.ts'
import { tcpEndpoint, tcpMesh, valueOf } from './kit.ts'

/** A seeded generator (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const connections = 60

it.each([1, 2])('nothing is lost of connections that end in every way (seed %i)', async (seed) => {
  const random = seeded(seed)
  const chance = (share: number): boolean => random() < share
  let attempts = 0
  const outlier: OutlierDetector = { ended: () => void attempts-- }
  const moody: NetworkFilter = {
    name: 'moody',
    onNewConnection(connection) {
      if (chance(0.03)) throw new Error('moody')
      if (chance(0.03)) connection.close()
      return chance(0.3) ? new Promise<void>((resolve) => setImmediate(resolve)) : undefined
    },
    onDownstreamData(connection, chunk) {
      if (chance(0.03)) throw new Error('moody')
      if (chance(0.03)) connection.close()
      if (chance(0.2)) {
        setImmediate(() => connection.pass(moody, 'client', chunk))
        return new Uint8Array(0)
      }
      return chance(0.3) ? new Promise((resolve) => setImmediate(() => resolve(chunk))) : undefined
    },
    onUpstreamData: () => (chance(0.3) ? new Promise<void>((resolve) => setImmediate(resolve)) : undefined),
  }
  const end = (wire: Wire): void => (chance(0.3) ? wire.reset() : void wire.halfClose())
  const endpoint = await tcpEndpoint((socket) => {
    if (chance(0.1)) return void socket.resetAndDestroy()
    if (chance(0.1)) return void socket.end('good bye')
    socket.pipe(socket)
  })
  const mesh = await tcpMesh([endpoint.address], { service: { outlier }, filters: [moody, { name: 'quiet', onDownstreamData: () => undefined }] })
  const clients = Array.from({ length: connections }, () => mesh.connect())
  for (let turn = 0; turn < 12; turn++) {
    for (const client of clients) if (client.ending === undefined && chance(0.5)) client.send('x'.repeat(1 + Math.floor(random() * 5_000)))
    for (const client of clients) if (chance(0.08)) end(client)
    await new Promise((resolve) => setImmediate(resolve))
  }
  for (const client of clients) client.halfClose()
  // One that was reset before it was accepted was never there.
  await until(() => clients.every(({ ending }) => ending !== undefined) && valueOf(mesh, 'mesh_connections') === 0 && mesh.app.mesh.runtime.deadlines.size === 0, 'all of them to end', 30_000)
  expect(valueOf(mesh, 'mesh_tcp_connections_total')).toBe(mesh.ended.length)
  expect(new Set(mesh.ended).size).toBe(mesh.ended.length)
  const [live] = mesh.app.mesh.snapshot.services.get('app')?.endpoints.all ?? []
  expect([live?.inFlight, mesh.app.mesh.snapshot.services.get('app')?.active]).toEqual([0, 0])
  expect(attempts).toBeLessThan(0)
})
