// The compiler driver: what it makes, what it refuses, and how it says so.
import { Buffer } from 'node:buffer'
import { createHash, createHmac } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { instantiate } from '@assemblyscript/loader'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { FilterCompiler, formatDiagnostic, type Compiled, type CompileOptions } from './index.ts'

const compiler = new FilterCompiler()
const head = `import { Action, Body, CallResponse, ClosedBy, Data, HttpFilter, log, nowMs, Plugin, TcpFilter } from '@meshwright/filter-sdk'\n`
const tcp = (method: string): string => `${head}@filter export class Mine extends TcpFilter { ${method} }`
const good = `${head}@filter export class Mine extends HttpFilter { onRequestHeaders(end: bool): Action { return Action.Continue } }`

afterAll(async () => compiler.close())

async function compile(text: string, options: CompileOptions = {}): Promise<Compiled> {
  return compiler.compile({ mode: 'dev', files: { 'assembly/index.ts': text }, ...options })
}

/** Place, code and message of each diagnostic. */
async function said(text: string): Promise<string[]> {
  const { diagnostics } = await compile(text)
  return diagnostics.map((one) => `${one.line}:${one.column} ${one.code} ${one.message}`)
}

function namesOf({ wasm }: Compiled): { exports: string[]; imports: string[] } {
  const { Module } = (globalThis as unknown as { WebAssembly: { Module: { new (bytes: Uint8Array): object; exports(m: object): { name: string }[]; imports(m: object): { module: string; name: string }[] } } }).WebAssembly
  const module = new Module(wasm as Uint8Array)
  return { exports: Module.exports(module).map(({ name }) => name).toSorted(), imports: Module.imports(module).map((one) => `${one.module}.${one.name}`).toSorted() }
}

describe('a filter', () => {
  test('becomes a module of ABI 0.2.1 with the callbacks it overrides, and imports that every host has', async () => {
    const made = await compile(good, { mode: 'build' })
    expect(made).toMatchObject({ diagnostics: [], sourceMap: undefined, files: ['assembly/index.ts'] })
    expect(namesOf(made)).toEqual({
      exports: ['_initialize', 'memory', 'proxy_abi_version_0_2_1', 'proxy_on_configure', 'proxy_on_context_create', 'proxy_on_delete', 'proxy_on_memory_allocate', 'proxy_on_request_headers'],
      imports: ['env.proxy_get_buffer_bytes', 'env.proxy_get_log_level', 'env.proxy_log'],
    })
  })

  test('for TCP exports the callbacks of connections', async () => {
    const made = await compile(tcp('onUpstreamClose(by: ClosedBy): void { log.info(`${by}`) }'), { mode: 'build' })
    expect(made.diagnostics).toEqual([])
    expect(namesOf(made)).toEqual({
      exports: ['_initialize', 'memory', 'proxy_abi_version_0_2_1', 'proxy_on_configure', 'proxy_on_context_create', 'proxy_on_delete', 'proxy_on_memory_allocate', 'proxy_on_upstream_connection_close'],
      imports: ['env.proxy_continue_stream', 'env.proxy_get_buffer_bytes', 'env.proxy_get_log_level', 'env.proxy_log'],
    })
  })

  test('is the same bytes every time, whichever folder it lies in', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'meshwright-compile-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    mkdirSync(path.join(folder, 'assembly'))
    writeFileSync(path.join(folder, 'assembly', 'index.ts'), good)
    const elsewhere = await compiler.compile({ folder, mode: 'dev' })
    expect(elsewhere.wasm).toEqual((await compile(good)).wasm)
  })

  test('comes with a source map when asked', async () => {
    const { sourceMap } = await compile(good, { sourceMap: true })
    expect(JSON.parse(sourceMap ?? '')).toMatchObject({ sources: expect.arrayContaining(['assembly/index.ts']) })
  })
})

describe('a mistake is told with its place:', () => {
  test.each([
    ['a misspelt callback', good.replace('onRequestHeaders', 'onRequestHeadrs'), ['2:48 MW1 there is no callback "onRequestHeadrs": did you mean "onRequestHeaders"?']],
    ['a callback of a plugin', good.replace('onRequestHeaders(end: bool): Action { return Action.Continue }', 'onTick(): void {}'), ['2:48 MW1 "onTick" is a callback of a plugin, not of a filter: move it to the class marked @plugin']],
    ['no filter', 'export class Mine {}', ['1:1 MW1 no class is marked @filter: a filter is "@filter export class Name extends HttpFilter", or TcpFilter']],
    ['two filters', `${good}\n@filter export class Other extends HttpFilter {}`, ['3:22 MW1 Other is marked @filter, and so is Mine: a module has one']],
    ['a class that is not exported', good.replace('export class', 'class'), ['2:15 MW1 the class marked @filter is not exported: write "@filter export class Mine"']],
    ['another base', good.replace('HttpFilter {', 'Plugin {'), ['2:22 MW1 the class marked @filter must extend HttpFilter or TcpFilter, not Plugin']],
    ['a call without an answer', good.replace('return Action.Continue', `return this.call('a', 'b')`), ['2:93 MW1 this.call() needs a method onCallResponse(tag: string, response: CallResponse): Action']],
    ['a field that no configuration can hold', `${good}\n@config export class C { at: () => void = () => {} }`, ['3:26 MW1 the field "at" has a type that a configuration cannot hold: text, bool, numbers, lists, Map<string, …> and classes can be read']],
    ['a misspelt decorator of a class', good.replace('@filter', '@fliter'), ['2:1 MW1 there is no decorator "@fliter": did you mean "@filter"?']],
    ['a misspelt decorator of a field', `${good}\n@config export class C { @requird at: string = '' }`, ['3:26 MW1 there is no decorator "@requird": did you mean "@required"?']],
    ['a decorator of somebody else', good.replace('onRequestHeaders', '@Injectable onRequestHeaders'), ['2:48 MW1 there is no decorator "@Injectable": there are @filter, @plugin, @config, @required, @buffer, @inspect']],
    ['a decorator in the wrong place', good.replace('onRequestHeaders', '@buffer onRequestHeaders'), ['2:48 MW1 @buffer stands at onRequestBody or onResponseBody']],
    ['settings of a class that is none', `${good.replace('return Action', 'settings<C>(); return Action')}\nclass C {}`, ['2:86 MW1 settings<C>() needs the class that is marked @config: no class is']],
    ['settings of another class', `${good.replace('return Action', 'settings<C>(); return Action')}\nclass C {}\n@config export class D {}`, ['2:86 MW1 settings<C>() needs the class that is marked @config: that is D']],
    ['a wrong type', good.replace('return Action.Continue', `return 'go on'`), ['2:93 TS2322 Type \'~lib/string/String\' is not assignable to type \'i32\'.']],
    ['an import that hosts do not have', good.replace('return Action.Continue', 'return Date.now() > 0 ? Action.Continue : Action.Pause'), ['2:93 MW2 the filter imports env.Date.now, which hosts of proxy-wasm do not have: use nowMs() of the SDK']],
    ['a misspelt callback for TCP', tcp('onDownstramData(data: Data, end: bool): Action { return Action.Continue }'), ['2:47 MW1 there is no callback "onDownstramData": did you mean "onDownstreamData"?']],
    ['a callback for TCP in another case', tcp('onnewConnection(): Action { return Action.Continue }'), ['2:47 MW1 there is no callback "onnewConnection": did you mean "onNewConnection"?']],
    ['a callback for HTTP in a filter for TCP', tcp('onRequestHeaders(end: bool): Action { return Action.Continue }'), ['2:47 MW1 "onRequestHeaders" is a callback of HttpFilter, not of TcpFilter']],
    ['a callback for TCP in a filter for HTTP', good.replace('onRequestHeaders(end', 'onDownstreamData(data: Data, end'), ['2:48 MW1 "onDownstreamData" is a callback of TcpFilter, not of HttpFilter']],
    ['a callback of a plugin in a filter for TCP', tcp('onTick(): void {}'), ['2:47 MW1 "onTick" is a callback of a plugin, not of a filter: move it to the class marked @plugin']],
    ['a callback for TCP in a plugin', `${good}\n@plugin export class Own extends Plugin { onNewConnection(): void {} }`, ['3:43 MW1 "onNewConnection" is a callback of a filter, not of a plugin: move it to the class marked @filter']],
    ['a decorator of bodies in a filter for TCP', tcp('@buffer onDownstreamData(data: Data, end: bool): Action { return Action.Continue }'), ['2:47 MW1 @buffer stands at onRequestBody or onResponseBody']],
    ['bytes of the endpoint that wait for a call', tcp(`onUpstreamData(data: Data, end: bool): Action { return this.call('a', 'b') } onCallResponse(tag: string, response: CallResponse): Action { return Action.Continue }`), ['2:95 MW1 bytes of the endpoint cannot wait for a call, as no host lets them go then: call without "return", and return Action.Continue']],
    ['a call for TCP without an answer', tcp(`onNewConnection(): Action { return this.call('a', 'b') }`), ['2:82 MW1 this.call() needs a method onCallResponse(tag: string, response: CallResponse): Action']],
    ['a callback for TCP with a wrong type', tcp('onDownstreamClose(by: string): void {}'), ['2:47 MW1 "onDownstreamClose" is written onDownstreamClose(by: ClosedBy): void']],
    ['a callback without its parameter', good.replace('(end: bool)', '()'), ['2:48 MW1 "onRequestHeaders" is written onRequestHeaders(end: bool): Action']],
    ['a callback with another result', good.replace(/: Action {.*?}/, ': void {}'), ['2:48 MW1 "onRequestHeaders" is written onRequestHeaders(end: bool): Action']],
    ['a callback of a plugin with another result', `${good}\n@plugin export class Own extends Plugin { onConfigure(): void {} }`, ['3:43 MW1 "onConfigure" is written onConfigure(): bool']],
    ['two callbacks that are wrong', good.replace('(end: bool)', '()').replace('Continue }', 'Continue } onLog(): bool { return true }'), ['2:48 MW1 "onRequestHeaders" is written onRequestHeaders(end: bool): Action', expect.stringMatching(/ MW1 "onLog" is written onLog\(\): void$/)]],
    ['a callback that is static', good.replace('onRequestHeaders', 'static onRequestHeaders'), ['2:55 MW1 "onRequestHeaders" is static, so that nobody calls it: leave "static" away']],
    ['a method of the user that does not fit', `${good.replace('return Action', 'new B().go(1); return Action')}\nexport class A { go(): void {} }\nexport class B extends A { go(a: i32): void {} }`, [expect.stringMatching(/^4:28 TS2394 /)]],
    ['what only requests have, in a filter for TCP', tcp(`onNewConnection(): Action { return this.reply(403, 'no') }`), ["2:87 TS2339 Property 'reply' does not exist on type 'assembly/index/Mine'."]],
  ])('%s', async (_what, text, expected) => {
    expect(await said(text)).toEqual(expected)
  })

  test('but decorators of the compiler, and settings of a base, are none', async () => {
    const text = `${good.replace('return Action.Continue', 'settings<Base>(); return twice(0)')}\n@inline function twice(at: i32): Action { return at }\nexport class Base {}\n@config export class C extends Base { @required at: string = '' }`
    expect(await said(text.replace('import {', 'import { settings,'))).toEqual([])
  })

  test('but a comment is none', async () => {
    expect(await said(good.replace('return Action', '/* this.call(1) */ // onTick, this.call(2)\nreturn Action'))).toEqual([])
  })

  test('with the line and a mark', async () => {
    const { diagnostics } = await compile(`${head}\n\t@filter export class Mine extends HttpFilter { onLogg(): void {} }`)
    expect(formatDiagnostic(diagnostics[0] as never)).toBe(
      `assembly/index.ts:3:49  error MW1: there is no callback "onLogg": did you mean "onLog"?\n\n  3 | \t@filter export class Mine extends HttpFilter { onLogg(): void {} }\n    | \t                                               ^^^^^^\n`,
    )
  })

  test('a file that is not there', async () => {
    expect((await compiler.compile({ folder: tmpdir(), entry: 'no-such-filter.ts' })).diagnostics).toMatchObject([{ code: 'MW3', message: 'there is no file no-such-filter.ts' }])
  })
})

test('several compilations wait for each other, and a closed compiler begins anew', async () => {
  const own = new FilterCompiler()
  onTestFinished(async () => own.close())
  const running = own.compile({ files: { 'assembly/index.ts': good } })
  await own.close()
  await expect(running).rejects.toThrow('the compiler thread has ended')
})

describe('pure functions of a filter', () => {
  interface Functions extends Record<string, unknown> {
    readonly hash: (text: number) => number
    readonly code: (key: number, text: number) => number
    readonly bytes: (text: number) => number
    readonly cookie: (field: number, name: number) => number
    readonly query: (path: number, name: number) => number
    readonly equal: (a: number, b: number) => number
    readonly json: (text: number) => number
  }
  const source = `
import { equalInConstantTime, fromBase64, hmacSha256, Json, sha256, toBytes } from '@meshwright/filter-sdk'
import { cookieIn, queryIn } from '@meshwright/filter-sdk/request-text'
function hex(bytes: Uint8Array): string { let text = ''; for (let i = 0; i < bytes.length; i++) text += (bytes[i] < 16 ? '0' : '') + bytes[i].toString(16); return text }
export function hash(text: string): string { return hex(sha256(toBytes(text))) }
export function code(key: string, text: string): string { return hex(hmacSha256(toBytes(key), toBytes(text))) }
export function bytes(text: string): string { const found = fromBase64(text); return found == null ? 'none' : hex(found) }
export function cookie(field: string, name: string): string { const found = cookieIn(field, name); return found == null ? 'none' : found }
export function query(path: string, name: string): string { const found = queryIn(path, name); return found == null ? 'none' : found }
export function equal(a: string, b: string): bool { return equalInConstantTime(a, b) }
export function json(text: string): bool { return Json.parse(text) != null }`

  const loaded = async (): Promise<(name: keyof Functions & string, ...texts: string[]) => string> => {
    const { wasm, diagnostics } = await compile(source, { kind: 'functions' })
    expect(diagnostics).toEqual([])
    const { exports } = await instantiate<Functions>(wasm ?? new Uint8Array())
    return (name, ...texts) => {
      const found = (exports[name] as (...values: number[]) => number)(...texts.map((text) => exports.__newString(text)))
      return found <= 1 ? String(found === 1) : exports.__getString(found)
    }
  }

  test('run in a unit test, and are right', async () => {
    const run = await loaded()
    for (const text of ['', 'abc', 'a'.repeat(55), 'a'.repeat(56), 'a'.repeat(64), 'gr\u00fc\u00df'.repeat(100)]) {
      expect(run('hash', text)).toBe(createHash('sha256').update(text).digest('hex'))
      expect(run('code', text.slice(0, 200), 'message')).toBe(createHmac('sha256', text.slice(0, 200)).update('message').digest('hex'))
      expect(run('bytes', Buffer.from(text).toString('base64'))).toBe(Buffer.from(text).toString('hex'))
      expect(run('bytes', Buffer.from(text).toString('base64url'))).toBe(Buffer.from(text).toString('hex'))
    }
    expect(['a', '!!!!', 'ab=c', 'ab'].map((text) => run('bytes', text))).toEqual(['none', 'none', 'none', 'none'])
    expect([run('cookie', 'a=1; bb=2;c=', 'bb'), run('cookie', 'xbb=1', 'bb'), run('cookie', 'a=1;c=', 'c')]).toEqual(['2', 'none', ''])
    expect([run('query', '/?a=1&b', 'b'), run('query', '/?a=%F0%9F%98%80%', 'a'), run('query', '/a', 'a'), run('query', '/?ba=1', 'a')]).toEqual(['', '\u{1f600}%', 'none', 'none'])
    expect([run('equal', 'abc', 'abc'), run('equal', 'abc', 'abd'), run('equal', 'abc', 'ab')]).toEqual(['true', 'false', 'false'])
  })

  test('agree with JSON.parse on what is JSON', async () => {
    const run = await loaded()
    const pieces = ['{', '}', '[', ']', ',', ':', '"a"', '"\\u0041"', '"\\q"', '1', '-1.5e3', '01', '.5', '1.', 'true', 'nul', 'null', ' ', '\n', '\u0001', '"']
    let seed = 7
    const next = (most: number): number => (seed = (seed * 48_271) % 2_147_483_647) % most
    for (let i = 0; i < 3_000; i++) {
      const text = Array.from({ length: 1 + next(6) }, () => pieces[next(pieces.length)]).join('')
      expect(`${text} ${run('json', text)}`).toBe(`${text} ${isJson(text)}`)
    }
  })
})

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    // That is the answer.
    return false
  }
}
