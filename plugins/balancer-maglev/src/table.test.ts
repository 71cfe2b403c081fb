// The table: equal shares, shares by weight, and how little changes when members come and go.
import { describe, expect, test } from 'vitest'
import { tableOf, type Member, type Table } from './table.ts'

const size = 65_537

function membersOf(count: number, weight: (i: number) => number = () => 1): Member[] {
  return Array.from({ length: count }, (_, i) => ({ id: `10.0.${i >> 8}.${i & 255}:8080`, weight: weight(i) }))
}

function counts(table: Table, members: readonly Member[]): number[] {
  const counts = members.map(() => 0)
  for (const member of table) counts[member] = (counts[member] as number) + 1
  return counts
}

/** The part of all places that have another owner; of those whose owner is still there, if `staying`. */
function changed(before: readonly Member[], after: readonly Member[], staying = false): number {
  const [was, is] = [tableOf(before, size), tableOf(after, size)]
  const kept = new Set(after.map(({ id }) => id))
  let changes = 0
  for (let place = 0; place < size; place++) {
    const owner = (before[was[place] as number] as Member).id
    if ((!staying || kept.has(owner)) && (after[is[place] as number] as Member).id !== owner) changes++
  }
  return changes / size
}

function moved(before: readonly Member[], after: readonly Member[]): number {
  return changed(before, after, true)
}

describe('equal members', () => {
  test.each([1, 2, 3, 10, 100, 1000])('%i of them have equal parts, to one place', (count) => {
    const parts = counts(tableOf(membersOf(count), size), membersOf(count))
    expect(Math.max(...parts) - Math.min(...parts)).toBeLessThanOrEqual(1)
  })

  test('one of 100 that leaves moves no more than 2 % of all places, its own 1 % among them', () => {
    const members = membersOf(100)
    for (const gone of [0, 37, 99]) {
      const others = members.filter((_, i) => i !== gone)
      expect(changed(members, others)).toBeLessThan(0.02)
      expect(moved(members, others)).toBeLessThan(0.01)
    }
  })

  test('one that joins 99 moves no more than 2 %', () => {
    const members = membersOf(100)
    expect(changed(members.slice(0, 99), members)).toBeLessThan(0.02)
  })

  test('ten of 100 that leave move little more than what was theirs', () => {
    expect(moved(membersOf(100), membersOf(90))).toBeLessThan(0.06)
  })

  test('more members than places leave some without, and nothing breaks', () => {
    const members = membersOf(50)
    expect(counts(tableOf(members, 31), members).filter((count) => count > 0)).toHaveLength(31)
  })
})

describe('by weight', () => {
  test.each([[[3, 1]], [[5, 1, 1]], [[100, 1, 50, 7]], [[1, 0.1, 1]], [Array.from({ length: 100 }, (_, i) => i + 1)]])('parts follow it %#', (weights) => {
    const members = membersOf(weights.length, (i) => weights[i] as number)
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    counts(tableOf(members, size), members).forEach((count, i) => expect(Math.abs(count - ((weights[i] as number) / total) * size)).toBeLessThan(size * 0.001 + 2))
  })

  test('a part of less than half a place is none', () => {
    const members = membersOf(3, (i) => (i === 0 ? 1_000_000 : 1))
    expect(counts(tableOf(members, size), members)).toEqual([size, 0, 0])
  })

  test('one of 100 different ones that leaves moves no more than 2 % beyond what was its own', () => {
    const members = membersOf(100, (i) => 1 + (i % 5))
    for (const gone of [3, 4, 50]) expect(moved(members, members.filter((_, i) => i !== gone))).toBeLessThan(0.02)
  })

  test('a weight that grows takes places from the others and moves few between them', () => {
    const before = membersOf(100, (i) => (i === 7 ? 0.1 : 1))
    expect(moved(before, membersOf(100))).toBeLessThan(0.02)
  })
})

test('members beyond what 16 bits can count have their places', () => {
  const members = membersOf(66_000)
  const table = tableOf(members, 131_071)
  expect(table).toBeInstanceOf(Uint32Array)
  expect(new Set(table).size).toBe(66_000)
})
