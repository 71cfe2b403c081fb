// It keeps what every balancer promises.
import { testBalancer } from '@meshwright/core/testing'
import { describe, test } from 'vitest'
import { maglev } from './maglev.ts'

describe('maglev', () => testBalancer(() => maglev(), { test }))
