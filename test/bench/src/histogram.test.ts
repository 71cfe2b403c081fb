// Percentiles of a histogram.
import { expect, test } from 'vitest'
import { Histogram } from './histogram.ts'

test('a percentile is at most 1.6 % above the duration it stands for, and never below', () => {
  for (const us of [1, 3, 100, 12_345, 9_999_999]) {
    const histogram = new Histogram()
    histogram.record(us)
    const found = histogram.percentileUs(0.5)
    expect(found).toBeGreaterThan(us)
    expect(found).toBeLessThan(us * 1.016)
  }
})

test('one stall in a hundred shows at p999 and not at p50', () => {
  const histogram = new Histogram()
  for (let index = 0; index < 99; index++) histogram.record(200)
  histogram.record(50_000)
  expect(histogram.percentileUs(0.5)).toBeLessThan(210)
  expect(histogram.percentileUs(0.99)).toBeLessThan(210)
  expect(histogram.percentileUs(0.999)).toBeGreaterThan(49_999)
})

test('what was counted elsewhere counts on here', () => {
  const one = new Histogram()
  one.record(10)
  const other = new Histogram(one.counts)
  other.record(1000)
  expect(other.total).toBe(2)
  expect(other.percentileUs(0.5)).toBeLessThan(11)
  expect(other.percentileUs(1)).toBeGreaterThan(999)
})

test('an empty histogram has no percentiles', () => {
  expect(new Histogram().percentileUs(0.5)).toBeNaN()
})
