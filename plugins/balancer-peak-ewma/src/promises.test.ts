// It keeps what every balancer promises.
import { testBalancer } from '@meshwright/core/testing'
import { test } from 'vitest'
import { peakEwma } from './peak-ewma.ts'

testBalancer(() => peakEwma(), { test })
