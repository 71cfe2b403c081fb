// What every filter promises, of this one.
import { testFilter } from '@meshwright/core/testing'
import { test } from 'vitest'
import { deadline } from './deadline.ts'

testFilter(() => deadline(), { test })
testFilter(() => deadline({ trustedPeers: [], maxMs: 1000 }), { test })
