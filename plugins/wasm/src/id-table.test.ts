// A table of ids does what a Map does.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { IdTable } from './id-table.ts'

const id = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 0xffff_ffff }), fc.integer({ min: 1, max: 2 ** 44 }))
const step = fc.record({ what: fc.constantFrom('set', 'set', 'delete', 'clear' as const), id })

function compare(steps: readonly { readonly what: string; readonly id: number }[]): void {
  const table = new IdTable<string>()
  const map = new Map<number, string>()
  for (const [at, one] of steps.entries()) {
    if (one.what === 'set') {
      table.set(one.id, `value ${at}`)
      map.set(one.id, `value ${at}`)
    } else if (one.what === 'delete') expect(table.delete(one.id)).toBe(map.delete(one.id))
    else if (at % 50 === 0) {
      table.clear()
      map.clear()
    }
    expect(table.size).toBe(map.size)
  }
  for (const { id: asked } of steps) expect([table.has(asked), table.get(asked)]).toEqual([map.has(asked), map.get(asked)])
  expect([...table.values()].toSorted()).toEqual([...map.values()].toSorted())
}

test('like a Map, whatever comes and goes', () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 300 }), compare), { numRuns: 500 })
})

test('ids that follow each other, some of which stay', () => {
  const table = new IdTable<number>()
  for (let next = 1; next <= 200_000; next++) {
    table.set(next, next)
    if (next > 64 && (next - 64) % 1_000 !== 0) expect(table.delete(next - 64)).toBe(true)
  }
  expect(table.size).toBe(199 + 64)
  expect(table.values().toSorted((a, b) => a - b).slice(0, 3)).toEqual([1_000, 2_000, 3_000])
})

test('0 and what was never there are not there', () => {
  const table = new IdTable<number>()
  table.set(1, 1)
  expect([table.get(0), table.has(2), table.delete(2)]).toEqual([undefined, false, false])
})
