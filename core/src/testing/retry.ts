// What every retry policy promises.
import { isToken } from '../fields.ts'
import type { Exchange } from '../exchange.ts'
import type { RetryPolicy } from '../questions.ts'
import { endpoint, exchange, outcome, type ExchangeParts, type Outcome } from './build.ts'
import { demand, promise, register, show, type ConformancePromise, type Make, type SuiteOptions } from './conformance.ts'
import { watchExchange } from './untouched.ts'

/** What an author says of a retry policy. */
export interface RetryOptions extends SuiteOptions {
  /** A failure after which it wants a second attempt. Default `{ error: 'MESH_CONNECT_FAILED' }`. */
  readonly retries?: ExchangeParts
}

type RetryPromise = ConformancePromise<RetryPolicy, RetryOptions>

/** The core makes no more attempts than this. */
const maxAttempts = 100

const mayThrow = 'a throw is MESH_PLUGIN_FAILED in the log, and no further attempt is made'

/** Each of them can be asked of any retry policy. */
export const retryPromises: readonly RetryPromise[] = [
  promise('retry/1', 'answers nothing or a delay in milliseconds', {
    hint: mayThrow,
    async check(make, options) {
      const policy = await make()
      for (const end of [failure(options), ...ends]) demandDelay(policy.next(exchange(end)))
      const again = exchange(failure(options))
      for (let attempt = 1; attempt <= 20; attempt++) demandDelay(policy.next(nextAttempt(again, failure(options), attempt)))
    },
  }),
  promise('retry/2', 'wants a second attempt after the failure its author names', {
    async check(make, options) {
      const delayMs = (await make()).next(exchange(failure(options)))
      demand(delayMs !== undefined, 'a delay', 'undefined', 'the option `retries` says which failure it repeats')
    },
  }),
  promise('retry/3', 'has enough at some time of a request that fails for ever', {
    async check(make, options) {
      const attempts = attemptsOf(await make(), options)
      demand(attempts < maxAttempts, `undefined after fewer than ${maxAttempts} attempts`, 'a delay after every attempt', '`exchange.attempt` is the number of attempts made so far')
    },
  }),
  promise('retry/4', 'does not make one request pay for another', {
    async check(make, options) {
      const policy = await make()
      attemptsOf(policy, options)
      const delayMs = policy.next(exchange(failure(options)))
      demand(delayMs !== undefined, 'a delay for the first failure of another request', 'undefined', 'count by `exchange.attempt`, not in the policy')
    },
  }),
  promise('retry/5', 'copes with every failure there is', {
    hint: `${mayThrow}; an error comes without a response, a response without an error, and header fields may be anything`,
    async check(make) {
      const policy = await make()
      for (const end of ends) for (const method of ['GET', 'POST', 'PURGE']) policy.next(exchange({ ...end, method }))
    },
  }),
  promise('retry/6', 'changes nothing of the exchange', {
    async check(make, options) {
      const policy = await make()
      for (const end of [failure(options), ...ends]) {
        const one = exchange({ endpoint: endpoint('127.0.0.1:80'), headers: { 'x-a': '1' }, ...end })
        const check = watchExchange(one, 'next')
        policy.next(one)
        check()
      }
    },
  }),
  promise('retry/7', 'asks for what the core can do', {
    async check(make) {
      const { replayBytes = 0, attemptTimeoutMs = 0, attemptHeader } = await make()
      demand(Number.isInteger(replayBytes) && replayBytes >= 0, 'a `replayBytes` that is a whole number from 0', show(replayBytes))
      demand(Number.isFinite(attemptTimeoutMs) && attemptTimeoutMs >= 0, 'an `attemptTimeoutMs` that is a number from 0', show(attemptTimeoutMs))
      const isName = attemptHeader === undefined || (isToken(attemptHeader) && attemptHeader === attemptHeader.toLowerCase())
      demand(isName, 'an `attemptHeader` that is a field name in lower case', show(attemptHeader))
    },
  }),
]

/** Registers a test for each of {@link retryPromises}. @param make a new policy at each call */
export function testRetryPolicy(make: Make<RetryPolicy>, options: RetryOptions = {}): void {
  register(retryPromises, make, options)
}

const ends: readonly Outcome[] = [
  ...[400, 404, 409, 429, 500, 502, 503, 504, 999].map((status) => ({ status })),
  ...(['MESH_CONNECT_FAILED', 'MESH_CONNECT_TIMEOUT', 'MESH_UPSTREAM_CLOSED', 'MESH_UPSTREAM_PROTOCOL', 'MESH_RESPONSE_HEADERS_TIMEOUT', 'MESH_ATTEMPT_TIMEOUT', 'MESH_NO_ENDPOINT', 'MESH_OVERFLOW'] as const).map((error) => ({ error })),
  ...['0', '120', '-1', 'soon', 'Wed, 21 Oct 2015 07:28:00 GMT', '9'.repeat(400)].map((after) => ({ status: 503, responseHeaders: { 'retry-after': after } })),
  ...['14', '0', 'x'].map((status) => ({ status: 200, responseHeaders: { 'grpc-status': status } })),
  { status: 502, error: 'MESH_UPSTREAM_CLOSED' },
]

function failure({ retries = { error: 'MESH_CONNECT_FAILED' } }: RetryOptions): ExchangeParts {
  return retries
}

/** How many attempts are made of a request that always fails. */
function attemptsOf(policy: RetryPolicy, options: RetryOptions): number {
  const one = exchange(failure(options))
  for (let attempt = 1; attempt < maxAttempts; attempt++) if (policy.next(nextAttempt(one, failure(options), attempt)) === undefined) return attempt
  return maxAttempts
}

function nextAttempt(one: Exchange, end: ExchangeParts, attempt: number): Exchange {
  if (attempt > 1 && one.endpoint !== undefined) one.tried = [...one.tried, one.endpoint]
  one.attempt = attempt
  return outcome(one, end)
}

function demandDelay(delayMs: unknown): void {
  const isGood = delayMs === undefined || (typeof delayMs === 'number' && Number.isFinite(delayMs) && delayMs >= 0)
  demand(isGood, 'undefined or a finite number from 0', show(delayMs), 'a delay that grows needs an upper end')
}
