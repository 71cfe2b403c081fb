// What normalisation costs per path.
import { bench, describe } from 'vitest'
import { normalizePath } from './path.ts'

const safe = { normalize: true, mergeSlashes: true, escapedSlashes: 'reject' } as const

describe('normalizePath', () => {
  bench('/api/v1/users/42/orders', () => {
    normalizePath('/api/v1/users/42/orders', safe)
  })
  bench('one %20', () => {
    normalizePath('/api/v1/users/a%20b/orders', safe)
  })
  bench('dot segments', () => {
    normalizePath('/api/v1/../v2/./users', safe)
  })
  bench('8000 characters of /%2e%2e', () => {
    normalizePath(hostile, safe)
  })
})

const hostile = '/%2e%2e'.repeat(1142)
