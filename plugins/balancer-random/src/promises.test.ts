// It keeps what every balancer promises.
import { testBalancer } from '@meshwright/core/testing'
import { test } from 'vitest'
import { random } from './random.ts'

testBalancer(() => random(), { test })
