// How long a dead thread waits for its successor.
import { expect, test } from 'vitest'
import { BackOff } from './back-off.ts'

test('the first early death costs no delay, and each further one doubles it up to 30 s', () => {
  const backOff = new BackOff()
  expect(Array.from({ length: 12 }, () => backOff.next(9_999))).toEqual([0, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000])
})

test('a thread that has lived for 10 s puts the delay back', () => {
  const backOff = new BackOff()
  for (let i = 0; i < 5; i++) backOff.next(0)
  expect([backOff.next(10_000), backOff.next(0), backOff.next(0)]).toEqual([0, 0, 100])
})
