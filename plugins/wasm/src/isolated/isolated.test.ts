// What only isolated filters do: guests that never come back, threads that end, and exchanges that are not in the way of each other.
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createMesh, type MeshApp } from '@meshwright/core'
import { guest } from '../guest.test.kit.ts'
import plugin, { provideForeignFunction } from '../index.ts'
import { ask, endpoint, fileOf, meshOf, until } from '../mesh.test.kit.ts'
import type { WasmOptions } from '../options.ts'
import { Writable } from 'node:stream'

/** Loops for ever when the request has a body or a header `x-hang`; adds a field otherwise. Every response has one too. */
const hanging = guest(
  (text) => `
    (func $wants (param $map i32) (result i32)
      (i32.eqz (call $proxy_get_header_map_value (local.get $map) ${text('x-hang')} (i32.const 16) (i32.const 20))))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (if (call $wants (i32.const 0)) (then (loop $for_ever (br $for_ever))))
      (drop (call $proxy_add_header_map_value (i32.const 0) ${text('x-filter')} ${text('seen')}))
      (i32.const 0))
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
      (drop (call $proxy_add_header_map_value (i32.const 2) ${text('x-answered')} ${text('yes')}))
      (i32.const 0))`,
)

/** Buffers request bodies, and loops for ever at the end of those that are as long as this one. */
const holding = guest(
  () => `
    (func (export "proxy_on_request_body") (param $id i32) (param $size i32) (param $end i32) (result i32)
      (if (i32.and (i32.eq (local.get $size) (i32.const 6)) (local.get $end)) (then (loop $for_ever (br $for_ever))))
      (select (i32.const 0) (i32.const 1) (local.get $end)))`,
)

/** Replaces what it sees of a body by as many stars and answers `action`; goes on in the next tick if it `goesOn`, and loops for ever in the one after that. */
const replacing = (of: 'request' | 'response', stars: number, action: number, goesOn: boolean): Uint8Array =>
  guest(
    (text) => `
      (global $stream (mut i32) (i32.const 0))
      (global $ticks (mut i32) (i32.const 0))
      (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (drop (call $proxy_set_tick_period_milliseconds (i32.const 1))) (i32.const 1))
      (func (export "proxy_on_tick") (param i32)
        (if (i32.eqz (global.get $stream)) (then (return)))
        (if (global.get $ticks) (then (loop $for_ever (br $for_ever))))
        (global.set $ticks (i32.const 1))
        (if (i32.const ${goesOn ? 1 : 0}) (then
          (drop (call $proxy_set_effective_context (global.get $stream)))
          (drop (call $proxy_continue_stream (i32.const ${of === 'request' ? 0 : 1}))))))
      (func (export "proxy_on_${of}_body") (param $id i32) (param $size i32) (param $end i32) (result i32)
        (drop (call $proxy_set_buffer_bytes (i32.const ${of === 'request' ? 0 : 1}) (i32.const 0) (local.get $size) ${stars > 0 ? text('*'.repeat(stars)) : '(i32.const 0) (i32.const 0)'}))
        (global.set $stream (local.get $id))
        (i32.const ${action}))`,
  )

/** For what has to answer: however busy the machine, a call takes less. */
const patientMs = 10_000

interface Place {
  readonly app: MeshApp
  readonly port: number
  readonly lines: string[]
}

async function mesh(routes: Readonly<Record<string, Omit<WasmOptions, 'module'> & { readonly guest: Uint8Array }>>): Promise<Place> {
  const lines: string[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(...chunk.toString().trim().split('\n'))
      done()
    },
  })
  const app = createMesh({ drainMs: 100, logger: { level: 'info', stream } })
  onTestFinished(async () => app.close())
  await app.register(plugin)
  await app.ready()
  const port = await endpoint((seen, response) => void response.end(`${String(seen.headers['x-filter'])} ${seen.body}`))
  await app.mesh.apply({
    services: { app: { endpoints: [`127.0.0.1:${port}`] } },
    routes: [
      ...Object.entries(routes).map(([prefix, { guest: module, ...options }]) => ({ match: { path: { prefix } }, to: 'app', filters: [{ wasm: { module: fileOf(module), isolation: 'worker' as const, ...options } }] })),
      { match: { path: { prefix: '/plain' } }, to: 'app' },
    ],
  })
  const bound = await app.mesh.listen({ address: '127.0.0.1:0' })
  return { app, port: bound.port, lines }
}

function count({ app }: Place, name: string): number {
  const family = app.mesh.collect().find((one) => one.name === name)
  return family === undefined ? 0 : (family.series as unknown as { value: number }[]).reduce((sum, { value }) => sum + value, 0)
}

describe('an isolated filter that never comes back', () => {
  test('costs others nothing: their requests go on while it is ended and replaced', async () => {
    const place = await mesh({ '/hang': { guest: hanging, name: 'hang', deadlineMs: 2_000 }, '/other': { guest: hanging, name: 'other', vmId: 'other', deadlineMs: patientMs } })
    const { port } = place
    expect(await ask(port, { path: '/hang' })).toMatchObject({ status: 200, body: 'seen ', headers: { 'x-answered': 'yes' } })
    await ask(port, { path: '/other' })
    const hung = ask(port, { path: '/hang', headers: { 'x-hang': '1' } })
    const over = { settled: false }
    void hung.finally(() => (over.settled = true))
    let during = 0
    while (!over.settled) {
      expect(await ask(port, { path: '/plain' })).toMatchObject({ status: 200 })
      expect(await ask(port, { path: '/other' })).toMatchObject({ status: 200, headers: { 'x-answered': 'yes' } })
      if (!over.settled) during++
    }
    expect((await hung).body).toContain('MESH_WASM_FAILED')
    // Had they waited for it, there would be one at most.
    expect(during).toBeGreaterThan(1)
    expect(await ask(port, { path: '/hang' })).toMatchObject({ status: 200, body: 'seen ' })
    expect(place.lines.filter((line) => line.includes('deadline'))).toHaveLength(1)
    expect(count(place, 'mesh_wasm_failures_total')).toBe(1)
  })

  test('fails everything that is in its thread, and no more', async () => {
    const { port } = await mesh({ '/': { guest: hanging, deadlineMs: 500 } })
    await ask(port)
    const all = await Promise.all(Array.from({ length: 8 }, async (_, i) => ask(port, i === 3 ? { headers: { 'x-hang': '1' } } : {})))
    const statuses = all.map(({ status }) => status)
    expect(statuses[3]).toBe(503)
    expect(statuses.every((status) => status === 503 || status === 200)).toBe(true)
    expect(await ask(port)).toMatchObject({ status: 200 })
  })

  test('lets exchanges go on without it if it is told to, and gives back what it held', async () => {
    const { port } = await mesh({ '/': { guest: holding, deadlineMs: 500, onFailure: 'open' } })
    expect((await ask(port, { body: ['ab', 'cd'] })).body).toBe('undefined abcd')
    expect((await ask(port, { body: ['ab', 'cd', 'ef'] })).body).toBe('undefined abcdef')
    expect((await ask(port, { body: ['gh'] })).body).toBe('undefined gh')
  })

  describe.each(['request', 'response'] as const)('and has let bytes of a %s go before', (of) => {
    /** What comes of a body whose first part the guest has seen, and whose second part comes when its thread has ended. */
    async function through(stars: number, action: number, goesOn: boolean): Promise<string> {
      const answering = Promise.withResolvers<void>()
      const { ask: send, app } = await meshOf([{ guest: replacing(of, stars, action, goesOn), isolation: 'worker', deadlineMs: 500, onFailure: 'open' }], (seen, response) => {
        if (of === 'request') return void response.end(seen.body)
        response.write('secret')
        void answering.promise.then(() => response.end('rest'))
      })
      const ended = until(() => app.mesh.collect().some(({ name, series }) => name === 'mesh_wasm_failures_total' && series.length > 0))
      void ended.then(answering.resolve)
      return (await send(of === 'request' ? { body: ['secret', ended, 'rest'] } : {})).body
    }

    test('does not get them back once more', async () => {
      expect(await through(3, 1, true)).toBe('***rest')
    })

    test('does not get back what it has let go as nothing, or never kept', async () => {
      expect(await through(0, 1, true)).toBe('rest')
      expect(await through(0, 3, false)).toBe('rest')
    })

    test('gets back what it still held as it was', async () => {
      expect(await through(3, 1, false)).toBe('secretrest')
    })
  })

  test('again and again is not started again at once each time', async () => {
    const place = await mesh({ '/': { guest: hanging, deadlineMs: 300 } })
    const hang = async (): Promise<number> => (await ask(place.port, { headers: { 'x-hang': '1' } })).status
    expect([await hang(), await hang(), (await ask(place.port)).status]).toEqual([503, 503, 503])
    expect(count(place, 'mesh_wasm_reloads_total')).toBe(1)
    await until(() => count(place, 'mesh_wasm_reloads_total') === 2)
    expect(await ask(place.port)).toMatchObject({ status: 200 })
  })
})

describe('a foreign function of a plugin', () => {
  const blocked = new Int32Array(new SharedArrayBuffer(4))
  /** Calls one that holds the data-plane thread up, as often as this says, or for ever; adds a field then. */
  const asking = (name: string, times: number): Uint8Array =>
    guest(
      (text) => `
        (global $called (mut i32) (i32.const 0))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (loop $next
            (drop (call $proxy_call_foreign_function ${text(name)} (i32.const 0) (i32.const 0) (i32.const 16) (i32.const 20)))
            (global.set $called (i32.add (global.get $called) (i32.const 1)))
            (br_if $next (i32.ne (global.get $called) (i32.const ${times}))))
          (drop (call $proxy_add_header_map_value (i32.const 0) ${text('x-filter')} ${text('asked')}))
          (i32.const 0))`,
    )

  test('answers a guest that is woken late, for the answer before', async () => {
    const notify = vi.spyOn(Atomics, 'notify')
    onTestFinished(() => notify.mockRestore())
    provideForeignFunction('woken', (argument) => {
      Atomics.wait(blocked, 0, 0, 20)
      const before = notify.mock.lastCall
      if (before !== undefined) Atomics.notify(...before)
      Atomics.wait(blocked, 0, 0, 20)
      return argument
    })
    const place = await mesh({ '/': { guest: asking('woken', 3), deadlineMs: patientMs } })
    expect(await ask(place.port)).toMatchObject({ status: 200, body: 'asked ' })
  })

  test('takes none of the time of an isolated guest', async () => {
    provideForeignFunction('slow', (argument) => {
      Atomics.wait(blocked, 0, 0, 600)
      return argument
    })
    const place = await mesh({ '/': { guest: asking('slow', 4), deadlineMs: 500 } })
    expect(await ask(place.port)).toMatchObject({ status: 200, body: 'asked ' })
    expect(count(place, 'mesh_wasm_failures_total')).toBe(0)
  })

  test('gives none to a guest that calls it for ever', async () => {
    provideForeignFunction('brief', (argument) => argument)
    const place = await mesh({ '/': { guest: asking('brief', -1), deadlineMs: 500 } })
    expect(await ask(place.port)).toMatchObject({ status: 503 })
    expect(place.lines.filter((line) => line.includes('deadline'))).toHaveLength(1)
  })
})

/** Stops at two of three chunks of either body, and lets them go by itself a little later. */
const hesitant = guest(
  () => `
    (global $asked (mut i32) (i32.const 0))
    (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (drop (call $proxy_set_tick_period_milliseconds (i32.const 1))) (i32.const 1))
    (func (export "proxy_on_tick") (param i32)
      (if (call $proxy_set_effective_context (i32.const 2)) (then (return)))
      (drop (call $proxy_continue_stream (i32.const 0)))
      (drop (call $proxy_continue_stream (i32.const 1))))
    (func $hesitate (param $end i32) (result i32)
      (global.set $asked (i32.add (global.get $asked) (i32.const 1)))
      (select (i32.const 0) (i32.ne (i32.rem_u (global.get $asked) (i32.const 3)) (i32.const 0)) (local.get $end)))
    (func (export "proxy_on_request_body") (param i32 i32) (param $end i32) (result i32) (call $hesitate (local.get $end)))
    (func (export "proxy_on_response_body") (param i32 i32) (param $end i32) (result i32) (call $hesitate (local.get $end)))`,
)

test('bytes stay in their order, whether they are let go by callbacks or in between', async () => {
  const { ask: send } = await meshOf([{ guest: hesitant, isolation: 'worker', deadlineMs: patientMs }], (seen, response) => void response.end(seen.body))
  const numbers = Array.from({ length: 400_000 }, (_, i) => i).join(' ')
  const { body } = await send({ body: numbers.match(/.{1,100000}/g) ?? [] })
  expect(body === numbers).toBe(true)
})

test('a module that would not start is refused as it is inline', async () => {
  const refusing = guest(() => '(func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 0))')
  const endless = guest(() => '(func (export "proxy_on_vm_start") (param i32 i32) (result i32) (loop $l (br $l)) (i32.const 1))')
  await expect(mesh({ '/': { guest: refusing } })).rejects.toThrow('does not take this configuration')
  await expect(mesh({ '/': { guest: endless } })).rejects.toThrow('more time than it may')
})

test('a module that starts in its trial only is ended in its thread, and keeps nobody waiting', async () => {
  const once = guest(
    (text) => `
    (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
      (if (i32.eqz (call $proxy_get_shared_data ${text('started')} (i32.const 16) (i32.const 20) (i32.const 24))) (then (loop $for_ever (br $for_ever))))
      (drop (call $proxy_set_shared_data ${text('started')} ${text('yes')} (i32.const 0)))
      (i32.const 1))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))`,
  )
  const { port, lines } = await mesh({ '/once': { guest: once, startFuelMs: 30 } })
  expect(await ask(port, { path: '/once' })).toMatchObject({ status: 503, body: expect.stringContaining('MESH_WASM_FAILED') })
  expect(lines.some((line) => line.includes('it did not start within 1200 ms'))).toBe(true)
  expect(await ask(port, { path: '/plain' })).toMatchObject({ status: 200 })
})

test('a memory that grows has the same end as inline', async () => {
  const growing = guest(() => `
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (if (i32.ge_s (memory.grow (i32.const 64)) (i32.const 0)) (then (unreachable)))
      (i32.const 0))`)
  const { port } = await mesh({ '/': { guest: growing, memoryMb: 3 } })
  expect(await ask(port)).toMatchObject({ status: 200 })
})

test('filters that were replaced say good-bye, and their threads end', async () => {
  const place = await mesh({ '/': { guest: hanging, deadlineMs: patientMs } })
  await ask(place.port)
  const threads = (): number => (process.report.getReport() as unknown as { workers: unknown[] }).workers.length
  const before = threads()
  const { port } = place
  for (let i = 0; i < 3; i++) {
    await place.app.mesh.apply({ ...place.app.mesh.runtime.spec, routes: [{ to: 'app', filters: [{ wasm: { module: fileOf(hanging), isolation: 'worker', deadlineMs: patientMs, configuration: i } }] }] })
    expect(await ask(port)).toMatchObject({ headers: { 'x-answered': 'yes' } })
  }
  // One for the filter, and one in reserve, as before.
  await until(() => threads() <= before + 1)
  expect(threads()).toBeGreaterThan(0)
})
