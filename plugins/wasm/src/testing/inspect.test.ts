// inspectModule: what can be said of a module.
import { describe, expect, test } from 'vitest'
import { guest, wat } from '../guest.test.kit.ts'
import { inspectModule } from './index.ts'
import { guessLanguage, type Traces } from './language.ts'

test('a filter is described, and run to see what it costs', async () => {
  const bytes = guest(
    (text) => `
      (table 3 5 funcref)
      (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (drop (call $proxy_log (i32.const 2) ${text('here')})) (i32.const 0))
      (func (export "proxy_on_log") (param i32))
      (func (export "helper"))`,
  )
  const { cost, ...found } = await inspectModule(bytes)
  expect(found).toMatchObject({
    bytes: bytes.length,
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    abi: '0.2.1',
    imports: [{ module: 'env', name: 'proxy_log', known: true }],
    callbacks: ['proxy_on_request_headers', 'proxy_on_log'],
    exports: ['memory', 'malloc', 'helper'],
    allocator: 'malloc',
    memory: { initial: 131_072, maximum: undefined },
    tables: [{ initial: 3, maximum: 5 }],
    functions: 5,
    dataBytes: expect.any(Number),
    problems: [],
  })
  expect(found.meteredBytes).toBeGreaterThan(found.bytes)
  expect(cost).toMatchObject({ outcome: 'passed', memoryBytes: 131_072, failed: undefined })
  expect(cost?.exchangeFuel).toBeGreaterThan(0)
  expect(cost?.exchangeUs).toBeGreaterThan(0)
})

describe('a filter for TCP', () => {
  const tcp = (answers: { readonly [name: string]: string }): Uint8Array =>
    guest(() => Object.entries(answers).map(([name, answer]) => `(func (export "proxy_on_${name}") (param i32 ${name === 'new_connection' ? '' : 'i32 i32'}) (result i32) ${answer})`).join('\n'))

  test('is run with connections', async () => {
    const { cost, callbacks } = await inspectModule(tcp({ new_connection: '(i32.const 0)', downstream_data: '(i32.const 0)', upstream_data: '(i32.const 0)' }))
    expect(callbacks).toEqual(['proxy_on_new_connection', 'proxy_on_downstream_data', 'proxy_on_upstream_data'])
    // A beginning, a line each way, and the end of both sides.
    expect(cost).toMatchObject({ protocol: 'TCP', outcome: 'open', callbacks: 5, failed: undefined })
    expect(cost?.exchangeFuel).toBeGreaterThan(0)
    expect(cost?.exchangeUs).toBeGreaterThan(0)
  })

  test.each([
    ['every connection', { new_connection: '(i32.const 1)' }, { outcome: 'paused', callbacks: 1 }],
    ['bytes', { downstream_data: '(i32.const 1)' }, { outcome: 'paused', callbacks: 2 }],
  ])('that holds %s has a cost all the same', async (_what, answers, expected) => {
    expect((await inspectModule(tcp(answers))).cost).toMatchObject({ protocol: 'TCP', failed: undefined, ...expected })
  })

  test('that dies of bytes says so', async () => {
    expect((await inspectModule(tcp({ upstream_data: '(unreachable)' }))).cost).toMatchObject({ protocol: 'TCP', outcome: 'failed', failed: expect.stringMatching(/unreachable/) })
  })

  test('that is for requests too is run with requests', async () => {
    const both = guest(() => '(func (export "proxy_on_new_connection") (param i32) (result i32) (i32.const 0)) (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))')
    expect((await inspectModule(both)).cost).toMatchObject({ protocol: 'HTTP', outcome: 'passed', callbacks: 1 })
  })
})

test('a filter is started, which costs fuel for all of it', async () => {
  const work = '(loop $on (br_if $on (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))'
  const starting = guest(
    () => `(func (export "_initialize") (local $n i32) (local.set $n (i32.const 1000)) ${work})
    (func (export "proxy_on_configure") (param i32 i32) (result i32) (local $n i32) (local.set $n (i32.const 2000)) ${work} (i32.const 1))`,
  )
  // A turn takes six units.
  const { startFuel = 0 } = (await inspectModule(starting)).cost ?? {}
  expect(startFuel).toBeGreaterThan(18_000)
  expect(startFuel).toBeLessThan(19_000)
})

test('a filter is not run where nobody wants to know its cost', async () => {
  expect((await inspectModule(guest(() => ''), { run: false })).cost).toBeUndefined()
})

test('a filter that dies while it is run says so', async () => {
  const dying = guest(() => '(func (export "proxy_on_configure") (param i32 i32) (result i32) (unreachable))')
  expect((await inspectModule(dying)).cost).toMatchObject({ outcome: 'failed', failed: expect.stringMatching(/^inspected failed \(it trapped\): unreachable/) })
})

test('a filter that dies of its first request says so', async () => {
  const dying = guest(() => '(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (unreachable))')
  expect((await inspectModule(dying)).cost?.failed).toMatch(/unreachable/)
})

test('a filter that holds every request has a cost all the same', async () => {
  const holding = guest(() => '(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 1))')
  expect((await inspectModule(holding)).cost).toMatchObject({ outcome: 'paused', failed: undefined })
})

describe('a module that a mesh would refuse', () => {
  test('is told every reason at once, and not run', async () => {
    const bytes = wat('(module (import "env" "proxy_teleport" (func)) (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32))))')
    const { problems, cost, imports } = await inspectModule(bytes)
    expect(problems).toEqual([
      'it says nothing of a proxy-wasm ABI that is known: 0.1.0, 0.2.0, 0.2.1, 0.2.100',
      'it imports what this host does not have: env.proxy_teleport',
      'it exports no memory',
      'it exports neither malloc nor proxy_on_memory_allocate',
    ])
    expect(imports.map(({ known }) => known)).toEqual([false, true])
    expect(cost).toBeUndefined()
  })

  test('cannot import anything but functions', async () => {
    const bytes = wat('(module (import "env" "memory" (memory 1 4)) (import "env" "table" (table 1 funcref)) (import "env" "base" (global i32)) (export "memory" (memory 0)))')
    const { problems, meteredBytes } = await inspectModule(bytes)
    expect(meteredBytes).toBeUndefined()
    expect(problems.join('\n')).toContain('only functions can be imported')
    expect(problems.join('\n')).toContain('env.memory, env.table, env.base')
  })

  test('may be of an ABI that is not known', async () => {
    expect((await inspectModule(guest(() => '', { abi: '9_9_9' }))).abi).toBeUndefined()
  })
})

test('what is no module is refused', async () => {
  await expect(inspectModule(new TextEncoder().encode('{"name":"x"}'))).rejects.toThrow('this is no WebAssembly module')
})

describe('the language', () => {
  const nothing: Traces = { producers: [], exports: [], imports: [], customSections: [] }
  const language = (name: string, version = ''): Traces['producers'][number] => ({ field: 'language', name, version })
  const tool = (name: string, version: string): Traces['producers'][number] => ({ field: 'processed-by', name, version })

  test.each<[string, Partial<Traces>, string | undefined]>([
    ['Rust says so', { producers: [language('Rust'), language('C11'), tool('rustc', '1.85.0')] }, 'Rust'],
    ['C says so', { producers: [language('C11'), tool('clang', '14.0.6')] }, 'C11'],
    ['C++ says so in its own spelling', { producers: [language('C_plus_plus_17'), tool('clang', '14')] }, 'C++_17'],
    ['TinyGo is told from Go', { producers: [language('Go', '1.22'), tool('TinyGo', '0.31')] }, 'Go (TinyGo)'],
    ['clang alone is C or C++', { producers: [tool('Debian clang', '14.0.6')] }, 'C or C++'],
    ['AssemblyScript has an abort of its own', { imports: [{ module: 'env', name: 'abort' }] }, 'AssemblyScript'],
    ['Go keeps its build id', { customSections: [{ name: 'go:buildid' }] }, 'Go'],
    ['Emscripten tells of its memory', { imports: [{ module: 'env', name: 'emscripten_notify_memory_growth' }] }, 'C++'],
    ['nothing gives it away', {}, undefined],
  ])('%s', (_says, traces, name) => {
    expect(guessLanguage({ ...nothing, ...traces }).name).toBe(name)
  })
})
