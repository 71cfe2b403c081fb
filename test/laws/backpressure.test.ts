// Slow readers hold the other side up instead of filling memory, in both directions and through tunnels.
import { describe, expect, test } from 'vitest'
import type { Filter } from '@meshwright/core'
import { type Wire, get, rawEndpoint, startMesh, until } from '../kit/index.ts'

const total = 64 << 20
const piece = Buffer.alloc(256 << 10, 'x')
/** What kernel buffers and every stream on the way may hold: far below what is offered. */
const most = 48 << 20

interface Offered {
  /** How many bytes were written. */
  readonly written: number
  /** How many of them the kernel took: the others wait here. */
  readonly taken: number
}

/** Writes bytes, up to `total` of them, until the connection takes no more for a while. */
async function offer(wire: Wire): Promise<Offered> {
  const waiting = wire.socket.writableLength
  let written = 0
  while (written < total) {
    written += piece.length
    if (wire.socket.write(piece)) continue
    const drained = await Promise.race([new Promise<boolean>((resolve) => wire.socket.once('drain', () => resolve(true))), standstill(wire)])
    if (!drained) break
  }
  return { written, taken: written - wire.socket.writableLength + waiting }
}

/** Nothing has moved for many turns of the event loop. */
async function standstill(wire: Wire): Promise<false> {
  let before = -1
  for (let still = 0; still < 300; still++) {
    if (wire.socket.writableLength !== before) still = 0
    before = wire.socket.writableLength
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  return false
}

function memory(): number {
  globalThis.gc?.()
  return process.memoryUsage().rss
}

/** Everything runs in one process, so the kit's own unsent bytes are inside what is measured. */
async function grows(run: () => Promise<Offered>): Promise<Offered & { growth: number }> {
  const before = memory()
  const offered = await run()
  return { growth: memory() - before, ...offered }
}

/** Counts what arrives instead of keeping it. */
function counting(wire: Wire): () => number {
  let count = 0
  wire.socket.removeAllListeners('data')
  wire.socket.on('data', (chunk: Buffer) => void (count += chunk.length))
  return () => count
}

const filter: Filter = { name: 'passes-chunks', onRequestBody: (_exchange, chunk) => chunk, onResponseBody: async (_exchange, chunk) => chunk }

describe.each([
  ['without filters', []],
  ['through body filters', [filter]],
])('64 MiB %s', (_name, filters) => {
  test('towards a client that does not read stop the endpoint, and arrive whole when it reads', async () => {
    const endpoint = await rawEndpoint()
    const mesh = await startMesh(endpoint, { filters })
    const client = (await mesh.connect()).pause().send(get('/'))
    const upstream = await endpoint.connection()
    await upstream.request()
    upstream.send(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`)
    const { growth, taken, written } = await grows(() => offer(upstream))
    expect(taken, 'bytes taken from the endpoint').toBeLessThan(most)
    expect(growth, 'memory').toBeLessThan(most)
    const count = counting(client)
    client.resume()
    await send(upstream, total - written)
    await until(() => count() >= total, 'the whole response')
  })

  test('from a client towards an endpoint that does not read stop the client, and arrive whole when it reads', async () => {
    const endpoint = await rawEndpoint()
    const mesh = await startMesh(endpoint, { filters })
    const client = (await mesh.connect()).send(`PUT / HTTP/1.1\r\nHost: test.example\r\nContent-Length: ${total + 1}\r\n\r\nx`)
    const upstream = await endpoint.connection()
    await upstream.untilText('\r\n\r\n')
    upstream.pause()
    const { growth, taken, written } = await grows(() => offer(client))
    expect(taken, 'bytes taken from the client').toBeLessThan(most)
    expect(growth, 'memory').toBeLessThan(most)
    const count = counting(upstream)
    upstream.resume()
    await send(client, total - written)
    await until(() => count() >= total, 'the whole request')
  })
})

/** Writes so many bytes more, at the pace of the reader. */
async function send(wire: Wire, bytes: number): Promise<void> {
  for (let left = bytes; left > 0; left -= piece.length) {
    if (!wire.socket.write(piece.subarray(0, Math.min(piece.length, left)))) await new Promise((resolve) => wire.socket.once('drain', resolve))
  }
}

describe('a tunnel', () => {
  const open = async (): Promise<{ client: Wire; upstream: Wire }> => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.requestHead()
      wire.send('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n')
    })
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(get('/', 'Connection: upgrade', 'Upgrade: chat'))
    expect((await client.response()).status).toBe(101)
    return { client, upstream: await endpoint.connection() }
  }

  test.each(['client', 'upstream'] as const)('holds up the %s while the other side does not read', async (from) => {
    const ends = await open()
    const [sender, reader] = from === 'client' ? [ends.client, ends.upstream] : [ends.upstream, ends.client]
    reader.pause()
    const { growth, taken } = await grows(() => offer(sender))
    expect(taken).toBeLessThan(most)
    expect(growth).toBeLessThan(most)
  })

  test('passes a half-close on and keeps the other direction open', async () => {
    const { client, upstream } = await open()
    client.send('last words').halfClose()
    await upstream.untilText('last words')
    await upstream.closed
    upstream.send('and an answer').halfClose()
    await client.untilText('and an answer')
    await client.closed
  })

  test.each(['client', 'upstream'] as const)('a reset of the %s ends the other side', async (from) => {
    const ends = await open()
    const [one, other] = from === 'client' ? [ends.client, ends.upstream] : [ends.upstream, ends.client]
    one.reset()
    await other.closed
  })
})
