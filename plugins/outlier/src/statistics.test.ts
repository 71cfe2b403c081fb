// Who stands out among peers, by the numbers.
import { describe, expect, test } from 'vitest'
import { defaultFailurePercentage, defaultSuccessRate, highFailures, lowRates } from './statistics.ts'
import { Rate } from './tally.ts'

function rates(total: number, ...percents: number[]): Rate[] {
  return percents.map((percent) => Object.assign(new Rate(), { total, good: (total * percent) / 100 }))
}

const percentsOf = (found: readonly Rate[]): number[] => found.map(({ percent }) => percent)

describe('a success rate is too low', () => {
  test('below the mean less 1.9 standard deviations of the population: 52 for four of 100 and one of 50', () => {
    // Mean 90, σ 20, threshold 52; with the σ of a sample (22.4) it would be 47.5.
    expect(percentsOf(lowRates(rates(100, 100, 100, 100, 100, 50), defaultSuccessRate))).toEqual([50])
  })

  test.each([
    [1.99, [50]],
    [2.01, []],
  ])('%f standard deviations below the mean find %j', (stdevFactor, expected) => {
    // Four that are alike and one that is not: that one is exactly two standard deviations away.
    expect(percentsOf(lowRates(rates(100, 100, 100, 100, 100, 50), { ...defaultSuccessRate, stdevFactor }))).toEqual(expected)
  })

  test('never for fewer than five failures, which is far below the mean where nothing else fails', () => {
    expect(lowRates(rates(100, 100, 100, 100, 100, 96), defaultSuccessRate)).toEqual([])
    expect(percentsOf(lowRates(rates(100, 100, 100, 100, 100, 95), defaultSuccessRate))).toEqual([95])
    expect(percentsOf(lowRates(rates(100, 100, 100, 100, 100, 99), { ...defaultSuccessRate, minFailures: 0 }))).toEqual([99])
  })

  test('never when all are the same', () => {
    expect(lowRates(rates(100, 0, 0, 0, 0, 0), defaultSuccessRate)).toEqual([])
  })

  test('never of fewer than five with a hundred attempts each', () => {
    expect(lowRates(rates(100, 100, 100, 100, 0), defaultSuccessRate)).toEqual([])
    expect(lowRates([...rates(100, 100, 100, 100, 100), ...rates(99, 0)], defaultSuccessRate)).toEqual([])
    expect(percentsOf(lowRates([...rates(100, 100, 100, 100, 100, 0), ...rates(99, 0)], defaultSuccessRate))).toEqual([0])
  })

  test('never of nobody', () => {
    expect(lowRates([], { ...defaultSuccessRate, minEndpoints: 1 })).toEqual([])
  })
})

describe('a failure percentage is too high', () => {
  test('at 85 percent and above', () => {
    expect(percentsOf(highFailures(rates(100, 100, 16, 15, 14, 0), defaultFailurePercentage))).toEqual([15, 14, 0])
  })

  test('also when all are the same', () => {
    expect(highFailures(rates(50, 0, 0, 0, 0, 0), defaultFailurePercentage).length).toBe(5)
  })

  test('never of fewer than five with fifty attempts each', () => {
    expect(highFailures(rates(50, 0, 0, 0, 0), defaultFailurePercentage)).toEqual([])
    expect(highFailures([...rates(50, 0, 0, 0, 0), ...rates(49, 0)], defaultFailurePercentage)).toEqual([])
  })
})
