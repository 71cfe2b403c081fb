// Statuses and ranges of them.
import { expect, test } from 'vitest'
import { statusSet } from './statuses.ts'

test('numbers, texts and ranges are one set', () => {
  expect([...statusSet([200, '204', '301-303', 301])]).toEqual([200, 204, 301, 302, 303])
  expect(statusSet(['200-599']).size).toBe(400)
})

test.each([100, 199, 600, 200.5, '2xx', '300-200', '200-', '-200', '200-600', '', ' 200', Number.NaN])('%j is none', (status) => {
  expect(() => statusSet([status])).toThrow(/neither a status from 200 to 599 nor a range/)
})
