// When a thread counts as stuck.
import { expect, test } from 'vitest'
import { Watchdog } from './watchdog.ts'

class Beating {
  beats = 1
}

test('a thread that is silent for longer than it may is stuck', () => {
  const [one, other] = [new Beating(), new Beating()]
  const dog = new Watchdog<Beating>(1000, 10_000, 60_000)
  for (let ms = 0; ms <= 10_000; ms += 1000) {
    other.beats++
    expect(dog.look([one, other], ms)).toEqual([])
  }
  expect(dog.silentMs(one)).toBe(10_000)
  expect(dog.silentMs(other)).toBe(0)
  expect(dog.look([one, other], 11_000)).toEqual([one, other].slice(0, 1))
})

test('a thread that has never given a sign of life has longer', () => {
  const starting = Object.assign(new Beating(), { beats: 0 })
  const dog = new Watchdog<Beating>(1000, 2000, 5000)
  const stuckAt: number[] = []
  for (let ms = 0; ms <= 7000; ms += 1000) if (dog.look([starting], ms).length > 0) stuckAt.push(ms)
  expect(stuckAt).toEqual([6000, 7000])
})

test('time that passed while nobody looked is not held against a thread', () => {
  const one = new Beating()
  const dog = new Watchdog<Beating>(1000, 10_000, 60_000)
  expect(dog.look([one], 0)).toEqual([])
  expect(dog.look([one], 3_600_000)).toEqual([])
  expect(dog.silentMs(one)).toBe(2000)
})

test('a thread that is gone is forgotten', () => {
  const one = new Beating()
  const dog = new Watchdog<Beating>(1000, 10_000, 60_000)
  for (const ms of [0, 1000]) dog.look([one], ms)
  dog.look([], 2000)
  expect(dog.silentMs(one)).toBe(0)
})
