// The meter: what is paid for, what is ended, and what is not let in.
import { describe, expect, test } from 'vitest'
import { wat } from '../guest.test.kit.ts'
import { FuelGauge } from '../host/fuel-gauge.ts'
import { fuelExport } from './fuel-export.ts'
import { meter, type MeterOptions } from './meter.ts'
import { RefusedModule } from './refused-module.ts'
import { seeded, structured } from './structured.test.kit.ts'

const options: MeterOptions = { maxPages: 1_024, startFuel: 1_000_000 }

type Run = (...parameters: number[]) => number

interface Metered {
  readonly fuel: FuelGauge
  readonly call: (name: string, ...parameters: number[]) => number
}

function instance(text: string, imports: WebAssembly.Imports = {}, more: Partial<MeterOptions> = {}): Metered {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(meter(wat(text), { ...options, ...more })), imports)
  const fuel = new FuelGauge(exports[fuelExport] as WebAssembly.Global)
  return { fuel, call: (name, ...parameters) => (exports[name] as Run)(...parameters) }
}

/** A module as bytes, for what has no text. */
function bytes(...parts: readonly (number | readonly number[])[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, ...parts.flat()])
}

function section(id: number, ...content: readonly number[]): number[] {
  return [id, content.length, ...content]
}

/** A module with one function of no parameters, of these instructions. */
function codeOf(...instructions: readonly number[]): Uint8Array<ArrayBuffer> {
  const body = [0x00, ...instructions, 0x0b]
  return bytes(section(1, 1, 0x60, 0, 0), section(3, 1, 0), section(5, 1, 0, 1), section(10, 1, body.length, ...body))
}

describe('what never ends', () => {
  const attacks: Readonly<Record<string, string>> = {
    'an endless loop': '(func (export "go") (loop $l (br $l)))',
    'an endless loop through br_table': '(func (export "go") (loop $l (br_table $l $l (i32.const 0))))',
    'an endless loop through br_if, in another one': '(func (export "go") (loop $a (loop $b (br_if $b (i32.const 1)) (br $a))))',
    'a tree of calls': '(func $f (export "go") (call $g (i32.const 60))) (func $g (param i32) (if (local.get 0) (then (call $g (i32.sub (local.get 0) (i32.const 1))) (call $g (i32.sub (local.get 0) (i32.const 1))))))',
    'a tail call of itself': '(func $f (export "go") (return_call $f))',
    'tail calls in turn, through a table': '(type $t (func)) (table 2 funcref) (elem (i32.const 0) $f $g) (func $f (export "go") (return_call_indirect (type $t) (i32.const 1))) (func $g (return_call_indirect (type $t) (i32.const 0)))',
    'a storm of memory.fill': '(memory 1024) (func (export "go") (loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 60000000)) (br $l)))',
    'a storm of memory.copy': '(memory 1024) (func (export "go") (loop $l (memory.copy (i32.const 0) (i32.const 30000000) (i32.const 30000000)) (br $l)))',
    'a storm of memory.init': '(memory 1) (data $d "abcdefgh") (func (export "go") (loop $l (memory.init $d (i32.const 0) (i32.const 0) (i32.const 8)) (br $l)))',
    'a storm of memory.grow': '(memory 0) (func (export "go") (loop $l (drop (memory.grow (i32.const 1))) (br $l)))',
    'a storm of table.grow': '(table 0 funcref) (func (export "go") (loop $l (drop (table.grow 0 (ref.null func) (i32.const 1000))) (br $l)))',
    'a storm of table.fill': '(table 1000000 funcref) (func (export "go") (loop $l (table.fill 0 (i32.const 0) (ref.null func) (i32.const 1000000)) (br $l)))',
    'a storm of table.copy': '(table 1000000 funcref) (func (export "go") (loop $l (table.copy (i32.const 0) (i32.const 1) (i32.const 999999)) (br $l)))',
    'a storm of exceptions': '(tag $t) (func (export "go") (loop $l (try (do (throw $t)) (catch $t)) (br $l)))',
    'a loop of divisions': `(func (export "go") (local i64) (local.set 0 (i64.const 0x7fffffffffffffff)) (loop $l ${'(local.set 0 (i64.add (i64.div_s (local.get 0) (i64.const 3)) (i64.const 0x7ffffffffffffff)))'.repeat(2_000)} (br $l)))`,
  }

  test.each(Object.entries(attacks))('%s is ended', (_name, text) => {
    const { fuel, call } = instance(`(module ${text})`)
    fuel.fill(2_000_000)
    expect(() => call('go')).toThrow(/unreachable/)
    expect(fuel.left).toBeLessThan(0)
  })

  test('an endless recursion is ended by the stack, or by the fuel', () => {
    const { fuel, call } = instance('(module (func $f (export "go") (call $f) (call $f)))')
    fuel.fill(2_000_000_000)
    expect(() => call('go')).toThrow()
  })

  test('a start function is ended before anybody can call the module', () => {
    const text = '(module (func $s (loop $l (br $l))) (start $s))'
    expect(() => instance(text)).toThrow(/unreachable/)
  })

  test('a trap for want of fuel is not caught by the guest', () => {
    const { fuel, call } = instance('(module (func $f (loop $l (br $l))) (func (export "go") (loop $l (try (do (call $f)) (catch_all)) (br $l))))')
    fuel.fill(100_000)
    expect(() => call('go')).toThrow(/unreachable/)
  })

  test('what a host function throws may be caught, and does not help when the fuel is gone', () => {
    const imports = {
      h: {
        f() {
          fuel.fill(-1)
          throw new Error('ended')
        },
      },
    }
    const { fuel, call } = instance('(module (import "h" "f" (func $h)) (func (export "go") (loop $l (try (do (call $h)) (catch_all)) (br $l))))', imports)
    fuel.fill(1_000_000)
    expect(() => call('go')).toThrow(/unreachable/)
  })

  test('a bulk operation larger than any memory costs more than there is', () => {
    const { fuel, call } = instance('(module (memory 1) (func (export "go") (memory.fill (i32.const 0) (i32.const 0) (i32.const -1))))')
    fuel.fill(1_000_000)
    expect(() => call('go')).toThrow(/unreachable/)
  })
})

describe('what is not let in', () => {
  const refused = (module: Uint8Array<ArrayBuffer>, why: RegExp): void => {
    expect(() => meter(module, options)).toThrow(RefusedModule)
    expect(() => meter(module, options)).toThrow(why)
  }

  test('a module that only the meter would make valid: it fills up its own fuel', () => {
    // global.set 0, where there is no global yet
    const module = codeOf(0x41, 0xff, 0xff, 0xff, 0xff, 0x07, 0x24, 0x00)
    expect(WebAssembly.validate(module)).toBe(false)
    refused(module, /not valid/)
  })

  test('a module that uses a local that only the meter adds', () => {
    refused(codeOf(0x41, 0, 0x21, 0x00, 0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 11, 0), /not valid/)
  })

  test('a module that exports the name of the fuel', () => {
    refused(wat(`(module (global (export "${fuelExport}") (mut i32) (i32.const 5)))`), /a name that is used here/)
  })

  test.each([
    ['shared memory', wat('(module (memory 1 1 shared))'), /shared or 64-bit/],
    ['64-bit memory', bytes(section(5, 1, 0x04, 1)), /shared or 64-bit|not valid/],
    ['two memories', bytes(section(5, 2, 0, 1, 0, 1)), /several memories|not valid/],
    ['array types of the GC proposal', bytes(section(1, 1, 0x5e, 0x7f, 0x01)), /only plain function types|not valid/],
    ['typed references', bytes(section(1, 2, 0x60, 0, 0, 0x60, 1, 0x63, 0, 0)), /typed references|not valid/],
    ['an imported memory', wat('(module (import "env" "memory" (memory 1)))'), /imports a memory "env.memory"/],
    ['an imported table', wat('(module (import "env" "t" (table 1 funcref)))'), /imports a table/],
    ['an imported global', wat('(module (import "env" "g" (global i32)))'), /imports a global/],
    ['an imported tag', wat('(module (import "env" "t" (tag)))'), /imports a tag/],
    ['an oversized table', wat('(module (table 1000001 funcref))'), /begins with 1000001 entries/],
    ['an oversized memory', wat('(module (memory 1025))'), /begins with 1025 pages/],
    ['no module', Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]), /no WebAssembly module/],
    ['nothing', new Uint8Array(0), /no WebAssembly module/],
    ['a component', Uint8Array.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]), /a component is no module/],
    ['an unknown section', bytes([99, 0]), /unknown section 99/],
    ['half a beginning', Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0]), /ends too early, at byte 6 /],
    ['a section that ends too late', bytes([1, 100, 0]), /ends too early: 1 of 100 bytes are there, at byte 10 /],
    ['an unknown instruction', codeOf(0xff), /not valid|unknown instruction/],
  ])('%s', (_name, module, why) => refused(module, why))

  test('a module without memory and functions is let in', () => {
    expect(WebAssembly.validate(meter(bytes(), options))).toBe(true)
  })
})

describe('limits', () => {
  test('memory and tables grow no further than they may, whatever the module says', () => {
    const { fuel, call } = instance('(module (memory 1 60000) (table $t 1 4000000000 funcref) (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))) (func (export "table") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0))))', {}, { maxPages: 4, maxTableEntries: 10 })
    fuel.fill(1_000_000_000)
    expect([call('grow', 4), call('grow', 3), call('grow', 1), call('table', 10), call('table', 9), call('table', 1)]).toEqual([-1, 1, -1, -1, 1, -1])
  })

  test('a smaller maximum of the module stays', () => {
    const { fuel, call } = instance('(module (memory 1 2) (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))')
    fuel.fill(1_000_000_000)
    expect([call('grow', 2), call('grow', 1)]).toEqual([-1, 1])
  })
})

describe('what is paid', () => {
  test('is at least what runs, on every path, and changes no result', () => {
    const random = seeded(7)
    let paths = 0
    for (let round = 0; round < 120; round++) {
      const text = structured(random)
      const plain = new WebAssembly.Instance(new WebAssembly.Module(wat(text))).exports
      const metered = new WebAssembly.Instance(new WebAssembly.Module(meter(wat(text), options))).exports
      const fuel = new FuelGauge(metered[fuelExport] as WebAssembly.Global)
      for (const name of Object.keys(plain).filter((one) => one.startsWith('f'))) {
        for (let seed = 1; seed <= 12; seed++) {
          const [before, budget] = [(metered['count'] as WebAssembly.Global).value, 2_000_000_000]
          fuel.fill(budget)
          const result = (metered[name] as Run)(seed * 2_654_435)
          const ran = (metered['count'] as WebAssembly.Global).value - before
          const paid = budget - fuel.left
          expect(result).toBe((plain[name] as Run)(seed * 2_654_435))
          expect(paid, `${name}(${seed}) of\n${text}`).toBeGreaterThanOrEqual(ran)
          paths++
        }
      }
    }
    expect(paths).toBeGreaterThan(1_000)
  })

  test('is little for a loop that does little', () => {
    const { fuel, call } = instance('(module (func (export "go") (param i32) (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))')
    fuel.fill(1_000_000)
    call('go', 1_000)
    expect(1_000_000 - fuel.left).toBeLessThan(10_000)
  })

  test('comes out of budgets of more than 32 bits too', () => {
    const { fuel, call } = instance('(module (func (export "go") (param i32) (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))', {}, { startFuel: 2 ** 52 + 3 })
    expect(fuel.left).toBe(2 ** 52 + 3)
    fuel.fill(2 ** 31 + 100)
    call('go', 1_000)
    expect(fuel.left).toBeLessThan(2 ** 31 - 1_000)
    expect(fuel.left).toBeGreaterThan(2 ** 31 - 10_000)
    fuel.fill(-(2 ** 40))
    expect(fuel.left).toBe(-(2 ** 40))
  })

  test('for locals is paid at each call', () => {
    const { fuel, call } = instance(`(module (func (export "go") (local ${'i32 '.repeat(4_000)})))`)
    fuel.fill(10_000)
    call('go')
    expect(10_000 - fuel.left).toBeGreaterThanOrEqual(1_000)
  })
})
