// Every byte reaches the client it was meant for, however slowly clients read and whoever keeps chunks on the way.
import { Agent, type IncomingMessage, type ServerResponse, createServer, get as httpGet } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Filter } from '@meshwright/core'
import { startMesh } from '../kit/index.ts'

/** Byte `at` of body `id`: no two bodies are alike anywhere for long. */
function fill(id: number, from: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length - (length % 4))
  for (let i = 0; i < bytes.length; i += 4) bytes.writeUInt32LE((Math.imul(from + i, 2_654_435_761) ^ Math.imul(id + 1, 40_503)) >>> 0, i)
  return bytes
}

/** Small numbers that look like chance: the same ones on every run. */
function seeded(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Answers `/id/bytes/way` with that body: `length`, or `chunked` in pieces of any size. */
async function endpoint(): Promise<{ address: string }> {
  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const [, id, bytes, way] = (req.url as string).split('/')
    const chance = seeded(Number(id) + 7)
    const total = Number(bytes)
    if (way === 'length') res.setHeader('content-length', total)
    for (let at = 0; at < total && !res.destroyed; ) {
      const length = Math.min(total - at, way === 'length' ? 262_144 : 4 * (1 + chance(chance(4) === 0 ? 20_000 : 100)))
      if (!res.write(fill(Number(id), at, length))) await new Promise((resolve) => res.once('drain', resolve))
      at += length
    }
    res.end()
  }
  const server = createServer((req, res) => void answer(req, res))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** Fetches a body, stopping now and then; answers where it differs from what it should be, or -1. */
async function fetchSlowly(port: number, agent: Agent, id: number, bytes: number, way: string): Promise<number> {
  const chance = seeded(id)
  const res = await new Promise<IncomingMessage>((resolve, reject) => httpGet({ port, agent, path: `/${id}/${bytes}/${way}` }, resolve).on('error', reject))
  let at = 0
  let rest = Buffer.alloc(0)
  for await (const chunk of res as AsyncIterable<Buffer>) {
    rest = Buffer.concat([rest, chunk])
    const whole = rest.length - (rest.length % 4)
    if (!rest.subarray(0, whole).equals(fill(id, at, whole))) return at
    at += whole
    rest = rest.subarray(whole)
    if (chance(20) === 0) await delay(chance(4))
  }
  return at === bytes ? -1 : at
}

const keeps = (): { filter: Filter; broken: () => number } => {
  const kept: { chunk: Uint8Array; copy: Buffer }[] = []
  return {
    filter: { name: 'keeps', onResponseBody: (_exchange, chunk) => void (kept.length < 500 && kept.push({ chunk, copy: Buffer.from(chunk) })) },
    broken: () => kept.filter(({ chunk, copy }) => !copy.equals(chunk)).length,
  }
}

const late: Filter = { name: 'late', onResponseHeaders: () => delay(1) }
const changes: Filter = { name: 'changes', onResponseBody: async (_exchange, chunk) => (await delay(0), Uint8Array.from(chunk)) }

describe.each([
  ['without filters', []],
  ['behind a filter that thinks about the head', [late]],
  ['through a filter that copies chunks later', [changes]],
])('bodies %s', (_name, filters: Filter[]) => {
  test.each(['length', 'chunked'])('arrive as they were sent at clients that stop now and then: %s', async (way) => {
    const mesh = await startMesh(await endpoint(), { filters })
    const agent = new Agent({ keepAlive: true, maxSockets: 6 })
    onTestFinished(() => agent.destroy())
    const sizes = way === 'length' ? [4, 16_384, 65_536, 1_000_000, 8_000_000] : [4, 60_000, 600_000]
    const fetches = Array.from({ length: 30 }, (_, id) => fetchSlowly(mesh.port, agent, id, sizes[id % sizes.length] as number, way))
    expect(await Promise.all(fetches)).toEqual(fetches.map(() => -1))
  })
})

test('what a filter has kept is as it was when it was handed over', async () => {
  const { filter, broken } = keeps()
  const mesh = await startMesh(await endpoint(), { filters: [filter] })
  const agent = new Agent({ keepAlive: true, maxSockets: 2 })
  onTestFinished(() => agent.destroy())
  for (let id = 0; id < 6; id++) expect(await fetchSlowly(mesh.port, agent, id, 1_000_000, id % 2 === 0 ? 'length' : 'chunked')).toBe(-1)
  expect(broken()).toBe(0)
})
