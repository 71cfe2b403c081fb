// It keeps what every balancer promises.
import { testBalancer } from '@meshwright/core/testing'
import { describe, test } from 'vitest'
import { peakEwma } from './peak-ewma.ts'

describe('peak-ewma', () => testBalancer(() => peakEwma(), { test }))
