// What looking up and changing header fields costs. Run: npx vitest bench core/src/headers
import { expect, test } from 'vitest'
import { Headers } from './headers.ts'

const rounds = 1000
const list = [
  'User-Agent', 'Mozilla/5.0 (X11; Linux x86_64)', 'Accept', 'text/html,application/xhtml+xml', 'Accept-Language', 'pt,en;q=0.5', 'Accept-Encoding', 'gzip, deflate, br',
  'Cookie', 'session=0123456789abcdef', 'Sec-Fetch-Dest', 'document', 'Sec-Fetch-Mode', 'navigate', 'X-Forwarded-For', '192.0.2.1', 'X-Forwarded-Proto', 'https',
  'x-request-id', '0123456789abcdef-1', 'via', '1.1 meshwright',
]
const headers = new Headers(list)
const names = list.filter((_text, i) => i % 2 === 0)

const wire = Buffer.from(names.join(''), 'latin1')

/** The names as a parser gives them: strings that nobody has looked at. */
function fresh(): string[] {
  let at = 0
  return names.map((name) => wire.toString('latin1', at, (at += name.length)))
}

// What lowerName did once; measured here against what it does now.
const lowered = new Map<string, string>()
function byTable(name: string): string {
  const known = lowered.get(name)
  if (known !== undefined) return known
  const lower = name.toLowerCase()
  lowered.set(name, lower)
  return lower
}

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
  'eleven new names': () => {
    for (const name of fresh()) seen += name.length
  },
  'eleven new names, lowered': () => {
    for (const name of fresh()) seen += name.toLowerCase() === 'via' ? 1 : 0
  },
  'eleven new names, lowered by a table': () => {
    for (const name of fresh()) seen += byTable(name) === 'via' ? 1 : 0
  },
  'eleven known names, lowered': () => {
    for (const name of names) seen += name.toLowerCase() === 'via' ? 1 : 0
  },
  'eleven known names, lowered by a table': () => {
    for (const name of names) seen += byTable(name) === 'via' ? 1 : 0
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
