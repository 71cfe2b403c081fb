// What is made of slices.
import { expect, test } from 'vitest'
import type { Slice } from './measure.ts'
import { orderOf } from './slices.ts'
import { at, beside, median, quantile, spreadOf, summarise } from './statistics.ts'

const memory = { rssBytes: 0, peakBytes: 0 }
const slicesOf = (values: readonly number[], fromMs = 0): Slice[] => values.map((cpuUsPerRequest, index) => ({ cpuUsPerRequest, requestsPerSecond: 1e6 / cpuUsPerRequest, atMs: fromMs + index * 1000 }))

test('a quantile lies between values where it falls there', () => {
  expect(quantile([4, 1, 3, 2], 0.25)).toBe(1.75)
  expect(median([3, 1, 2])).toBe(2)
  expect(median([])).toBeNaN()
})

test('a median is known better by four times as many values, not by a wider half around it', () => {
  const values = Array.from({ length: 100 }, (_, index) => index)
  const few = spreadOf(values)
  const many = spreadOf([...values, ...values, ...values, ...values])
  expect(few.median).toBe(49.5)
  expect(few.margin / many.margin).toBeGreaterThan(1.9)
  expect(few.margin / many.margin).toBeLessThan(2.1)
  expect(spreadOf([5, 5, 5]).margin).toBe(0)
})

test('one noisy half of the slices and one lucky process do not move the figure', () => {
  const quiet = summarise({ generations: [slicesOf([30, 30, 30, 30])], memory })
  const noisy = summarise({ generations: [slicesOf([20, 20, 20, 20]), slicesOf([30, 30, 90, 174]), slicesOf([31, 30, 30, 64])], memory })
  expect(quiet.cpuUsPerRequest).toBe(30)
  expect(noisy.cpuUsPerRequest).toBe(30)
  expect(noisy.slices).toBe(12)
})

test('a drift of the machine cancels out of a comparison', () => {
  const drift = Array.from({ length: 10 }, (_, index) => 30 + index * 5)
  const other = slicesOf(drift)
  const twice = slicesOf(drift.slice(0, -1).map((value, index) => value + (drift[index + 1] ?? 0)), 500)
  const { times } = beside({ generations: [twice], memory }, { generations: [other], memory })
  expect(times.median).toBeCloseTo(2)
  expect(times.quartiles[0]).toBeCloseTo(2)
  expect(times.quartiles[1]).toBeCloseTo(2)
})

test('before the first slice and after the last one these count', () => {
  const slices = slicesOf([10, 20], 1000)
  expect(at(slices, 0).cpuUsPerRequest).toBe(10)
  expect(at(slices, 1250).cpuUsPerRequest).toBe(12.5)
  expect(at(slices, 9000).cpuUsPerRequest).toBe(20)
})

test('everybody has their turn in each pass, and follows everybody about as often', () => {
  const followed = new Map<string, number>()
  for (let pass = 0; pass < 600; pass++) {
    const order = orderOf(['a', 'b', 'c'], pass)
    expect(order.toSorted()).toEqual(['a', 'b', 'c'])
    for (const [index, one] of order.slice(1).entries()) followed.set(`${order[index]}${one}`, (followed.get(`${order[index]}${one}`) ?? 0) + 1)
  }
  expect(followed.size).toBe(6)
  for (const times of followed.values()) expect(Math.abs(times - 200)).toBeLessThan(40)
})
