// What looking up and changing header fields costs. Run: npx vitest bench core/src/headers
import { expect, test } from 'vitest'
import { Headers, lowerName } from './headers.ts'

const rounds = 1000
const list = [
  'User-Agent', 'Mozilla/5.0 (X11; Linux x86_64)', 'Accept', 'text/html,application/xhtml+xml', 'Accept-Language', 'pt,en;q=0.5', 'Accept-Encoding', 'gzip, deflate, br',
  'Cookie', 'session=0123456789abcdef', 'Sec-Fetch-Dest', 'document', 'Sec-Fetch-Mode', 'navigate', 'X-Forwarded-For', '192.0.2.1', 'X-Forwarded-Proto', 'https',
  'x-request-id', '0123456789abcdef-1', 'via', '1.1 meshwright',
]
const headers = new Headers(list)
const names = list.filter((_text, i) => i % 2 === 0)

/** Keeps results in use, so that their making is not optimised away. */
let seen = 0

const cases: Record<string, () => unknown> = {
  'get, as written': () => headers.get('Cookie'),
  'get, in another case': () => headers.get('cookie'),
  'get what is not there': () => headers.get('authorization'),
  'getAll': () => headers.getAll('Accept'),
  'set what is there': () => headers.set('via', '1.1 meshwright'),
  'clone': () => headers.clone(),
  'append and delete': () => {
    headers.append('x-new', '1')
    headers.delete('x-new')
  },
  'iterate': () => {
    for (const [name] of headers) seen += name.length
  },
  'lowerName of eleven names': () => {
    for (const name of names) seen += lowerName(name).charCodeAt(0)
  },
  'toLowerCase of eleven names, for comparison': () => {
    for (const name of names) seen += name.toLowerCase().charCodeAt(0)
  },
}

test(`eleven fields (µs divided by ${rounds} is the cost of one call)`, async ({ bench }) => {
  for (const [name, call] of Object.entries(cases)) {
    const { latency } = await bench(name, () => {
      for (let i = 0; i < rounds; i++) call()
    }).run()
    expect(latency.mean / rounds, 'ms').toBeLessThan(0.005)
  }
  expect(seen).toBeGreaterThan(0)
})
