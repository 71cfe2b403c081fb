// A guest that calls anything with anything: whatever comes of it, the process lives, and so do the other exchanges.
/* oxlint-disable require-yield -- scripts of a guest are generators even where they call nothing */
import { expect, test } from 'vitest'
import { seeded } from './meter/structured.test.kit.ts'
import { ask as askPort, fileOf, meshOf } from './mesh.test.kit.ts'
import { hostFunctions, pairs, puppet, wasiFunctions, type Callbacks, type Script } from './puppet.test.kit.ts'

/** By the one the guest hears what it is to do; the other would overwrite where it keeps that. */
const left = new Set(['proxy_call_foreign_function', 'random_get'])
const signatures = Object.entries({ ...hostFunctions, ...wasiFunctions }).filter(([name]) => !left.has(name))
/** A text, a map, a name, and numbers that are addresses, lengths, kinds, ids, or out of all bounds. */
const places: readonly (readonly [at: number, bytes: Buffer])[] = [
  [2_048, Buffer.from('app')],
  [2_100, pairs([':method', 'GET', ':path', '/callout', ':authority', 'app', 'x-a', 'b'])],
  [2_300, Buffer.from(':path')],
  [2_320, Buffer.from('request\0headers\0x-a')],
  [2_400, pairs(['x-b', '1', 'set-cookie', 'a=b'])],
]
const numbers: readonly number[] = [0, 0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 200, 404, 1_000, 1_008, 2_048, 2_100, 2_300, 2_320, 2_400, 65_536, 262_140, 262_144, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]
const lengths: Readonly<Record<number, number>> = Object.fromEntries(places.map(([at, bytes]) => [at, bytes.byteLength]))

/** Random calls; now and then the length that belongs to the address before it. */
function* anything(random: () => number): Script {
  for (const place of places) yield { poke: place }
  for (let calls = Math.floor(random() * 12); calls > 0; calls--) {
    const [name, signature] = signatures[Math.floor(random() * signatures.length)] as (typeof signatures)[number]
    const parameters: number[] = []
    for (let i = 0; i < signature.length; i++) {
      const before = parameters[i - 1] ?? -1
      const own = lengths[before]
      parameters.push(own !== undefined && random() < 0.8 ? own : (numbers[Math.floor(random() * numbers.length)] as number))
    }
    // Ticks of a millisecond would only make this slower.
    if (name !== 'proxy_set_tick_period_milliseconds') yield { call: name, parameters }
  }
  return random() < 0.7 ? 0 : Math.floor(random() * 6)
}

test.each([1, 2, 3, 4])('random sequences of host calls, %i', async (seed) => {
  const random = seeded(seed)
  const names = ['on_request_headers', 'on_request_body', 'on_request_trailers', 'on_response_headers', 'on_response_body', 'on_response_trailers', 'on_http_call_response', 'on_queue_ready', 'on_log', 'on_done', 'on_delete']
  const callbacks: Callbacks = Object.fromEntries(names.map((name) => [name, () => anything(random)]))
  const quiet = puppet({
    *on_response_headers() {},
  })
  const { ask, app, endpointPort, lines } = await meshOf([{ guest: puppet(callbacks), onFailure: 'open', fuelMs: 20, bufferBytes: 10_000, logLevel: 5 }], ({ body, trailers }, response) => {
    response.write(body)
    response.addTrailers({ 'x-t': String(trailers['x-r']) })
    response.end('end')
  })
  const { port } = await app.mesh.listen({ address: '127.0.0.1:0', timeouts: { filterMs: 50 } })
  const outcomes = new Set<number>()
  for (let round = 0; round < 15; round++) {
    const asked = Array.from({ length: 10 }, async (_none, i) => {
      // A guest that stops and never goes on is ended by the listener's own limit.
      const answer = askPort(port, i % 2 === 0 ? { path: '/a' } : { body: ['some ', 'body'], trailers: { 'x-r': '1' } })
      outcomes.add(await answer.then(({ status }) => status, () => 0))
    })
    await Promise.all(asked)
  }
  expect(outcomes.size).toBeGreaterThan(1)
  // None of it was more than a status for the guest.
  expect(lines.filter(({ reason }) => reason !== undefined)).toEqual([])
  await app.mesh.apply({ services: { app: { endpoints: [`127.0.0.1:${endpointPort}`] } }, routes: [{ to: 'app', filters: [{ wasm: { module: fileOf(quiet), name: 'quiet' } }] }] })
  expect(await ask()).toMatchObject({ status: 200 })
})
