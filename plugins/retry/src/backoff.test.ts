// Once more? What is asked, in which order, and what is counted.
import { Metrics, type Exchange } from '@meshwright/core'
import { describe, expect, test } from 'vitest'
import { backoff, type BackoffOptions, type BackoffParts } from './backoff.ts'
import type { ConditionName } from './conditions.ts'
import { failed, type Failure } from './retry.test.kit.ts'

const refusal: Failure = { code: 'MESH_CONNECT_FAILED', sent: false }
const almostOne = (): number => 1 - 2 ** -32

/** What a policy answers, and what it counts. */
function asked(failure: Failure | Exchange, options: BackoffOptions = {}): { delayMs: number | undefined; counted: string[] } {
  const metrics = new Metrics()
  const names: readonly ConditionName[] = ['connect-failure', 'gateway-error', '5xx']
  const parts: BackoffParts = {
    random: almostOne,
    now: () => 0,
    made: new Map(names.map((reason) => [reason, metrics.counter('made', '', { reason })])),
    refused: { attempts: metrics.counter('refused', '', { why: 'attempts' }), budget: metrics.counter('refused', '', { why: 'budget' }), deadline: metrics.counter('refused', '', { why: 'deadline' }) },
  }
  const delayMs = backoff(options, parts).next('request' in failure ? failure : failed(failure))
  const counted = metrics.collect().flatMap(({ series }) => series.flatMap((one) => ('value' in one && one.value > 0 ? [`${one.labels.join()} ${one.value}`] : [])))
  return { delayMs, counted }
}

function due(failure: Failure, inMs: number): Exchange {
  const exchange = failed(failure)
  exchange.deadlineMs = performance.now() + inMs
  return exchange
}

describe('a policy', () => {
  test('makes one attempt more, after a wait', () => {
    expect(asked(refusal)).toEqual({ delayMs: 24, counted: ['connect-failure 1'] })
    expect(asked({ ...refusal, attempt: 2 })).toEqual({ delayMs: undefined, counted: ['attempts 1'] })
  })

  test.each([1, 2, 3, 10])('makes %i attempts in all, the first one included', (attempts) => {
    const policy = backoff({ attempts, budget: false })
    const made = Array.from({ length: 20 }, (_, i) => policy.next(failed({ ...refusal, attempt: i + 1 }))).filter((delayMs) => delayMs !== undefined).length
    expect(made + 1).toBe(attempts)
  })

  test('waits longer after each failure', () => {
    expect([1, 2, 3, 4, 5].map((attempt) => asked({ ...refusal, attempt }, { attempts: 10 }).delayMs)).toEqual([24, 74, 174, 249, 249])
  })

  test('counts nothing where no condition holds', () => {
    expect(asked({ status: 503, attempt: 9 })).toEqual({ delayMs: undefined, counted: [] })
  })

  test('gives the condition that held as the reason', () => {
    expect(asked({ status: 503 }, { on: ['5xx', 'gateway-error'] }).counted).toEqual(['gateway-error 1'])
    expect(asked({ status: 500 }, { on: ['5xx', 'gateway-error'] }).counted).toEqual(['5xx 1'])
  })

  test('makes none that would begin after the deadline, and says why', () => {
    expect(asked(due(refusal, 10))).toEqual({ delayMs: undefined, counted: ['deadline 1'] })
    expect(asked(due(refusal, 10_000))).toEqual({ delayMs: 24, counted: ['connect-failure 1'] })
  })

  test('asks for attempts first, for room then, and for time last', () => {
    const full = { active: 1, retrying: 50 }
    expect(asked(due({ ...refusal, ...full, attempt: 2 }, 10)).counted).toEqual(['attempts 1'])
    expect(asked(due({ ...refusal, ...full }, 10)).counted).toEqual(['budget 1'])
  })

  test('says to the core what it needs', () => {
    expect(backoff()).toMatchObject({ replayBytes: 65_536, attemptTimeoutMs: 0, everyResponse: false })
    expect(backoff().attemptHeader).toBeUndefined()
    expect(backoff({ replayBytes: 0, attemptTimeoutMs: 200, attemptHeader: 'X-Attempt', statusCodes: [202] })).toMatchObject({ replayBytes: 0, attemptTimeoutMs: 200, attemptHeader: 'x-attempt', everyResponse: true })
  })
})

test.each([
  ['attempts', { attempt: 2 }],
  ['overflow', { retrying: 100 }],
  [undefined, {}],
] as const)('the exchange says that %s stood in the way', (unretried, state) => {
  const exchange = failed({ ...refusal, ...state })
  backoff().next(exchange)
  expect(exchange.unretried).toBe(unretried)
})

describe('the budget', () => {
  const room = (failure: Failure, options: BackoffOptions = {}): boolean => asked({ ...refusal, ...failure }, { attempts: 5, ...options }).delayMs !== undefined

  test.each([
    [1, 0, true],
    [1, 2, true],
    [1, 3, false],
    [15, 3, false],
    [19, 3, false],
    [20, 3, true],
    [100, 19, true],
    [100, 20, false],
  ])('of %i attempts under way and %i further ones: room for another is %s', (active, retrying, has) => {
    expect(room({ active, retrying })).toBe(has)
  })

  test('gives a further attempt that has failed its own place again', () => {
    expect(room({ active: 1, retrying: 3, attempt: 2 })).toBe(true)
    expect(room({ active: 1, retrying: 4, attempt: 2 })).toBe(false)
  })

  test('is as large as the options say', () => {
    expect(room({ retrying: 1 }, { budget: { min: 1 } })).toBe(false)
    expect(room({ active: 10, retrying: 4 }, { budget: { min: 0, percent: 50 } })).toBe(true)
    expect(room({ active: 10, retrying: 5 }, { budget: { min: 0, percent: 50 } })).toBe(false)
    expect(room({ active: 1 }, { budget: { min: 0 } })).toBe(false)
    expect(room({ retrying: 10_000 }, { budget: false })).toBe(true)
  })
})

describe('a rate limited response', () => {
  const limited: BackoffOptions = { statusCodes: [429], rateLimited: {} }

  test('is waited for as long as it says, if the policy asks for it', () => {
    expect(asked({ status: 429, headers: { 'retry-after': '2' } }, limited).delayMs).toBe(2999)
    expect(asked({ status: 429, headers: { 'retry-after': '2' } }, { statusCodes: [429] }).delayMs).toBe(24)
  })

  test('that does not say is waited for as any other', () => {
    expect(asked({ status: 429 }, limited).delayMs).toBe(24)
    expect(asked({ status: 429, headers: { 'retry-after': '301' } }, limited).delayMs).toBe(24)
  })

  test('is not tried again when the time it says comes after the deadline', () => {
    const exchange = due({ status: 429, headers: { 'retry-after': '60' } }, 30_000)
    expect(asked(exchange, limited)).toEqual({ delayMs: undefined, counted: ['deadline 1'] })
  })

  test('whose head came before its connection broke says nothing', () => {
    expect(asked({ code: 'MESH_CONNECT_FAILED', sent: false, status: 429, headers: { 'retry-after': '2' } }, limited).delayMs).toBe(24)
  })
})

test.each([
  { attempts: 0 }, { attempts: 101 }, { attempts: 1.5 }, { replayBytes: -1 }, { attemptTimeoutMs: -1 }, { attemptHeader: 'x y' }, { attemptHeader: '' },
  { budget: { percent: 101 } }, { budget: { min: -1 } }, { budget: { min: 0.5 } },
])('%j is refused', (options) => {
  expect(() => backoff(options)).toThrow(/attempts|replayBytes|attemptTimeoutMs|attemptHeader|budget/)
})
