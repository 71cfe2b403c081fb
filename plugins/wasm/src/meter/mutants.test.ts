// Damaged modules; meter.fuzz.ts goes on where this ends.
import { expect, test } from 'vitest'
import { judge, mutant, seeds } from './mutants.test.kit.ts'
import { seeded } from './structured.test.kit.ts'

test('of thousands of damaged modules the valid ones are refused or stay valid, and no other gets in', () => {
  const random = seeded(11)
  const from = seeds(random)
  const counts = { invalid: 0, refused: 0, metered: 0 }
  for (let i = 0; i < 5_000; i++) counts[judge(mutant(from[i % from.length] as Uint8Array<ArrayBuffer>, random))]++
  expect(counts.metered).toBeGreaterThan(200)
  expect(counts.invalid).toBeGreaterThan(1_000)
})

test('undamaged ones are metered', () => {
  expect(seeds(seeded(3)).map(judge)).not.toContain('refused')
})
