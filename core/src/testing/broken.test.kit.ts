// Shows that promises can be broken: for each of them there is an answer that does.
import { describe, expect, test } from 'vitest'
import { BrokenPromise, type ConformancePromise, type Make, type SuiteOptions } from './conformance.ts'

/** Answers that break a promise, by its id; several as a list. */
export type Bad<T> = Readonly<Record<string, Make<T> | readonly Make<T>[]>>

/** Tests that there is a bad answer for every promise, and that it is found. @param options what the authors of the bad answers say */
export function everyPromiseCanBreak<T, O extends SuiteOptions>(promises: readonly ConformancePromise<T, O>[], bad: Bad<T>, options?: O): void {
  describe('every promise can be broken', () => {
    test('there is a bad answer for each', () => {
      expect(Object.keys(bad)).toEqual(promises.map(({ id }) => id))
    })

    test.each(promises.flatMap((one) => [bad[one.id] ?? []].flat().map((make, at) => ({ id: one.id, title: one.title, at, make, one }))))('$id $title ($at)', async ({ id, make, one }) => {
      const given = { patienceMs: 300, settleMs: 30, ...options } as O
      expect(one.applies(given)).toBe(true)
      const error: unknown = await one.check(make, given).then(() => 'kept', (thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(BrokenPromise)
      expect((error as BrokenPromise).message).toMatch(new RegExp(`^${id} .+\\n  expected: .+\\n  happened: `))
    })
  })
}
