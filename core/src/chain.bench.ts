// What filters cost that do nothing. Run: npx vitest bench core/src/chain
import { expect, test } from 'vitest'
import { Chain } from './chain.ts'
import type { Filter } from './questions.ts'
import { exchange } from './unit.test.kit.ts'

const rounds = 1000
const it = exchange()
const empty = (i: number): Filter => ({ name: `empty ${i}`, onRequestHeaders() {}, onAttempt() {}, onResponseHeaders() {}, onEnd() {} })
const later = (i: number): Filter => ({ name: `later ${i}`, async onRequestHeaders() {} })
const chains: Record<string, Chain> = Object.fromEntries([0, 1, 4, 8].map((count) => [`${count} filters, four phases each`, new Chain(Array.from({ length: count }, (_, i) => empty(i)))]))
const without = new Chain(Array.from({ length: 8 }, (_, i): Filter => ({ name: `none ${i}` })))
const slow = new Chain([later(0)])

function walk(chain: Chain): void {
  if (chain.requestHeaders(it) !== undefined || chain.attempt(it) !== undefined || chain.responseHeaders(it) !== undefined) throw new Error('an empty filter answered')
  chain.end(it, (error) => {
    throw error
  })
}

test(`an exchange through a chain (µs divided by ${rounds} is the cost of one)`, async ({ bench }) => {
  for (const [name, chain] of [...Object.entries(chains), ['8 filters without a phase', without] as const]) {
    const { latency } = await bench(name, () => {
      for (let i = 0; i < rounds; i++) walk(chain)
    }).run()
    expect(latency.mean / rounds, 'ms').toBeLessThan(0.005)
  }
})

test(`a filter that answers later (µs divided by ${rounds} is the cost of one)`, async ({ bench }) => {
  await bench('1 filter, one phase', async () => {
    for (let i = 0; i < rounds; i++) await slow.requestHeaders(it)
  }).run()
})
