// It keeps what every balancer promises.
import { testBalancer } from '@meshwright/core/testing'
import { describe, test } from 'vitest'
import { random } from './random.ts'

describe('random', () => testBalancer(() => random(), { test }))
