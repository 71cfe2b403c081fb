// It keeps what every balancer promises.
import { testBalancer } from '@meshwright/core/testing'
import { describe, test } from 'vitest'
import { roundRobin } from './round-robin.ts'

describe('round-robin', () => testBalancer(() => roundRobin(), { test }))
