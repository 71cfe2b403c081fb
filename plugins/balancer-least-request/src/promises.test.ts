// It keeps what every balancer promises.
import { testBalancer } from '@meshwright/core/testing'
import { describe, test } from 'vitest'
import { leastRequest } from './least-request.ts'

describe('least-request', () => testBalancer(() => leastRequest(), { test }))
