// What a large route table costs: to compile, and per lookup. Run: npx vitest bench core/src/route
import { expect, test } from 'vitest'
import { Headers } from '../headers.ts'
import type { RouteMatch } from '../spec.ts'
import { RouteTable, type RouteQuestion } from './table.ts'

const routes = 10_000
const lookups = 1000

const matches: RouteMatch[] = Array.from({ length: routes }, (_, i) => {
  const host = `shop${i % 100}.example`
  const path = `/api/v${i % 3}/tenant${i}`
  if (i % 4 === 0) return { host, path: `${path}/*` }
  if (i % 4 === 1) return { host, path }
  if (i % 4 === 2) return { host: `*.${host}`, path: { prefix: path }, method: ['GET', 'HEAD'] }
  return { path: { prefix: path }, headers: { 'x-canary': '1' } }
})
const entries = matches.map((match, value) => ({ match, value }))
let table = new RouteTable(entries)
const headers = new Headers(['user-agent', 'curl/8', 'accept', '*/*', 'accept-encoding', 'gzip', 'x-canary', '1', 'cookie', 'a=b'])

function questions(make: (i: number) => Partial<RouteQuestion>): RouteQuestion[] {
  return Array.from({ length: lookups }, (_, i) => ({ method: 'GET', path: '/', query: '', authority: 'shop1.example', headers, ...make(i * 4) }))
}

const cases: Record<string, RouteQuestion[]> = {
  'prefix under an exact host': questions((i) => ({ authority: `shop${i % 100}.example:8080`, path: `/api/v${i % 3}/tenant${i}/orders/42` })),
  'exact path under an exact host': questions((i) => ({ authority: `shop${(i + 1) % 100}.example`, path: `/api/v${(i + 1) % 3}/tenant${i + 1}` })),
  'prefix and method under a wildcard host': questions((i) => ({ authority: `a.shop${(i + 2) % 100}.example`, path: `/api/v${(i + 2) % 3}/tenant${i + 2}/x` })),
  'a header, after two hosts fell through': questions((i) => ({ authority: `a.shop${(i + 3) % 100}.example`, path: `/api/v${(i + 3) % 3}/tenant${i + 3}/x` })),
  'no route': questions(() => ({ authority: 'shop1.example', path: '/static/images/logo.png' })),
  'one of 1000 authorities': questions((i) => ({ authority: `h${i}.shop${(i + 2) % 100}.example`, path: `/api/v${(i + 2) % 3}/tenant${i + 2}/x` })),
  'a path of 8000 characters': questions(() => ({ path: '/api'.repeat(2000) })),
}

test('route table', async ({ bench }) => {
  const { latency } = await bench(`compile ${routes} routes`, () => {
    table = new RouteTable(entries)
  }).run()
  expect(latency.mean, 'ms').toBeLessThan(1000)
  await bench('shadowed()', () => {
    table.shadowed()
  }).run()
})

test(`${lookups} lookups among ${routes} routes (µs divided by ${lookups} is the cost of one)`, async ({ bench }) => {
  for (const [name, asked] of Object.entries(cases)) {
    const { latency } = await bench(name, () => {
      for (const question of asked) table.match(question)
    }).run()
    expect(latency.mean / lookups, 'ms').toBeLessThan(0.005)
  }
})
