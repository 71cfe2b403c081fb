// What every outlier detector promises, of this one.
import { testOutlierDetector } from '@meshwright/core/testing'
import { test } from 'vitest'
import { passive } from './passive.ts'

testOutlierDetector(() => passive(), { test })
testOutlierDetector(() => passive({ consecutiveGatewayFailures: 2 }), { test, failing: 2, failure: { status: 502 } })
testOutlierDetector(() => passive({ splitLocalFailures: true, consecutiveLocalFailures: 3 }), { test, failing: 3, failure: { error: 'MESH_CONNECT_FAILED' } })
