// What the host does for a guest is on the guest's account: much work for a short call is paid for as well.
import { deflateSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { guest, type Text } from '../../guest.test.kit.ts'
import { loadFilter } from '../../testing/index.ts'

const wasi = `
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))`

const bomb = deflateSync(Buffer.alloc(1_000_000)).toString('latin1')
const foreign = (text: Text, name: string, argument: string): string => `(call $proxy_call_foreign_function ${text(name)} ${argument} (i32.const 0) (i32.const 0))`

/** Fuel of a request with a body of 1 MB, whose guest makes this call when the body has come. */
async function fuelOf(call: (text: Text) => string): Promise<number> {
  const made = guest(
    (text) => `(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
      (if (i32.eqz (local.get 2)) (then (return (i32.const 1))))
      (if ${call(text)} (then unreachable))
      (i32.const 0))`,
    { imports: wasi },
  )
  const filter = await loadFilter(made)
  await filter.request({ body: ['x'.repeat(500_000), 'y'.repeat(500_000)] })
  return filter.used.fuel
}

test.each<[string, number, (text: Text) => string]>([
  ['compressing 60 KB', 60_000, (text) => foreign(text, 'compress', '(i32.const 2048) (i32.const 60000)')],
  ['uncompressing a few bytes that become 1 MB', 1_000_000, (text) => foreign(text, 'uncompress', text(bomb))],
  ['asking for a function that nobody has', 1_000, (text) => `(i32.sub ${foreign(text, 'none', text('x'))} (i32.const 1))`],
  ['writing a thousand pieces of nothing', 100_000, () => '(call $fd_write (i32.const 1) (i32.const 65536) (i32.const 1000) (i32.const 0))'],
  ['more chance than the memory has words', 60_000, () => '(call $random_get (i32.const 2048) (i32.const 60000))'],
  ['a line', 1_000, (text) => `(call $proxy_log (i32.const 2) ${text('hello')})`],
  ['a line through standard output', 1_000, (text) => `(call $fd_write (i32.const 1) ${text('\x40\x04\x00\x00\x04\x00\x00\x00').replace(/ \(i32.const 8\)$/, '')} (i32.const 1) (i32.const 0))`],
  ['a property', 900, (text) => `(call $proxy_get_property ${text('request\0id')} (i32.const 0) (i32.const 4))`],
  ['a byte behind a body of 1 MB', 200_000, (text) => `(call $proxy_set_buffer_bytes (i32.const 0) (i32.const -1) (i32.const 0) ${text('z')})`],
])('%s costs more than the call', async (_what, least, call) => {
  expect((await fuelOf(call)) - (await fuelOf(() => '(i32.const 0)'))).toBeGreaterThan(least)
})
