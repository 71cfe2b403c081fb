// What it costs to cross into another thread, with so many exchanges in flight. Run: npx vitest bench plugins/wasm/src/isolated
import { createMesh, Exchange, Headers, Request, type Filter } from '@meshwright/core'
import { expect, test } from 'vitest'
import { guest, moduleFile } from '../guest.test.kit.ts'
import plugin from '../index.ts'

const module = guest(
  (text) => `
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (drop (call $proxy_get_header_map_value (i32.const 0) ${text('user-agent')} (i32.const 16) (i32.const 20)))
      (drop (call $proxy_add_header_map_value (i32.const 0) ${text('x-one')} ${text('1')}))
      (drop (call $proxy_add_header_map_value (i32.const 0) ${text('x-two')} ${text('2')}))
      (i32.const 0))`,
)

const fields = ['accept', '*/*', 'user-agent', 'bench', 'accept-encoding', 'gzip, br', 'accept-language', 'en', 'cookie', 'session=0123456789abcdef', 'x-request-id', '0123456789', 'referer', 'https://shop.example/', 'cache-control', 'no-cache']

function exchange(): Exchange {
  const request = new Request({ method: 'GET', path: '/users/1', query: '', hasQuery: false, authority: 'shop.example', scheme: 'http', headers: new Headers([...fields]), version: '1.1', peerAddress: '127.0.0.1', clientAddress: '127.0.0.1', id: '1', upgrade: undefined, expectContinue: false })
  return new Exchange(request, undefined, undefined, 'bench', performance.now())
}

async function through(filter: Filter): Promise<void> {
  const one = exchange()
  await filter.onRequestHeaders?.(one)
  if (!one.request.headers.has('x-two')) throw new Error('the filter was not there')
  filter.onEnd?.(one)
}

const rounds = 50

for (const isolation of ['inline', 'worker'] as const) {
  test(`a filter that reads one field and adds two, ${isolation} (ms divided by ${rounds} and by how many are in flight is the cost of one)`, async ({ bench }) => {
    const file = moduleFile(module)
    const app = createMesh()
    await app.register(plugin)
    await app.ready()
    const filter = app.mesh.runtime.registry.resolve('filter', { wasm: { module: file.path, isolation } }, {})
    await through(filter)
    for (const inFlight of [1, 16, 64]) {
      const { latency } = await bench(`${isolation}, ${inFlight} in flight`, async () => {
        for (let i = 0; i < rounds; i++) await Promise.all(Array.from({ length: inFlight }, async () => through(filter)))
      }).run()
      console.log(`${isolation}, ${inFlight} in flight: ${((latency.mean * 1_000) / rounds / inFlight).toFixed(1)} µs each, a round ${((latency.mean * 1_000) / rounds).toFixed(0)} µs`)
      expect(latency.mean).toBeGreaterThan(0)
    }
    await app.close()
    file.remove()
  })
}
