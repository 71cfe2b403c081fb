// A guest whose memory grows, whoever lets it run.
import { expect, test } from 'vitest'
import { wat } from '../guest.test.kit.ts'
import { loadFilter, type TestFilter } from '../testing/index.ts'

test('a host call within which the guest is called again goes on in the memory that it has made there', async () => {
  const calling = wat(`(module
    (import "env" "proxy_call_foreign_function" (func $foreign (param i32 i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (global $depth (mut i32) (i32.const 0))
    (data (i32.const 16) "again")
    (data (i32.const 32) "x-depth")
    (data (i32.const 48) "1")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) (i32.const 1024))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (drop (memory.grow (i32.const 1)))
      (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
      (if (i32.eq (global.get $depth) (i32.const 1)) (then
        (i32.store (i32.const 65540) (i32.const 7))
        (if (call $foreign (i32.const 16) (i32.const 5) (i32.const 0) (i32.const 0) (i32.const 65536) (i32.const 65540)) (then unreachable))
        (if (i32.load (i32.const 65540)) (then unreachable))
        (if (call $add (i32.const 0) (i32.const 32) (i32.const 7) (i32.const 48) (i32.const 1)) (then unreachable))))
      (i32.const 0)))`)
  const inner: ReturnType<TestFilter['request']>[] = []
  const filter = await loadFilter(calling, {
    functions: {
      again: () => {
        inner.push(filter.request({ path: '/inner' }))
        return ''
      },
    },
  })
  const outer = await filter.request({ path: '/outer' })
  expect(outer.sent.headers).toEqual({ 'x-depth': '1' })
  expect((await inner[0])?.sent.headers).toEqual({})
})
