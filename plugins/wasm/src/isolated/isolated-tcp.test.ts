// What only isolated filters for TCP do: guests that never come back, threads that end, and connections that are not in the way of each other.
/* oxlint-disable require-yield -- scripts of a guest are generators even where they call nothing */
import { connect } from 'node:net'
import { runMesh, type MeshApp } from '@meshwright/core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { guest } from '../guest.test.kit.ts'
import { fileOf, until } from '../mesh.test.kit.ts'
import type { WasmOptions } from '../options.ts'
import { call, puppet } from '../puppet.test.kit.ts'
import { tcpMesh, ticking, Wire, type TcpMesh } from '../tcp.test.kit.ts'

/** For what has to answer: however busy the machine, a call takes less. */
const worker = { isolation: 'worker', deadlineMs: 10_000 } as const
const impatient = { isolation: 'worker', deadlineMs: 500 } as const

/** Loops for ever when it is shown so many bytes; counts the others, and answers `action`. */
const hangingAt = (size: number, action = 0): Uint8Array =>
  guest(
    (text) => `
      (func (export "proxy_on_downstream_data") (param $id i32) (param $size i32) (param $end i32) (result i32)
        (if (i32.eq (local.get $size) (i32.const ${size})) (then (loop $for_ever (br $for_ever))))
        (drop (call $proxy_define_metric (i32.const 0) ${text('told')} (i32.const 16)))
        (i32.const ${action}))`,
  )

function hasSeries({ app }: { readonly app: MeshApp }, name: string): boolean {
  return app.mesh.collect().some((family) => family.name === name && family.series.length > 0)
}

/** Another listener of the same mesh, with a filter of its own. */
async function beside({ app }: TcpMesh, module: Uint8Array, options: Partial<WasmOptions>): Promise<() => Wire> {
  const { port } = await app.mesh.listen({ name: 'beside', address: '127.0.0.1:0', tcp: { to: 'app', filters: [{ wasm: { module: fileOf(module), name: 'beside', ...options } }] } })
  return () => new Wire(connect({ port, host: '127.0.0.1', allowHalfOpen: true }))
}

describe('an isolated filter that never comes back', () => {
  test('costs others nothing: their connections go on while it is ended and replaced', async () => {
    const mesh = await tcpMesh(hangingAt(4), { options: { ...worker, deadlineMs: 2_000 } })
    const other = (await beside(mesh, hangingAt(4), { ...worker, vmId: 'beside' }))()
    const idle = mesh.connect().send('x')
    await idle.has('x')
    const hung = mesh.connect().send('hang')
    let echoed = ''
    while (hung.ending === undefined) {
      echoed += 'y'
      await other.send('y').has(echoed)
    }
    expect([hung.ending, hung.text]).toEqual(['reset', ''])
    // Had they waited for it, there would be one at most.
    expect(echoed.length).toBeGreaterThan(1)
    expect((await mesh.end()).error?.code).toBe('MESH_WASM_FAILED')
    // Its thread was theirs too: they end with their next byte, and new ones find another thread.
    expect(await idle.send('x').ends()).toBe('reset')
    await mesh.connect().send('again').has('again')
    expect(mesh.app.mesh.collect().find(({ name }) => name === 'mesh_wasm_failures_total')?.series).toMatchObject([{ labels: ['guest', 'deadline'], value: 1 }])
  })

  test('lets connections go on without it if it is told to, and gives back what it held', async () => {
    const mesh = await tcpMesh(hangingAt(6, 1), { options: { ...impatient, onFailure: 'open' } })
    const held = mesh.connect().send('ab')
    await until(() => hasSeries(mesh, 'mesh_wasm_custom_told'))
    const hung = mesh.connect().send('abcdef')
    await hung.has('abcdef')
    await held.has('ab')
    await held.send('cd').has('abcd')
    expect(await held.halfClose().ends()).toBe('end')
  })

  test('gives nothing back that the guest has let go as nothing', async () => {
    const deleting = guest(
      (text) => `
        (global $holds (mut i32) (i32.const 0))
        (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (drop (call $proxy_set_tick_period_milliseconds (i32.const 1))) (i32.const 1))
        (func (export "proxy_on_tick") (param i32)
          (if (i32.eqz (global.get $holds)) (then (return)))
          (drop (call $proxy_set_effective_context (i32.const 2)))
          (drop (call $proxy_continue_stream (i32.const 2)))
          (drop (call $proxy_define_metric (i32.const 0) ${text('told')} (i32.const 16))))
        (func (export "proxy_on_downstream_data") (param $id i32) (param $size i32) (param $end i32) (result i32)
          (if (i32.eq (local.get $size) (i32.const 4)) (then (loop $for_ever (br $for_ever))))
          (drop (call $proxy_set_buffer_bytes (i32.const 2) (i32.const 0) (local.get $size) (i32.const 0) (i32.const 0)))
          (global.set $holds (i32.const 1))
          (i32.const 1))`,
    )
    const mesh = await tcpMesh(deleting, { options: { ...impatient, onFailure: 'open' } })
    const client = mesh.connect().send('secret')
    await until(() => hasSeries(mesh, 'mesh_wasm_custom_told'))
    expect(await client.send('hang').halfClose().ends()).toBe('end')
    expect(client.text).toBe('hang')
  })

  test('holds no new connection longer', async () => {
    const endless = guest(() => '(func (export "proxy_on_new_connection") (param i32) (result i32) (loop $for_ever (br $for_ever)) (i32.const 0))')
    for (const onFailure of ['closed', 'open'] as const) {
      const { connect: open, end } = await tcpMesh(endless, { options: { ...impatient, onFailure } })
      const client = open().send('early')
      if (onFailure === 'open') await client.has('early')
      else expect([await client.ends(), (await end()).error?.code]).toEqual(['reset', 'MESH_WASM_FAILED'])
    }
  })
})

/** Stops at two of three chunks, and lets them go by itself a little later; holds back every other one of the endpoint. */
const hesitant = guest(
  () => `
    (global $asked (mut i32) (i32.const 0))
    (global $answered (mut i32) (i32.const 0))
    (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (drop (call $proxy_set_tick_period_milliseconds (i32.const 1))) (i32.const 1))
    (func (export "proxy_on_tick") (param i32) (local $id i32)
      (local.set $id (i32.const 2))
      (loop $next
        (if (i32.eqz (call $proxy_set_effective_context (local.get $id))) (then (drop (call $proxy_continue_stream (i32.const 2)))))
        (local.set $id (i32.add (local.get $id) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $id) (i32.const 9)))))
    (func (export "proxy_on_downstream_data") (param $id i32) (param $size i32) (param $end i32) (result i32)
      (global.set $asked (i32.add (global.get $asked) (i32.const 1)))
      (i32.ne (i32.rem_u (global.get $asked) (i32.const 3)) (i32.const 0)))
    (func (export "proxy_on_upstream_data") (param $id i32) (param $size i32) (param $end i32) (result i32)
      (global.set $answered (i32.add (global.get $answered) (i32.const 1)))
      (select (i32.const 0) (i32.and (global.get $answered) (i32.const 1)) (local.get $end)))`,
)

test('bytes stay in their order, whether they are let go by callbacks or in between', async () => {
  const { connect: open } = await tcpMesh(hesitant, { options: { ...worker, bufferBytes: 100_000 } })
  const numbers = Array.from({ length: 400_000 }, (_, i) => i).join(' ')
  const client = open().send(numbers).halfClose()
  expect(await client.ends()).toBe('end')
  expect(client.text === numbers).toBe(true)
})

test('no more is read than a guest may hold back, until it lets go', async () => {
  const bufferBytes = 100_000
  let stops = true
  const sizes: number[] = []
  const mesh = await ticking(
    {
      *on_downstream_data(_id, size) {
        sizes.push(size)
        return stops && size > 1 ? 1 : 0
      },
    },
    { options: { ...worker, bufferBytes } },
  )
  const all = 'x'.repeat(20_000_000)
  const client = mesh.connect().send(all)
  await until(() => (sizes.at(-1) ?? 0) >= bufferBytes)
  const asked = sizes.length
  const other = mesh.connect()
  let echoed = ''
  for (let i = 0; i < 100; i++) await other.send('y').has((echoed += 'y'))
  expect(sizes.slice(asked).every((size) => size === 1)).toBe(true)
  expect(Math.max(...sizes)).toBeLessThan(2 * bufferBytes)
  stops = false
  mesh.inTick(function* () {
    for (const id of [2, 3]) if ((yield* call('proxy_set_effective_context', id)) === 0) yield* call('proxy_continue_stream', 2)
  })
  await until(() => client.text.length >= all.length)
  expect(client.text.length).toBe(all.length)
})

test('a filter that was replaced serves the connections that it has, says good-bye, and its thread ends', async () => {
  const mesh = await tcpMesh(puppet({}))
  const spec = (vmId: string | undefined) => ({
    admin: false as const,
    listeners: [{ name: 'tcp', address: '127.0.0.1:0', tcp: { to: 'app', filters: vmId === undefined ? [] : [{ wasm: { module: fileOf(hangingAt(4)), ...worker, vmId } }] } }],
    services: { app: { endpoints: [`127.0.0.1:${mesh.endpointPort}`] } },
  })
  const running = await runMesh(spec('one'), { plugins: [new URL('../index.ts', import.meta.url).href] })
  onTestFinished(async () => running.close())
  const open = (): Wire => new Wire(connect({ port: running.listeners[0]?.port ?? 0, host: '127.0.0.1', allowHalfOpen: true }))
  const threads = (): number => (process.report.getReport() as unknown as { workers: unknown[] }).workers.length
  const old = open().send('a')
  await old.has('a')
  await running.apply(spec('two'))
  const next = open().send('b')
  await next.has('b')
  await old.send('c').has('ac')
  // One is in reserve.
  await until(() => threads() === 3)
  await running.apply(spec(undefined))
  await old.send('d').has('acd')
  for (const one of [old, next]) expect(await one.halfClose().ends()).toBe('end')
  // Nobody needs one in reserve any more.
  await until(() => threads() === 0)
})
