// What every filter promises, of this one: while it passes requests, and when it refuses them.
import { testFilter } from '@meshwright/core/testing'
import { test } from 'vitest'
import { rateLimit } from './rate-limit.ts'

testFilter(() => rateLimit({ requests: 1000, headers: 'all', legacyHeaders: true }), { test })

/** Has none left for whoever comes next. */
function spent(): ReturnType<typeof rateLimit> {
  return rateLimit({ requests: 1, key: ['header:x-none'] as never, missing: 'refuse' as never })
}

testFilter(spent, { test })
