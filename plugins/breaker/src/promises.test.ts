// What every admission promises, of this one.
import { testAdmission } from '@meshwright/core/testing'
import { test } from 'vitest'
import { breaker } from './breaker.ts'

testAdmission(() => breaker({ slowMs: 1000 }), { test })
