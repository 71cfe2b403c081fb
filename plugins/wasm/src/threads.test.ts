// WASM filters in a mesh of several data-plane threads: what they share, inline and isolated.
import { request } from 'node:http'
import { runMesh } from '@meshwright/core'
import { expect, onTestFinished, test } from 'vitest'
import { guest } from './guest.test.kit.ts'
import { endpoint, fileOf } from './mesh.test.kit.ts'

/** Counts requests of all threads by compare-and-swap, and says the number in four digits. */
const counting = guest(
  (text) => `
    (func $digit (param $at i32) (param $value i32)
      (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $value) (i32.const 10)))))
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (local $value i32) (local $cas i32)
      (loop $again
        (local.set $value (i32.const 1))
        (local.set $cas (i32.const -1))
        (if (i32.eqz (call $proxy_get_shared_data ${text('count')} (i32.const 16) (i32.const 20) (i32.const 24)))
          (then
            (local.set $value (i32.add (i32.load (i32.load (i32.const 16))) (i32.const 1)))
            (local.set $cas (i32.load (i32.const 24)))))
        (i32.store (i32.const 32) (local.get $value))
        (br_if $again (i32.eq (call $proxy_set_shared_data ${text('count')} (i32.const 32) (i32.const 4) (local.get $cas)) (i32.const 8))))
      (call $digit (i32.const 43) (local.get $value))
      (call $digit (i32.const 42) (i32.div_u (local.get $value) (i32.const 10)))
      (call $digit (i32.const 41) (i32.div_u (local.get $value) (i32.const 100)))
      (call $digit (i32.const 40) (i32.div_u (local.get $value) (i32.const 1000)))
      (drop (call $proxy_add_header_map_value (i32.const 2) ${text('x-count')} (i32.const 40) (i32.const 4)))
      (i32.const 0))`,
)

function countOf(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, agent: false }, (response) => {
      response.resume().on('end', () => resolve(Number(response.headers['x-count'])))
    })
      .on('error', reject)
      .end()
  })
}

test.each([{ isolation: 'inline' }, { isolation: 'worker', deadlineMs: 10_000 }] as const)('data are the same for all threads ($isolation)', async (isolation) => {
  const to = await endpoint()
  const mesh = await runMesh(
    {
      workers: 2,
      admin: false,
      listeners: [{ name: 'public', address: '127.0.0.1:0', timeouts: { filterMs: 60_000 } }],
      services: { app: { endpoints: [`127.0.0.1:${to}`] } },
      routes: [{ to: 'app', filters: [{ wasm: { module: fileOf(counting), ...isolation } }] }],
    },
    { plugins: [new URL('./index.ts', import.meta.url).href] },
  )
  onTestFinished(async () => mesh.close())
  const port = mesh.listeners[0]?.port ?? 0
  const counts: number[] = []
  for (let round = 0; round < 10; round++) counts.push(...(await Promise.all(Array.from({ length: 12 }, async () => countOf(port)))))
  expect(counts.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 120 }, (_, i) => i + 1))
}, 120_000)
