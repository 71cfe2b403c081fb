// A filter of the SDK beside the same one written by hand in WebAssembly text. Run: node --conditions=mw-source src/sdk.bench.ts
import { loadFilter, type TestFilter, type TestRequest } from '@meshwright/wasm/testing'
import { FilterCompiler, formatDiagnostic } from '@meshwright/filter-sdk'
import wabt from 'wabt'

const rounds = 21
const requests = 20_000

/** Three fields are read, two set, one is removed: without the SDK, and without anything that can fail. */
const byHand = `(module
  (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_remove_header_map_value" (func $remove (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "user-agent") (data (i32.const 96) "accept") (data (i32.const 128) "x-none")
  (data (i32.const 160) "x-one") (data (i32.const 192) "x-two") (data (i32.const 224) "cookie") (data (i32.const 256) "value")
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_delete") (param i32))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (drop (call $get (i32.const 0) (i32.const 64) (i32.const 10) (i32.const 0) (i32.const 4)))
    (drop (call $set (i32.const 0) (i32.const 160) (i32.const 5) (i32.load (i32.const 0)) (i32.load (i32.const 4))))
    (drop (call $get (i32.const 0) (i32.const 96) (i32.const 6) (i32.const 0) (i32.const 4)))
    (drop (call $get (i32.const 0) (i32.const 128) (i32.const 6) (i32.const 0) (i32.const 4)))
    (drop (call $set (i32.const 0) (i32.const 192) (i32.const 5) (i32.const 256) (i32.const 5)))
    (drop (call $remove (i32.const 0) (i32.const 224) (i32.const 6)))
    (i32.const 0)))`

const bySdk = `import { Action, HttpFilter } from '@meshwright/filter-sdk'
@filter export class Bench extends HttpFilter {
  onRequestHeaders(end: bool): Action {
    const headers = this.request.headers
    const agent = headers.get('user-agent')
    if (agent != null) headers.set('x-one', agent)
    headers.get('accept')
    headers.get('x-none')
    headers.set('x-two', 'value')
    headers.delete('cookie')
    return Action.Continue
  }
}`

const asked: TestRequest = {
  path: '/catalogue/books?page=2',
  headers: {
    'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
    accept: 'text/html,application/xhtml+xml',
    'accept-encoding': 'gzip, br',
    'accept-language': 'en',
    cookie: 'session=0123456789abcdef',
    referer: 'https://shop.example/',
    'x-forwarded-for': '192.0.2.1',
    'x-request-id': '0123456789abcdef',
  },
}

async function sdkModule(source: string): Promise<Uint8Array> {
  await using compiler = new FilterCompiler()
  const { wasm, diagnostics } = await compiler.compile({ files: { 'assembly/index.ts': source } })
  if (wasm === undefined) throw new Error(diagnostics.map(formatDiagnostic).join('\n'))
  return wasm
}

async function handModule(): Promise<Uint8Array> {
  const tools = await wabt()
  return tools.parseWat('hand.wat', byHand).toBinary({}).buffer
}

const empty = bySdk.replace(/const headers[^]*?return/, 'return')
const filters: readonly (readonly [string, TestFilter])[] = [
  ['by hand', await loadFilter(await handModule())],
  ['SDK', await loadFilter(await sdkModule(bySdk))],
  ['SDK, nothing to do', await loadFilter(await sdkModule(empty))],
]

// Taken in turn: what disturbs the machine disturbs all of them.
const times = filters.map((): number[] => [])
for (let round = 0; round < rounds; round++) {
  for (const [i, [, filter]] of filters.entries()) times[i]?.push((filter.measure(requests, asked) * 1_000) / requests)
}
const medians = times.map((all) => all.toSorted((a, b) => a - b)[Math.floor(rounds / 2)] ?? 0)
for (const [i, [name]] of filters.entries()) console.log(`${name.padEnd(20)} ${medians[i]?.toFixed(2)} µs per request, ${((medians[i] ?? 0) / (medians[0] ?? 1)).toFixed(2)} × by hand`)
