// What normalisation costs. Run: npx vitest bench core/src/path
import { expect, test } from 'vitest'
import { normalizePath } from './path.ts'

const safe = { normalize: true, mergeSlashes: true, escapedSlashes: 'reject' } as const
const turns = 1000

const cases: Record<string, string[]> = {
  'nothing to do': paths('/api/v1/users/42/orders'),
  'one %20': paths('/api/v1/users/a%20b/orders'),
  'dot segments': paths('/api/v1/../v2/./users'),
  '8000 characters of /%2e%2e': ['/%2e%2e'.repeat(1142)],
}

/** Paths that differ, as those of a program that runs do. */
function paths(path: string): string[] {
  return Array.from({ length: turns }, (_, i) => `${path}/${i}`)
}

test(`normalizePath, ${turns} paths each`, async ({ bench }) => {
  for (const [name, given] of Object.entries(cases)) {
    const { latency } = await bench(name, () => {
      for (const path of given) normalizePath(path, safe)
    }).run()
    expect(latency.mean, 'ms').toBeLessThan(5)
  }
})
