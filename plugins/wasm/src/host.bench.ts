// What a WASM filter costs an exchange, a VM to start, and what the meter adds. Run: node --conditions=mw-source plugins/wasm/src/host.bench.ts
import { Exchange, Headers, Request, type Filter, type Mesh, type Snapshot } from '@meshwright/core'
import { guest } from './guest.test.kit.ts'
import { FuelGauge } from './host/fuel-gauge.ts'
import { loadBytes } from './host/load.ts'
import { MeshSurroundings } from './host/mesh-surroundings.ts'
import { VmPool } from './host/vm-pool.ts'
import type { GuestMetrics, SharedData, SharedQueues } from './host/surroundings.ts'
import { settingsOf } from './options.ts'
import { WasmFilter } from './wasm.ts'

const rounds = 1_000
const fuel = 20_000_000

const noMetrics: GuestMetrics = { define: () => 4, increment: () => 0, record: () => 0, get: () => 0n }
const mesh = { log: console, snapshot: { services: new Map() } as unknown as Snapshot } as unknown as Mesh

/** Reads three fields, adds two, removes one. */
const headerFilter = guest(
  (text) => `
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (drop (call $proxy_get_header_map_value (i32.const 0) ${text(':path')} (i32.const 0) (i32.const 4)))
    (drop (call $proxy_get_header_map_value (i32.const 0) ${text('user-agent')} (i32.const 0) (i32.const 4)))
    (drop (call $proxy_get_header_map_value (i32.const 0) ${text('accept-language')} (i32.const 0) (i32.const 4)))
    (drop (call $proxy_add_header_map_value (i32.const 0) ${text('x-tenant')} ${text('blue')}))
    (drop (call $proxy_add_header_map_value (i32.const 0) ${text('x-plan')} ${text('enterprise-2026')}))
    (drop (call $proxy_remove_header_map_value (i32.const 0) ${text('cookie')}))
    (i32.const 0))
  (func (export "proxy_on_done") (param i32) (result i32) (i32.const 1))
  (func (export "proxy_on_delete") (param i32))`,
)

const nothing = guest(() => '(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))')

const bytesLoop = (name: string): string => `
  (func (export "${name}") (param $n i32) (result i32) (local $sum i32) (local $i i32)
    (loop $l
      (local.set $sum (i32.add (local.get $sum) (i32.load8_u (i32.and (local.get $i) (i32.const 0xffff)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $i) (local.get $n))))
    (local.get $sum))`

const list = [
  'User-Agent', 'Mozilla/5.0 (X11; Linux x86_64)', 'Accept', 'text/html,application/xhtml+xml', 'Accept-Language', 'pt,en;q=0.5', 'Accept-Encoding', 'gzip, deflate, br',
  'Cookie', 'session=0123456789abcdef', 'Sec-Fetch-Dest', 'document', 'Sec-Fetch-Mode', 'navigate', 'X-Forwarded-For', '192.0.2.1', 'X-Forwarded-Proto', 'https',
  'x-request-id', '0123456789abcdef-1', 'via', '1.1 meshwright',
]

function filterOf(bytes: Uint8Array<ArrayBuffer>): WasmFilter {
  const loaded = loadBytes(bytes, { maxPages: 1_024, startFuel: fuel })
  const settings = settingsOf({ module: 'guest.wasm' }, 'guest.wasm')
  const surroundings = new MeshSurroundings(mesh, settings, { metrics: noMetrics, sharedData: {} as SharedData, queues: { unregister() {} } as unknown as SharedQueues }, 2)
  const options = { fuel, startFuel: fuel, capabilities: undefined, allowUnknown: false }
  const events = { failed(failure: Error) {
      throw failure
    }, reloaded() {}, used() {}, paused() {}, served() {} }
  return new WasmFilter(loaded, new VmPool().source(loaded, surroundings, options), { ...options, name: 'guest', onFailure: 'closed' }, events, () => {})
}

function made(): Exchange {
  const request = new Request({
    method: 'GET', path: '/users/42', query: 'page=1', hasQuery: true, authority: 'shop.example', scheme: 'http', headers: new Headers(list.slice()), version: '1.1',
    peerAddress: '192.0.2.1', clientAddress: '192.0.2.1', id: '0123456789abcdef-1', upgrade: undefined, expectContinue: false,
  })
  return new Exchange(request, undefined, undefined, 'bench', 0)
}

/** The same filter in TypeScript. */
const typescript: Filter = {
  name: 'typescript',
  onRequestHeaders({ request }) {
    const { headers } = request
    seen += (headers.get('user-agent')?.length ?? 0) + (headers.get('accept-language')?.length ?? 0) + request.target.length
    headers.append('x-tenant', 'blue')
    headers.append('x-plan', 'enterprise-2026')
    headers.delete('cookie')
  },
}

let seen = 0

function pass(filter: Filter, one: Exchange): void {
  void filter.onRequestHeaders?.(one)
  filter.onEnd?.(one)
}

type Case = readonly [name: string, work: () => void, each: number]

/** The best of many batches of each case, in turn so that what else the machine does meets all of them. Microseconds for one. */
function measure(list: readonly Case[], batches = 400): void {
  const best = list.map(() => Infinity)
  for (let batch = 0; batch < batches; batch++) {
    list.forEach(([, work, each], at) => {
      const startedMs = performance.now()
      for (let i = 0; i < each; i++) work()
      best[at] = Math.min(best[at] as number, ((performance.now() - startedMs) * 1_000) / each)
    })
  }
  list.forEach(([name], at) => process.stdout.write(`${name.padEnd(52)}${(best[at] as number).toFixed(3)} µs\n`))
}

const filters: Record<string, Filter> = { 'an exchange without a filter': { name: 'none' }, 'in TypeScript': typescript, 'a guest that does nothing': filterOf(nothing), 'a guest that reads 3 fields, adds 2, removes 1': filterOf(headerFilter) }
const exchanges = Object.entries(filters).map(([name, filter]): Case => [name, () => pass(filter, made()), rounds])

const bytes = guest(() => bytesLoop('go'))
const plain = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports['go'] as (n: number) => number
const metered = new WebAssembly.Instance(loadBytes(bytes, { maxPages: 1_024, startFuel: fuel }).module).exports
const run = metered['go'] as (n: number) => number
const left = new FuelGauge(metered['__meshwright_fuel'] as WebAssembly.Global)

measure([
  ...exchanges,
  ['1000 bytes in a tight loop, as it is', () => void plain(1_000), 500],
  ['1000 bytes in a tight loop, metered', () => {
    left.fill(2_000_000_000)
    run(1_000)
  }, 500],
])
measure([['a VM and its plugin, of a module that is loaded', () => void filterOf(headerFilter), 5]], 100)

const before = process.memoryUsage().rss
const many = Array.from({ length: 500 }, () => filterOf(headerFilter))
process.stdout.write(`${many.length} VMs with 2 pages each: ${((process.memoryUsage().rss - before) / many.length / 1_024).toFixed(0)} KiB each; ${seen > 0 ? '' : 'nothing was seen'}\n`)
