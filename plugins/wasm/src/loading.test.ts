// Which modules are let in, how they begin, and what they may import and call.
/* oxlint-disable require-yield -- scripts of a guest are generators even where they call nothing */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { guest, wat } from './guest.test.kit.ts'
import { meshOf, until } from './mesh.test.kit.ts'
import type { WasmOptions } from './options.ts'
import { call, header, noting, out, puppet, u32 } from './puppet.test.kit.ts'

const headers = '(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))'
const logged = (text: string): string => `(func (export "${text}") (drop (call $proxy_log (i32.const 2) (i32.const 1024) (i32.const 4))))`
const wasi = (name: string, parameters: number): string => `(import "wasi_snapshot_preview1" "${name}" (func $${name} (param ${'i32 '.repeat(parameters)})))`

test('a deadline without a thread of its own is refused', async () => {
  const made = async (isolation: Pick<WasmOptions, 'isolation' | 'deadlineMs'>): Promise<unknown> => meshOf([{ guest: guest(() => headers), ...isolation }])
  for (const isolation of [{}, { isolation: 'inline' }] as const) await expect(made({ ...isolation, deadlineMs: 100 })).rejects.toThrow('deadlineMs: is only for a guest with "isolation: worker"')
  await expect(made({ isolation: 'worker', deadlineMs: 100 })).resolves.toBeDefined()
})

describe('a module begins', () => {
  test('with _initialize and then main, if it has them', async () => {
    const { lines } = await meshOf([
      {
        guest: guest(
          (text) => `(func (export "_start") unreachable)
          (func (export "_initialize") (drop (call $proxy_log (i32.const 2) ${text('first')})))
          (func (export "main") (param i32 i32) (result i32) (drop (call $proxy_log (i32.const 2) ${text('second')})) (i32.const 7))
          (func (export "__main_void") (result i32) unreachable)`,
        ),
      },
    ])
    expect(lines.map(({ msg }) => msg).filter((msg) => msg === 'first' || msg === 'second')).toEqual(['first', 'second'])
  })

  test('with _initialize and __main_void', async () => {
    const { lines } = await meshOf([{ guest: guest((text) => `(func (export "_initialize")) (func (export "__main_void") (result i32) (drop (call $proxy_log (i32.const 2) ${text('main')})) (i32.const 0))`) }])
    expect(lines.some(({ msg }) => msg === 'main')).toBe(true)
  })

  test('with _start, which may end itself if all is well', async () => {
    const imports = wasi('proc_exit', 1)
    const good = guest((text) => `(func (export "_start") (call $proc_exit (i32.const 0)) unreachable) (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (drop (call $proxy_add_header_map_value (i32.const 0) ${text('x-a')} ${text('b')})) (i32.const 0))`, { imports })
    const { ask, seen } = await meshOf([{ guest: good }])
    await ask()
    expect(seen[0]?.headers).toMatchObject({ 'x-a': 'b' })
    await expect(meshOf([{ guest: guest(() => '(func (export "_start") (call $proc_exit (i32.const 3)))', { imports }) }])).rejects.toThrow(/ended itself with code 3/)
  })

  test('without anything, as its start section has run', async () => {
    const { ask } = await meshOf([{ guest: guest(() => `(global $g (mut i32) (i32.const 0)) (func $s (global.set $g (i32.const 1))) (start $s) ${headers}`) }])
    expect(await ask()).toMatchObject({ status: 200 })
  })

  test.each([
    ['a start section that calls the host', `(func $s (drop (call $proxy_log (i32.const 2) (i32.const 0) (i32.const 1)))) (start $s)`, /before it was instantiated/],
    ['an initialiser that calls what needs a context', `(func (export "_initialize") (drop (call $proxy_get_header_map_size (i32.const 0) (i32.const 0))))`, /proxy_get_header_map_size while it was initialising/],
    ['an initialiser that never ends', `(func (export "_initialize") (loop $l (br $l)))`, /it took more time than it may to start \(startFuelMs: 5\)/],
    ['a start section that never ends', `(func $s (loop $l (br $l))) (start $s)`, /trapped \(unreachable\), or it took more time than it may to start \(startFuelMs: 5\)/],
    ['a VM that never starts', `(func (export "proxy_on_vm_start") (param i32 i32) (result i32) (loop $l (br $l)) (i32.const 1))`, /more time than it may to start \(startFuelMs: 5\)/],
    ['a plugin that is never configured', `(func (export "proxy_on_configure") (param i32 i32) (result i32) (loop $l (br $l)) (i32.const 1))`, /more time than it may to start \(startFuelMs: 5\)/],
    ['an initialiser that traps', `(func (export "_start") unreachable)`, /unreachable/],
  ])('not with %s', async (_name, text, why) => {
    await expect(meshOf([{ guest: guest(() => text), startFuelMs: 5 }])).rejects.toThrow(why)
  })

  test('with more fuel than a callback gets, all of its start together', async () => {
    // A turn takes six units.
    const working = (start: number, configure: number): Uint8Array<ArrayBuffer> =>
      guest(
        () => `(func $work (param $turns i32) (loop $on (br_if $on (local.tee $turns (i32.sub (local.get $turns) (i32.const 1))))))
        (func (export "_initialize") (call $work (i32.const ${start})))
        (func (export "proxy_on_configure") (param i32 i32) (result i32) (call $work (i32.const ${configure})) (i32.const 1))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $work (i32.const ${start})) (i32.const 0))`,
      )
    const meshFor = async (start: number, configure: number, startFuelMs?: number): ReturnType<typeof meshOf> => meshOf([{ guest: working(start, configure), fuelMs: 2, ...(startFuelMs === undefined ? {} : { startFuelMs }) }])
    const { ask } = await meshFor(1_000_000, 1_000_000)
    expect((await ask()).status).toBe(503)
    expect((await (await meshFor(100_000, 6_000_000, 40)).ask()).status).toBe(200)
    await expect(meshFor(1_000_000, 1_000_000, 4)).rejects.toThrow('(startFuelMs: 4)')
    await expect(meshFor(4_000_000, 4_000_000, 40)).rejects.toThrow('(startFuelMs: 40)')
  })

  test('with no more than that for a thread of its own either', async () => {
    const endless = guest(() => `(func (export "_initialize") (loop $l (br $l)))`)
    await expect(meshOf([{ guest: endless, isolation: 'worker', deadlineMs: 10_000, startFuelMs: 5 }])).rejects.toThrow('(startFuelMs: 5)')
  })

  test('and its allocator may log, and nothing else', async () => {
    const module = (inside: string): Uint8Array<ArrayBuffer> =>
      wat(`(module (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32))) (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 0) ":path") (func (export "proxy_abi_version_0_2_0"))
        (func (export "malloc") (param i32) (result i32) ${inside} (i32.const 4096))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (drop (call $get (i32.const 0) (i32.const 0) (i32.const 5) (i32.const 64) (i32.const 68))) (i32.const 0)))`)
    const good = await meshOf([{ guest: module('(drop (call $log (i32.const 2) (i32.const 0) (i32.const 5)))') }])
    expect(await good.ask()).toMatchObject({ status: 200 })
    const bad = await meshOf([{ guest: module('(drop (call $get (i32.const 0) (i32.const 0) (i32.const 5) (i32.const 64) (i32.const 68)))') }])
    expect(await bad.ask()).toMatchObject({ status: 503 })
    expect(bad.lines.some(({ msg }) => String(msg).includes('while it was initialising itself or allocating memory'))).toBe(true)
  })

  test('and an allocator that has nothing answers so', async () => {
    const module = wat(`(module (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32))) (import "env" "proxy_send_local_response" (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1) (data (i32.const 0) ":path") (func (export "proxy_abi_version_0_2_0")) (func (export "malloc") (param i32) (result i32) (i32.const 0))
      (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $reply (i32.add (i32.const 400) (call $get (i32.const 0) (i32.const 0) (i32.const 5) (i32.const 64) (i32.const 68))) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1))) (i32.const 0)))`)
    const { ask } = await meshOf([{ guest: module }])
    expect(await ask()).toMatchObject({ status: 406 })
  })
})

describe('a module is refused', () => {
  test.each([
    ['that does not say its ABI', wat('(module (memory (export "memory") 1))'), /says nothing of a proxy-wasm ABI/],
    ['that exports no memory', wat('(module (memory 1) (func (export "proxy_abi_version_0_2_1")))'), /exports no memory/],
    ['that imports what nobody has', guest(() => '', { imports: '(import "env" "proxy_get_secret" (func (param i32) (result i32))) (import "wasi_snapshot_preview1" "fd_dance" (func))' }), /env\.proxy_get_secret, wasi_snapshot_preview1\.fd_dance/],
    ['that is none', new Uint8Array([1, 2, 3]), /no WebAssembly module/],
  ])('%s', async (_name, module, why) => {
    await expect(meshOf([{ guest: module }])).rejects.toThrow(why)
  })

  test('that is not the one with that sum', async () => {
    const module = guest(() => headers)
    const sha256 = createHash('sha256').update(module).digest('hex')
    await expect(meshOf([{ guest: module, sha256: '0'.repeat(64) }])).rejects.toThrow(new RegExp(`sha256 is ${sha256}`))
    const { ask } = await meshOf([{ guest: module, sha256: sha256.toUpperCase() }])
    expect(await ask()).toMatchObject({ status: 200 })
  })

  test('that is not there', async () => {
    const { app } = await meshOf([])
    const apply = async (file: string): Promise<void> => app.mesh.apply({ routes: [{ reply: { status: 200 }, filters: [{ wasm: { module: file } }] }] })
    await expect(apply('/nowhere/guest.wasm')).rejects.toMatchObject({ code: 'MESH_WASM_REFUSED', message: expect.stringContaining('guest.wasm: there is no such file; relative paths begin at the working directory') })
    await expect(apply(import.meta.dirname)).rejects.toMatchObject({ code: 'MESH_WASM_REFUSED', message: expect.stringMatching(/src: it is a folder$/) })
  })
})

describe('imports', () => {
  test('that nobody has answer that they are not there, where that is allowed, and are named once', async () => {
    const module = guest(
      () => `(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $proxy_send_local_response (i32.add (i32.const 400) (call $secret (i32.const 0))) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1))) (i32.const 0))`,
      { imports: '(import "env" "proxy_get_secret" (func $secret (param i32) (result i32)))' },
    )
    const { ask, lines } = await meshOf([{ guest: module, allowUnknownImports: true }])
    expect(await ask()).toMatchObject({ status: 412 })
    expect(lines.filter(({ msg }) => String(msg).includes('env.proxy_get_secret'))).toHaveLength(1)
  })

  test('are allowed by names that there are', async () => {
    const allowed = (...capabilities: string[]): Promise<unknown> => meshOf([{ guest: guest(() => headers), capabilities }])
    await expect(allowed('proxy_log', 'proxy_lgo')).rejects.toThrow('capabilities[1]: there is no host function "proxy_lgo"')
    await expect(allowed('proxy_log', 'proxy_continue_request', 'fd_write', 'proxy_get_secret')).resolves.toBeDefined()
  })

  test('that the operator has not allowed answer a failure', async () => {
    const seen: unknown[] = []
    const module = puppet({
      *on_request_headers() {
        seen.push(yield* call('proxy_log', 2, 'x'), yield* call('fd_write', 1, 0, 0, out[0]), yield* call('proxy_get_log_level', out[0]))
      },
    })
    const { ask } = await meshOf([{ guest: module, capabilities: ['proxy_call_foreign_function', 'proxy_get_log_level'] }])
    await ask()
    expect(seen).toEqual([10, 76, 0])
  })

  test('of WASI may come from its old name', async () => {
    const module = guest(() => `(func (export "_initialize") (drop (call $w (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))) ${headers}`, { imports: '(import "wasi_unstable" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))' })
    const { ask } = await meshOf([{ guest: module }])
    expect(await ask()).toMatchObject({ status: 200 })
  })
})

describe('the ABI', () => {
  test.each(['0_1_0', '0_2_0', '0_2_1', '0_2_100'])('%s is spoken', async (abi) => {
    const seen: unknown[] = []
    const module = puppet(noting(seen, ['on_context_create', 'on_vm_start', 'on_configure', 'on_request_headers', 'on_done', 'on_delete']), { abi })
    const { ask } = await meshOf([{ guest: module }])
    expect(await ask()).toMatchObject({ status: 200 })
    await until(() => seen.length >= 7)
    expect(seen).toHaveLength(7)
  })

  test('0.1.0 goes on with requests and responses by functions of their own', async () => {
    const module = puppet(
      {
        *on_vm_start() {
          yield* call('proxy_set_tick_period_milliseconds', 2)
          return 1
        },
        *on_request_headers() {
          return 1
        },
        *on_response_headers() {
          yield* call('proxy_get_log_level', out[0])
          return (yield* u32(out[0])) >= 0 && (yield* header(0, ':path')) === '/' ? 1 : 0
        },
        *on_tick() {
          if ((yield* call('proxy_set_effective_context', 2)) !== 0) return
          yield* call('proxy_continue_request')
          yield* call('proxy_continue_response')
        },
      },
      { abi: '0_1_0' },
    )
    const { ask } = await meshOf([{ guest: module }])
    expect(await ask()).toMatchObject({ status: 200 })
  })
})

test('a text that only logs costs nothing where nobody reads it', async () => {
  const { lines } = await meshOf([{ guest: guest(() => logged('_initialize')), logLevel: 3 }])
  expect(lines.filter(({ filter }) => filter === 'guest')).toEqual([])
})
