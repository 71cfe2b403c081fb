// What every discovery promises, of this one: with played answers, as the records of real ones live for a second at least.
import type { Discovery } from '@meshwright/core'
import { testDiscovery } from '@meshwright/core/testing'
import { test } from 'vitest'
import { dns } from './dns.ts'
import { failure, type Answer } from './message.ts'

let answer: Answer

function found(...addresses: readonly string[]): Answer {
  return { ...failure(''), verdict: 'found', ttlSeconds: 0, addresses }
}

function fresh(): Discovery {
  answer = found('10.0.0.1', '10.0.0.2')
  return dns({ name: 'users.test', type: 'A', port: 80, minTtlMs: 100 }, { lookup: async () => Promise.resolve(answer) })
}

testDiscovery(fresh, { test, settleMs: 250, change: () => void (answer = found('10.0.0.3')), fail: () => void (answer = failure('SERVFAIL')) })
