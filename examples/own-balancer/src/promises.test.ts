// It keeps what every balancer promises; weights are not among it.
import { testBalancer } from '@meshwright/core/testing'
import { test } from 'vitest'
import { byUser } from './by-user.ts'

testBalancer(() => byUser(), { test, weighted: false })
