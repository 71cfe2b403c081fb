// What every health check promises, of this one.
import { answering, testHealthCheck } from '@meshwright/core/testing'
import { test } from 'vitest'
import { http } from './http.ts'

testHealthCheck(() => http(), { test, ill: answering(503) })
testHealthCheck(() => http({ path: '/healthz', reuseConnection: false, statuses: ['200-299'] }), { test, well: answering(204), ill: answering(404) })
