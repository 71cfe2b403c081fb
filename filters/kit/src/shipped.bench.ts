// What the shipped filters cost. Run: node --conditions=mw-source src/shipped.bench.ts
import { createHmac } from 'node:crypto'
import { loadFilter, type LoadFilterOptions, type TestFilter, type TestRequest } from '@meshwright/wasm/testing'
import { shippedFilters } from './shipped.ts'

const rounds = 11
const requests = 5_000
const nowMs = Date.UTC(2026, 0, 1)
const secret = 'a secret of thirty-two bytes, yes'
const signed = ['{"alg":"HS256"}', JSON.stringify({ sub: 'ada', exp: nowMs / 1_000 + 600, roles: ['a', 'b'] })].map((part) => Buffer.from(part).toString('base64url')).join('.')
const token = `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`

const configurations: Readonly<Record<string, unknown>> = {
  'ab-test': { variants: [{ name: 'a' }, { name: 'b' }] },
  'api-key': { keys: [{ identity: 'alice', key: 'alice-alice-alice' }] },
  'header-rewrite': { request: { set: { 'x-client': '{client}', 'x-agent': '{header:user-agent}' }, remove: ['x-internal'] }, response: { remove: ['server'] } },
  'jwt-claims': { secret, claims: { sub: 'x-user', roles: 'x-roles' } },
  'pii-mask': {},
  'request-guard': { methods: ['GET', 'POST'], denyPaths: ['/admin/*', '*/.git/*'] },
  'security-headers': {},
  'token-bucket': { requests: 1_000_000_000, windowMs: 1_000 },
}

const asked: TestRequest = {
  path: '/catalogue/books?page=2',
  headers: {
    'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
    accept: 'text/html,application/xhtml+xml',
    'accept-encoding': 'gzip, br',
    'accept-language': 'en',
    cookie: 'session=0123456789abcdef; variant=a',
    referer: 'https://shop.example/',
    authorization: `Bearer ${token}`,
    'x-api-key': 'alice-alice-alice',
  },
}

async function load(name: string, file: string, more: LoadFilterOptions = {}): Promise<TestFilter> {
  return loadFilter(file, { nowMs, logLevel: 'info', configuration: configurations[name], ...more })
}

for (const { name, file } of shippedFilters()) {
  const filter = await load(name, file)
  const times = Array.from({ length: rounds }, () => (filter.measure(requests, asked) * 1_000) / requests).toSorted((a, b) => a - b)
  console.log(`${name.padEnd(18)} ${times[rounds >> 1]?.toFixed(1).padStart(6)} µs per request without a body`)
}

const masker = await load('pii-mask', shippedFilters().find(({ name }) => name === 'pii-mask')?.file ?? '', { fuelMs: 2_000 })
for (const [what, body] of Object.entries({
  prose: 'The quick brown fox jumps over the lazy dog 12 times. '.repeat(1_000),
  JSON: JSON.stringify(Array.from({ length: 800 }, (_, id) => ({ id, name: `user ${id}`, mail: `user-${id}@shop.example` }))),
})) {
  const times: number[] = []
  for (let round = 0; round < 20; round++) {
    const stream = await masker.request()
    const { fuel } = masker.used
    const startedMs = performance.now()
    await stream.response({ headers: { 'content-type': what === 'JSON' ? 'application/json' : 'text/plain' }, body })
    times.push(((performance.now() - startedMs) * 1_000_000) / body.length)
    if (round === 0) console.log(`pii-mask, ${what}: ${((masker.used.fuel - fuel) / body.length).toFixed(0)} units of fuel per byte`)
  }
  console.log(`pii-mask, ${what}: ${times.toSorted((a, b) => a - b)[10]?.toFixed(1)} ns per byte`)
}
