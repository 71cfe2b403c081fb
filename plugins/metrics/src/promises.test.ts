// What every filter promises, of this one.
import { Metrics } from '@meshwright/core'
import { testFilter } from '@meshwright/core/testing'
import { test } from 'vitest'
import { requestMetrics } from './request-metrics.ts'

testFilter(() => requestMetrics(new Metrics()), { test })
