// How long the wait is: the exact bounds, and the ways in which an endpoint may say when.
import { Headers } from '@meshwright/core'
import { describe, expect, test } from 'vitest'
import { toDelay } from './delay.ts'
import { toResetTime, type ResetOptions } from './reset-time.ts'
import { seeded } from './retry.test.kit.ts'

const almostOne = 1 - 2 ** -32

describe('the wait', () => {
  test.each([
    [1, 24],
    [2, 74],
    [3, 174],
    [4, 249],
    [5, 249],
    [100, 249],
  ])('after failure %i is from 0 to %i ms', (failures, most) => {
    expect(toDelay({}, () => 0)(failures)).toBe(0)
    expect(toDelay({}, () => almostOne)(failures)).toBe(most)
  })

  test('takes every value between its bounds', () => {
    const delay = toDelay({}, seeded(1))
    const seen = new Set(Array.from({ length: 2000 }, () => delay(1)))
    expect([...seen].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 25 }, (_, i) => i))
  })

  test('has the bounds that the options say', () => {
    const most = (options: object, failures: number): number => toDelay(options, () => almostOne)(failures)
    expect([most({ baseMs: 100 }, 1), most({ baseMs: 100 }, 9)]).toEqual([99, 999])
    expect([most({ baseMs: 100, maxMs: 150 }, 1), most({ baseMs: 100, maxMs: 150 }, 2)]).toEqual([99, 149])
    expect(most({ baseMs: 0 }, 100)).toBe(0)
  })

  test.each([{ baseMs: -1 }, { baseMs: 60_001 }, { baseMs: 10, maxMs: 9 }, { maxMs: 600_001 }, { baseMs: Number.NaN }])('%j is refused', (options) => {
    expect(() => toDelay(options, Math.random)).toThrow(RangeError)
  })
})

describe('the time that an endpoint says', () => {
  const nowMs = Date.parse('2026-01-01T00:00:00Z')
  const said = (headers: Record<string, string>, options: ResetOptions = {}, random = (): number => 0): number | undefined => toResetTime(options, random, () => nowMs)(Headers.from(headers))
  const both: ResetOptions = { headers: [{ name: 'retry-after', format: 'seconds' }, { name: 'x-ratelimit-reset', format: 'unix-timestamp' }] }
  const inSeconds = (seconds: number): string => String(nowMs / 1000 + seconds)

  test('is waited for, and up to half as long again', () => {
    expect(said({ 'Retry-After': '2' })).toBe(2000)
    expect(said({ 'retry-after': '2' }, {}, () => almostOne)).toBe(2999)
    expect(said({ 'retry-after': '0' })).toBe(0)
  })

  test('may be a date', () => {
    expect(said({ 'retry-after': 'Thu, 01 Jan 2026 00:00:07 GMT' })).toBe(7000)
  })

  test('may be a timestamp', () => {
    expect(said({ 'x-ratelimit-reset': inSeconds(9) }, both)).toBe(9000)
  })

  test('is that of the first field that has one', () => {
    expect(said({ 'x-ratelimit-reset': inSeconds(9), 'retry-after': '3' }, both)).toBe(3000)
  })

  test('does not count when it is too far away: then it is that of the next field, or none', () => {
    expect(said({ 'retry-after': '300' })).toBe(300_000)
    expect(said({ 'retry-after': '301' })).toBeUndefined()
    expect(said({ 'x-ratelimit-reset': inSeconds(9), 'retry-after': '301' }, both)).toBe(9000)
    expect(said({ 'retry-after': '3' }, { maxMs: 2999 })).toBeUndefined()
  })

  test.each(['', '-1', '1.5', '1e3', ' 3', 'soon', '9'.repeat(16), '99999999999999999999', 'Thu, 01 Jan 2026', 'Thu, 99 Zzz 2026 00:00:07 GMT', 'Wed, 31 Dec 2025 23:59:59 GMT'])('is none in "%s"', (text) => {
    expect(said({ 'retry-after': text })).toBeUndefined()
  })

  test('is none when it is over', () => {
    expect(said({ 'x-ratelimit-reset': inSeconds(0) }, both)).toBeUndefined()
    expect(said({ 'x-ratelimit-reset': '5' }, both)).toBeUndefined()
  })

  test.each([{ headers: [] }, { headers: [{ name: 'a', format: 'days' }] }, { maxMs: 0 }, { maxMs: 3_600_001 }])('%j is refused', (options) => {
    expect(() => toResetTime(options as unknown as ResetOptions, Math.random, Date.now)).toThrow(/rateLimited/)
  })
})
