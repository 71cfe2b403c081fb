// What every filter promises, of this one: while it passes requests, and when it refuses them.
import { exchange, testFilter } from '@meshwright/core/testing'
import { test } from 'vitest'
import { rateLimit, type RateLimiter } from './rate-limit.ts'

testFilter(() => rateLimit({ requests: 1000, headers: 'all', legacyHeaders: true }), { test })

/** Its budget is spent. */
function spent(): RateLimiter {
  const limiter = rateLimit({ requests: 1, windowMs: 3_600_000, key: ['route'] })
  limiter.onRequestHeaders(exchange())
  return limiter
}

testFilter(spent, { test })
