// What it costs to find out who the client is. Run: npx vitest bench core/src/forwarded
import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { compileTrust, newRequestId } from './forwarded.ts'

const turns = 1000
const nobody = compileTrust(undefined)
const inner = compileTrust(['10.0.0.0/8', '2001:db8::/32'])
const one = ['x-forwarded-for', '203.0.113.9', 'x-forwarded-proto', 'https']
const three = ['x-forwarded-for', '203.0.113.9, 10.0.0.3, 10.0.0.2', 'x-forwarded-proto', 'https', 'x-forwarded-host', 'shop.example']
const huge = ['x-forwarded-for', '10.0.0.2, '.repeat(6000)]

const cases: Record<string, () => unknown> = {
  'nobody is trusted': () => nobody.resolve('203.0.113.9', undefined, undefined),
  'nobody is trusted, mapped address': () => nobody.resolve('::ffff:203.0.113.9', undefined, undefined),
  'others are trusted': () => inner.resolve('203.0.113.9', one, 'id'),
  'trusted, one address': () => inner.resolve('10.0.0.1', one, 'id'),
  'trusted, three addresses and a host': () => inner.resolve('10.0.0.1', three, 'id'),
  'trusted, 60 KB of addresses': () => inner.resolve('10.0.0.1', huge, 'id'),
  newRequestId,
  randomUUID,
}

test(`${turns} times each`, async ({ bench }) => {
  for (const [name, run] of Object.entries(cases)) {
    const { latency } = await bench(name, () => {
      for (let i = 0; i < turns; i++) run()
    }).run()
    expect(latency.mean, 'ms').toBeLessThan(5)
  }
})
