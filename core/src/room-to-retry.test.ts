// Who is asked whether there is room for a further attempt, and what their answer means.
import { expect, test } from 'vitest'
import type { Exchange } from './exchange.ts'
import type { Admission, RetryPolicy } from './questions.ts'
import { withRoom } from './room-to-retry.ts'

const policy = (delayMs: number | undefined): RetryPolicy => ({ replayBytes: 7, attemptHeader: 'x-attempt', next: () => delayMs })

function admission(mayRetry?: Admission['mayRetry']): Admission {
  return { admit: () => undefined, ended() {}, ...(mayRetry !== undefined && { mayRetry }) }
}

/** What is answered and left on the exchange, and what was thrown meanwhile. */
function ask(wanted: number | undefined, ...admissions: Admission[]): unknown[] {
  const thrown: unknown[] = []
  const exchange = { unretried: undefined } as unknown as Exchange
  return [withRoom(policy(wanted), admissions, (error) => void thrown.push(error)).next(exchange), exchange.unretried, ...thrown]
}

test('a policy is itself where nobody knows the question', () => {
  const one = policy(5)
  expect(withRoom(one, [admission(), admission()], () => {})).toBe(one)
})

test('what a policy wants is done if all have room, and it says the rest as before', () => {
  expect(ask(5, admission(() => true), admission())).toEqual([5, undefined])
  expect(withRoom(policy(5), [admission(() => true)], () => {})).toMatchObject({ replayBytes: 7, attemptHeader: 'x-attempt' })
})

test('one without room is enough for no further attempt, and the exchange says so', () => {
  expect(ask(5, admission(() => true), admission(() => false))).toEqual([undefined, 'overflow'])
})

test('nobody is asked about what the policy does not want', () => {
  const asked: string[] = []
  expect(ask(undefined, admission(() => asked.push('asked') > 5))).toEqual([undefined, undefined])
  expect(asked).toEqual([])
})

test('one that throws has no room', () => {
  const broken = new Error('broken')
  expect(ask(5, admission(() => { throw broken }))).toEqual([undefined, 'overflow', broken])
})
