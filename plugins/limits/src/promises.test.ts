// What every admission promises, of this one. It counts nothing itself, so the suite need not know its limit.
import { testAdmission } from '@meshwright/core/testing'
import { test } from 'vitest'
import { limits } from './limits.ts'

testAdmission(() => limits({ requests: 1, retries: 1, endpointRequests: 1 }), { test })
