// How long 20 ms of fuel take at worst: what costs more than a nanosecond a unit. Run: npx vitest bench plugins/wasm/src/meter
import { expect, test } from 'vitest'
import { wat } from '../guest.test.kit.ts'
import { FuelGauge } from '../host/fuel-gauge.ts'
import { fuelExport } from './fuel-export.ts'
import { meter } from './meter.ts'

const budget = 20_000_000
/** Of CPU time; a few times what was measured. */
const mostMs = 200

function times(text: string, count: number): string {
  return text.repeat(count)
}

/** What takes the longest for its fuel, as far as is known: functions named `go`. */
const worst: Readonly<Record<string, string>> = {
  loop: '(func (export "go") (loop $l (br $l)))',
  fib: '(func $f (export "go") (call $g (i32.const 60))) (func $g (param i32) (if (local.get 0) (then (call $g (i32.sub (local.get 0) (i32.const 1))) (call $g (i32.sub (local.get 0) (i32.const 1))))))',
  tail: '(func $f (export "go") (return_call $f))',
  tailind: '(type $t (func)) (table 2 funcref) (elem (i32.const 0) $f $g) (func $f (export "go") (return_call_indirect (type $t) (i32.const 1))) (func $g (return_call_indirect (type $t) (i32.const 0)))',
  fill: '(memory 1024) (func (export "go") (loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 60000000)) (br $l)))',
  fillsmall: '(memory 1024) (func (export "go") (loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 3)) (br $l)))',
  copy: '(memory 1024) (func (export "go") (loop $l (memory.copy (i32.const 0) (i32.const 30000000) (i32.const 30000000)) (br $l)))',
  init: '(memory 1) (data $d "abcdefgh") (func (export "go") (loop $l (memory.init $d (i32.const 0) (i32.const 0) (i32.const 8)) (br $l)))',
  grow: '(memory 0) (func (export "go") (loop $l (drop (memory.grow (i32.const 1))) (br $l)))',
  grow0: '(memory 1) (func (export "go") (loop $l (drop (memory.grow (i32.const 0))) (br $l)))',
  growfail: '(memory 1) (func (export "go") (loop $l (drop (memory.grow (i32.const 65535))) (br $l)))',
  tgrow: '(table 0 funcref) (func (export "go") (loop $l (drop (table.grow 0 (ref.null func) (i32.const 1))) (br $l)))',
  tgrow1k: '(table 0 funcref) (func (export "go") (loop $l (drop (table.grow 0 (ref.null func) (i32.const 1000))) (br $l)))',
  tfill: '(table 1000000 funcref) (func (export "go") (loop $l (table.fill 0 (i32.const 0) (ref.null func) (i32.const 1000000)) (br $l)))',
  tcopy: '(table 1000000 funcref) (func (export "go") (loop $l (table.copy (i32.const 0) (i32.const 1) (i32.const 999999)) (br $l)))',
  tset: '(table 10 funcref) (elem declare func $f) (func $f) (func (export "go") (loop $l (table.set 0 (i32.const 1) (ref.func $f)) (br $l)))',
  tsetE: '(table 10 externref) (func (export "go") (loop $l (table.set 0 (i32.const 1) (table.get 0 (i32.const 2))) (br $l)))',
  throw: '(tag $t) (func (export "go") (loop $l (try (do (throw $t)) (catch $t)) (br $l)))',
  throwdeep: `(tag $t) (func $d (param i32) (if (local.get 0) (then (call $d (i32.sub (local.get 0) (i32.const 1)))) (else (throw $t)))) (func (export "go") (loop $l (try (do (call $d (i32.const 400))) (catch $t)) (br $l)))`,
  div: `(func (export "go") (local i64) (local.set 0 (i64.const 0x7fffffffffffffff)) (loop $l ${times('(local.set 0 (i64.or (i64.div_s (local.get 0) (i64.const 3)) (i64.const 0x7ffffffffffffff)))', 2000)} (br $l)))`,
  rem: `(func (export "go") (local i64 i64) (local.set 1 (i64.const 3)) (local.set 0 (i64.const 0x7fffffffffffffff)) (loop $l ${times('(local.set 0 (i64.or (i64.rem_s (local.get 0) (local.get 1)) (i64.const 0x7ffffffffffffff)))', 2000)} (br $l)))`,
  sqrt: `(func (export "go") (local f64) (local.set 0 (f64.const 3e100)) (loop $l ${times('(local.set 0 (f64.add (f64.const 1e100) (f64.sqrt (local.get 0))))', 2000)} (br $l)))`,
  fdiv: `(func (export "go") (local f64) (local.set 0 (f64.const 3e100)) (loop $l ${times('(local.set 0 (f64.div (f64.const 1e100) (local.get 0)))', 2000)} (br $l)))`,
  denorm: `(func (export "go") (local f64) (local.set 0 (f64.const 3e-310)) (loop $l ${times('(local.set 0 (f64.mul (f64.const 0.99999) (local.get 0)))', 2000)} (br $l)))`,
  i32: `(func (export "go") (local i32) (loop $l ${times('(local.set 0 (i32.add (i32.mul (local.get 0) (i32.const 7)) (i32.const 1)))', 2000)} (br $l)))`,
  mem: `(memory 1024) (func (export "go") (local i32) (loop $l ${times('(local.set 0 (i32.and (i32.add (i32.mul (local.get 0) (i32.const 1103515245)) (i32.load (i32.and (local.get 0) (i32.const 0x3fffffc)))) (i32.const 0x3fffff0)))', 500)} (br $l)))`,
  store: `(memory 1024) (func (export "go") (local i32) (loop $l ${times('(i32.store (local.tee 0 (i32.and (i32.add (local.get 0) (i32.const 1052677)) (i32.const 0x3fffff0))) (i32.const 1))', 500)} (br $l)))`,
  brtable: `(func (export "go") (local i32) (loop $l (block $a (block $b (block $c (br_table $a $b $c $l (i32.and (local.tee 0 (i32.add (i32.mul (local.get 0) (i32.const 1103515245)) (i32.const 12345))) (i32.const 7)))))) (br $l)))`,
  callind: `(type $t (func (param i32))) (table 4 funcref) (elem (i32.const 0) $a $b $c $d) (func $a (param i32)) (func $b (param i32)) (func $c (param i32)) (func $d (param i32)) (func (export "go") (local i32) (loop $l (call_indirect (type $t) (local.get 0) (i32.and (i32.shr_u (local.tee 0 (i32.add (i32.mul (local.get 0) (i32.const 1103515245)) (i32.const 12345))) (i32.const 16)) (i32.const 3))) (br $l)))`,
  atomic: `(memory 1) (func (export "go") (loop $l ${times('(drop (i64.atomic.rmw.xchg (i32.const 0) (i64.const 1)))', 500)} (br $l)))`,
  fence: `(memory 1) (func (export "go") (loop $l ${times('(atomic.fence)', 500)} (br $l)))`,
  simd: `(memory 1) (func (export "go") (local v128) (loop $l ${times('(local.set 0 (f64x2.div (f64x2.sqrt (local.get 0)) (v128.const f64x2 1.1 2.2)))', 500)} (br $l)))`,
  swizzle: `(memory 1) (func (export "go") (local v128) (loop $l ${times('(local.set 0 (i64x2.mul (i8x16.popcnt (local.get 0)) (v128.const i64x2 1 2)))', 500)} (br $l)))`,
  locals: `(func $g (local ${times('i64 ', 2000)})) (func (export "go") (loop $l (call $g) (br $l)))`,
  trunc: `(func (export "go") (local f64 i64) (loop $l ${times('(local.set 1 (i64.add (local.get 1) (i64.trunc_sat_f64_u (f64.convert_i64_u (local.get 1)))))', 500)} (br $l)))`,
  notify: `(memory 1) (func (export "go") (loop $l (drop (memory.atomic.notify (i32.const 0) (i32.const 1))) (br $l)))`,
  ceil: `(func (export "go") (local f64) (loop $l ${times('(local.set 0 (f64.nearest (f64.add (f64.const 1.5) (local.get 0))))', 500)} (br $l)))`,
  refisnull: `(table 10 funcref) (func (export "go") (loop $l ${times('(drop (ref.is_null (table.get 0 (i32.const 1))))',500)} (br $l)))`,
}

for (const [name, text] of Object.entries(worst)) {
  test(`20 ms of fuel: ${name}`, async ({ bench }) => {
    const module = new WebAssembly.Module(meter(wat(`(module ${text})`), { maxPages: 1_024, startFuel: 1_000_000 }))
    let left = 0
    const { latency } = await bench(
      name,
      () => {
        const { exports } = new WebAssembly.Instance(module)
        const fuel = new FuelGauge(exports[fuelExport] as WebAssembly.Global)
        fuel.fill(budget)
        try {
          ;(exports['go'] as () => void)()
        } catch {
          left = fuel.left
        }
      },
    ).run()
    expect(left).toBeLessThan(0)
    expect(latency.mean).toBeLessThan(mostMs)
  })
}
