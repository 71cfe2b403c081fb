// Good retry policies keep all promises; for each promise there is one that breaks it.
import { describe, test } from 'vitest'
import type { Exchange } from '../exchange.ts'
import type { RetryPolicy } from '../questions.ts'
import { everyPromiseCanBreak } from './broken.test.kit.ts'
import { retryPromises, testRetryPolicy } from './retry.ts'

/** Two more attempts, each after twice the delay. */
function twice(): RetryPolicy {
  return { next: (exchange) => (exchange.attempt > 2 ? undefined : 25 * 2 ** exchange.attempt) }
}

describe('two more attempts', () => {
  testRetryPolicy(twice, { test })
})

describe('one more after a 503, at once', () => {
  testRetryPolicy(() => ({ replayBytes: 0, attemptHeader: 'x-attempt', next: ({ attempt, response }) => (attempt === 1 && response?.status === 503 ? 0 : undefined) }), { test, retries: { status: 503 } })
})

function but(next: (good: RetryPolicy, exchange: Exchange) => unknown): () => RetryPolicy {
  return () => {
    const good = twice()
    return { next: (exchange) => next(good, exchange) as number | undefined }
  }
}

everyPromiseCanBreak(retryPromises, {
  'retry/1': [but(() => -1), but((_good, { attempt }) => 10 ** (attempt * 100)), but(() => Number.NaN), but(() => '25'), but((good, exchange) => Promise.resolve(good.next(exchange))), but(() => false)],
  'retry/2': but(() => undefined),
  'retry/3': but(() => 10),
  'retry/4': () => {
    let left = 2
    return { next: () => (left-- > 0 ? 10 : undefined) }
  },
  'retry/5': [
    but((good, exchange) => (exchange.response!.status === 503 ? good.next(exchange) : undefined)),
    but((good, exchange) => (exchange.error!.status === 503 ? good.next(exchange) : undefined)),
    but((good, exchange) => (new Date(exchange.response?.headers.get('retry-after') ?? 0).toISOString() === '' ? undefined : good.next(exchange))),
    but((_good, { response }) => ({ 503: 1, 502: 1 })[response?.status ?? 503]!.toFixed() as never),
  ],
  'retry/6': [
    but((good, exchange) => (exchange.request.headers.set('x-attempt', '2'), good.next(exchange))),
    but((good, exchange) => ((exchange.error = undefined), good.next(exchange))),
    but((good, exchange) => (exchange.response?.headers.delete('retry-after'), good.next(exchange))),
    but((good, exchange) => (exchange.attempt++, good.next(exchange))),
  ],
  'retry/7': [() => ({ ...twice(), replayBytes: -1 }), () => ({ ...twice(), attemptTimeoutMs: Number.NaN }), () => ({ ...twice(), attemptHeader: 'X-Attempt' }), () => ({ ...twice(), attemptHeader: 'the attempt' })],
})
