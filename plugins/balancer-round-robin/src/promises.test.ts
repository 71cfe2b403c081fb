// It keeps what every balancer promises.
import { testBalancer } from '@meshwright/core/testing'
import { test } from 'vitest'
import { roundRobin } from './round-robin.ts'

testBalancer(() => roundRobin(), { test })
