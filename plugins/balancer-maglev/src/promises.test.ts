// It keeps what every balancer promises.
import { testBalancer } from '@meshwright/core/testing'
import { test } from 'vitest'
import { maglev } from './maglev.ts'

testBalancer(() => maglev(), { test })
