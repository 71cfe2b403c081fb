// What every filter promises, of this one: while there is something left, when there is not, and while nobody answers.
import { testFilter } from '@meshwright/core/testing'
import { test } from 'vitest'
import type { Lease, Store } from './leases.ts'
import { rateLimitRedis } from './rate-limit-redis.ts'

const options = { url: 'redis://127.0.0.1', requests: 1000, key: ['route'] } as const

function on(lease: Lease, isAway: boolean = false): Store {
  return { isAway, holders: 1, lease: async () => lease, doubt() {} }
}

testFilter(() => rateLimitRedis({ ...options, lease: 3 }, { store: () => on({ taken: 3, waitMs: 0 }) }), { test, async: ['onRequestHeaders'] })
testFilter(() => rateLimitRedis(options, { store: () => on({ taken: 0, waitMs: 3_600_000 }) }), { test, async: ['onRequestHeaders'] })
testFilter(() => rateLimitRedis({ ...options, onFailure: 'closed' }, { store: () => on({ taken: 0, waitMs: 0 }, true) }), { test })
