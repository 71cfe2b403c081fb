// The form of grpc-timeout.
import { describe, expect, test } from 'vitest'
import { fromGrpcTimeout, toGrpcTimeout } from './grpc-timeout.ts'

describe('a timeout is read', () => {
  test.each([
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['10S', 10_000],
    ['99999999m', 99_999_999],
    ['1500u', 1.5],
    ['2000000n', 2],
    ['0m', 0],
    ['00000007S', 7000],
  ])('%s is %d ms', (text, ms) => {
    expect(fromGrpcTimeout(text)).toBeCloseTo(ms, 9)
  })

  test.each(['', 'm', '1', '1s', '1h', '-1m', '+1m', '1.5S', '100000000m', ' 1m', '1m ', '1 m', '1mm', '0x1m', '1m\n'])('"%s" is none', (text) => {
    expect(fromGrpcTimeout(text)).toBeUndefined()
  })
})

describe('a timeout is written', () => {
  test.each([
    [1, '1m'],
    [1.9, '1m'],
    [15_000, '15000m'],
    [99_999_999, '99999999m'],
    [100_000_000, '100000S'],
    [100_000_999, '100000S'],
    [1e8 * 1000, '1666666M'],
    [1e8 * 60_000, '1666666H'],
    [1e30, '99999999H'],
  ])('%d ms is %s', (ms, text) => {
    expect(toGrpcTimeout(ms)).toBe(text)
  })

  test('in a form that is read, and as no more than there is', () => {
    for (let ms = 1; ms < 1e14; ms *= 1.37) {
      const back = fromGrpcTimeout(toGrpcTimeout(ms)) ?? Number.NaN
      expect(back).toBeLessThanOrEqual(ms)
      expect(back).toBeGreaterThan(ms * 0.99 - 1)
    }
  })
})
