// Valid modules of every kind, and what becomes of them when bytes are changed at random.
import { wat } from '../guest.test.kit.ts'
import { puppet } from '../puppet.test.kit.ts'
import { meter } from './meter.ts'
import { RefusedModule } from './refused-module.ts'
import { structured } from './structured.test.kit.ts'

/** What proposals add, and what a rewriter has to step over. */
const samples: readonly string[] = [
  '(module (memory 1) (data $d "abc") (table $t 4 funcref) (elem $e func $f) (func $f (export "f") (param i32 i64 f32 f64) (result i32) (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)) (data.drop $d) (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1)) (elem.drop $e) (table.copy (i32.const 0) (i32.const 1) (i32.const 1)) (table.fill $t (i32.const 0) (ref.null func) (i32.const 1)) (drop (table.grow $t (ref.func $f) (i32.const 1))) (drop (table.size $t)) (table.set $t (i32.const 0) (table.get $t (i32.const 1))) (drop (ref.is_null (ref.null extern))) (memory.fill (i32.const 0) (i32.const 1) (i32.const 2)) (memory.copy (i32.const 0) (i32.const 1) (i32.const 2)) (memory.grow (memory.size))))',
  '(module (memory 1) (func (export "f") (param v128) (result v128) (local i32) (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (i32x4.add (local.get 0) (v128.const i32x4 1 2 3 4)) (v128.load8_lane 3 (i32.const 0) (i8x16.replace_lane 2 (v128.load32_zero (i32.const 4)) (i32.const 1))))))',
  '(module (tag $t (param i32)) (tag $u) (func $g (param i32) (if (local.get 0) (then (throw $t (i32.const 3))) (else (throw $u)))) (func (export "f") (param i32) (result i32) (try (result i32) (do (try (do (try (do (call $g (local.get 0))) (catch $u (rethrow 0)))) (delegate 0)) (i32.const 1)) (catch $t) (catch_all (i32.const 2)))))',
  '(module (memory 1) (func (export "f") (result i32) (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1))) (drop (i64.atomic.rmw8.cmpxchg_u (i32.const 0) (i64.const 1) (i64.const 2))) (atomic.fence) (memory.atomic.notify (i32.const 0) (i32.const 1))))',
  '(module (type $t (func (param i32) (result i32))) (table 3 funcref) (elem (i32.const 0) $a $b) (func $a (param i32) (result i32) (block $x (block $y (br_table $x $y (local.get 0))) (return (i32.const 5))) (select (i32.const 1) (i32.const 2) (local.get 0))) (func $b (type $t) (return_call_indirect (type $t) (local.get 0) (i32.const 0))) (func (export "f") (param i32) (result i32 i32) (loop $l (param) (result) (br_if $l (i32.eqz (local.get 0)))) (call_indirect (type $t) (local.get 0) (i32.const 1)) (select (result i32) (i32.const 1) (i32.const 2) (i32.const 3))))',
  '(module (global $g (mut i64) (i64.const -9223372036854775808)) (global f64 (f64.const nan:0x4)) (memory 1 2) (start $s) (func $s (global.set $g (i64.extend_i32_s (i32.trunc_sat_f32_u (f32.const 1e10))))) (func (export "f") (result f64) (f64.sqrt (f64.div (f64.const 2) (f64.convert_i64_u (i64.rem_u (global.get $g) (i64.const 7)))))))',
]

/** @param random numbers from 0 to less than 1 */
export function seeds(random: () => number): Uint8Array<ArrayBuffer>[] {
  return [...samples.map(wat), puppet({}), ...Array.from({ length: 12 }, () => wat(structured(random)))]
}

/** A copy with one to four changes: a byte, a bit, bytes taken out or put in elsewhere. */
export function mutant(of: Uint8Array<ArrayBuffer>, random: () => number): Uint8Array<ArrayBuffer> {
  const below = (limit: number): number => Math.floor(random() * limit)
  let bytes = of.slice()
  for (let changes = 1 + below(4); changes > 0; changes--) {
    const at = 8 + below(bytes.length - 8)
    const kind = below(8)
    if (kind < 4) bytes[at] = below(256)
    else if (kind < 6) bytes[at] = (bytes[at] as number) ^ (1 << below(8))
    else if (kind === 6) bytes[at] = bytes[8 + below(bytes.length - 8)] as number
    else bytes = Uint8Array.from([...bytes.subarray(0, at), below(256), ...bytes.subarray(at)])
  }
  return bytes
}

/** What a meter made of a mutant. */
export type Verdict = 'invalid' | 'refused' | 'metered'

/** @throws Error when the meter breaks a valid module, or throws anything but a refusal */
export function judge(bytes: Uint8Array<ArrayBuffer>): Verdict {
  const isValid = WebAssembly.validate(bytes)
  try {
    const metered = meter(bytes, { maxPages: 1_024, startFuel: 1_000_000 })
    if (!isValid) throw new Error('it let an invalid module in')
    if (!WebAssembly.validate(metered)) throw new Error('it made an invalid module')
    return 'metered'
  } catch (thrown) {
    if (!(thrown instanceof RefusedModule) || thrown.message.startsWith('the module cannot be metered')) throw thrown
    return isValid ? 'refused' : 'invalid'
  }
}
