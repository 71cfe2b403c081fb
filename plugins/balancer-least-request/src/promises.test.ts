// It keeps what every balancer promises.
import { testBalancer } from '@meshwright/core/testing'
import { test } from 'vitest'
import { leastRequest } from './least-request.ts'

testBalancer(() => leastRequest(), { test })
