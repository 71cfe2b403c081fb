// What every retry policy promises, of this one.
import { testRetryPolicy } from '@meshwright/core/testing'
import { test } from 'vitest'
import { backoff } from './backoff.ts'

testRetryPolicy(() => backoff(), { test })
testRetryPolicy(() => backoff({ attempts: 99, on: ['5xx'], statusCodes: [429], rateLimited: {}, budget: false, attemptHeader: 'X-Attempt' }), { test, retries: { status: 503 } })
