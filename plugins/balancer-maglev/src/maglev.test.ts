// Who gets which key: always the same one, whatever order endpoints are found in, and another one only when that is needed.
import { Endpoint, Exchange, Headers, Request, type Balancer } from '@meshwright/core'
import { describe, expect, test } from 'vitest'
import { maglev, type MaglevOptions } from './maglev.ts'

function endpointsOf(count: number, weight: (i: number) => number = () => 1): Endpoint[] {
  return Array.from({ length: count }, (_, i) => new Endpoint({ host: `10.0.0.${i}`, port: 8080, weight: weight(i) }))
}

interface Asked {
  readonly address?: string
  readonly path?: string
  readonly query?: string
  readonly headers?: Readonly<Record<string, string>>
}

function ask({ address = '192.0.2.1', path = '/', query = '', headers = {} }: Asked = {}): Exchange {
  const request = new Request({
    method: 'GET',
    path,
    query,
    hasQuery: query !== '',
    authority: 'shop.example',
    scheme: 'http',
    headers: Headers.from(headers),
    version: '1.1',
    peerAddress: address,
    clientAddress: address,
    id: '1',
    upgrade: undefined,
    expectContinue: false,
  })
  return new Exchange(request, undefined, undefined, 'test', 0)
}

function from(i: number): Exchange {
  return ask({ address: `192.0.${i >> 8}.${i & 255}` })
}

function made(endpoints: readonly Endpoint[], options: MaglevOptions = {}): Balancer {
  const balancer = maglev(options)
  balancer.update?.(endpoints)
  return balancer
}

/** Over this many clients, who gets them. */
function owners(balancer: Balancer, endpoints: readonly Endpoint[], clients = 10_000): string[] {
  return Array.from({ length: clients }, (_, i) => balancer.pick(endpoints, from(i)).id)
}

describe('the same key', () => {
  const endpoints = endpointsOf(50)

  test.each<[string, MaglevOptions, Asked, Asked]>([
    ['address', {}, { path: '/a' }, { path: '/b' }],
    ['network of an IPv6 address', {}, { address: '2001:db8::1' }, { address: '2001:db8::2' }],
    ['path', { key: ['path'] }, { path: '/a', query: 'x=1' }, { path: '/a', address: '192.0.2.9' }],
    ['header', { key: [{ header: 'X-User' }] }, { headers: { 'x-user': 'ann' } }, { headers: { 'X-USER': 'ann' }, path: '/b' }],
    ['cookie', { key: [{ cookie: 'sid' }] }, { headers: { cookie: 'a=1; sid=7' } }, { headers: { Cookie: 'sid=7; sid2=8' } }],
    ['query parameter', { key: [{ query: 'user' }] }, { query: 'user=ann' }, { query: 'page=2&user=ann' }],
    ['header and path', { key: [{ header: 'x-user' }, 'path'] }, { path: '/a', headers: { 'x-user': 'ann' } }, { path: '/a', headers: { 'x-user': 'ann', 'x-more': '1' } }],
    ['second key', { key: [{ cookie: 'sid' }], otherwise: [[{ header: 'x-user' }], ['address']] }, { headers: { 'x-user': 'ann' } }, { address: '192.0.2.7', headers: { 'x-user': 'ann' } }],
  ])('goes to the same endpoint: %s', (_name, options, one, other) => {
    for (let i = 0; i < 20; i++) expect(made(endpoints, options).pick(endpoints, ask(one))).toBe(made(endpoints, options).pick(endpoints, ask(other)))
  })

  test('goes to the same endpoint in every thread and proxy, whatever the order of the endpoints', () => {
    const reversed = endpoints.toReversed().map(({ host, port }) => new Endpoint({ host, port }))
    expect(owners(made(reversed), reversed, 500)).toEqual(owners(made(endpoints), endpoints, 500))
  })

  test('different keys are spread over all endpoints', () => {
    const counts = Map.groupBy(owners(made(endpoints), endpoints, 20_000), (id) => id)
    for (const { id } of endpoints) expect(counts.get(id)?.length).toBeGreaterThan(300)
  })

  test('a key of two parts is not that of the other way round, nor of the parts put together differently', () => {
    const options: MaglevOptions = { key: [{ header: 'a' }, { header: 'b' }] }
    const picked = [['xy', 'z'], ['x', 'yz'], ['z', 'xy']].map(([a = '', b = '']) => made(endpoints, options).pick(endpoints, ask({ headers: { a, b } })).id)
    expect(new Set(picked).size).toBe(3)
  })
})

test.each<[string, MaglevOptions, Asked]>([
  ['no header', { key: [{ header: 'x-user' }] }, {}],
  ['an empty header', { key: [{ header: 'x-user' }] }, { headers: { 'x-user': '' } }],
  ['one part of two', { key: [{ header: 'x-user' }, { cookie: 'sid' }] }, { headers: { 'x-user': 'ann' } }],
])('a request with %s goes anywhere, by weight', (_name, options, asked) => {
  let draws = 0
  const endpoints = endpointsOf(4, (i) => (i === 0 ? 7 : 1))
  const balancer = made(endpoints, { ...options, random: () => (draws++ % 1000) / 1000 })
  const ids = Array.from({ length: 1000 }, () => balancer.pick(endpoints, ask(asked)).id)
  expect(ids.filter((id) => id === endpoints[0]?.id).length / 1000).toBeCloseTo(0.7, 1)
  expect(new Set(ids).size).toBe(4)
})

test('keys follow weights', () => {
  const endpoints = endpointsOf(3, (i) => [5, 1, 2][i] as number)
  const ids = owners(made(endpoints), endpoints)
  endpoints.forEach(({ id, weight }) => expect(ids.filter((one) => one === id).length / ids.length).toBeCloseTo(weight / 8, 1))
})

describe('when the list is replaced', () => {
  test('one of 100 that leaves and comes back moves no more than 2 % of the keys, and then none', () => {
    const endpoints = endpointsOf(100)
    const balancer = made(endpoints)
    const before = owners(balancer, endpoints)
    const others = endpoints.toSpliced(42, 1)
    balancer.update?.(others)
    const without = owners(balancer, others)
    expect(without.filter((id, i) => id !== before[i]).length / before.length).toBeLessThan(0.02)
    balancer.update?.(endpoints)
    expect(owners(balancer, endpoints)).toEqual(before)
  })

  test('an endpoint that moved to another host keeps its keys by its id', () => {
    const named = (host: string): Endpoint[] => ['a', 'b', 'c'].map((id, i) => new Endpoint({ id, host: id === 'b' ? host : `10.0.0.${i}`, port: 8080 }))
    const balancer = made(named('10.0.0.1'))
    const [before, after] = [named('10.0.0.1'), named('10.9.9.9')]
    const ids = owners(balancer, before, 300)
    expect(owners(balancer, after, 300)).toEqual(ids)
    expect(after).toContain(balancer.pick(after, from(1)))
  })

  test('weights that grow step by step are followed', () => {
    const endpoints = endpointsOf(2)
    const [growing] = endpoints as [Endpoint]
    const balancer = maglev()
    const parts = [0.1, 0.5, 1].map((weight) => {
      growing.weight = weight
      const list = [...endpoints]
      balancer.update?.(list)
      return owners(balancer, list).filter((id) => id === growing.id).length / 10_000
    })
    parts.forEach((part, i) => expect(part).toBeCloseTo([0.1 / 1.1, 1 / 3, 0.5][i] as number, 1))
  })

  test('an empty list in between is no harm', () => {
    const endpoints = endpointsOf(3)
    const balancer = made(endpoints)
    balancer.update?.([])
    expect(endpoints).toContain(balancer.pick([...endpoints], from(1)))
  })
})

describe('a further attempt', () => {
  test('goes to another endpoint, the same one each time', () => {
    const endpoints = endpointsOf(10)
    const balancer = made(endpoints)
    for (let i = 0; i < 200; i++) {
      const it = from(i)
      const tried: Endpoint[] = []
      for (let attempt = 0; attempt < 4; attempt++) {
        const picked = balancer.pick(endpoints, it)
        expect(tried).not.toContain(picked)
        expect(balancer.pick(endpoints, it)).toBe(picked)
        tried.push(picked)
        it.tried = [...tried]
      }
    }
  })

  test('goes to the only endpoint there is', () => {
    const endpoints = endpointsOf(1)
    expect(made(endpoints).pick(endpoints, Object.assign(from(1), { tried: endpoints }))).toBe(endpoints[0])
  })
})

describe('with a bounded load', () => {
  /** Every client comes once and stays. */
  function stayingClients(balancer: Balancer, endpoints: readonly Endpoint[], clients: number, who = from): void {
    for (let i = 0; i < clients; i++) balancer.pick(endpoints, who(i)).inFlight++
  }

  test('nobody has more than his part, not even of one key that everybody asks for', () => {
    const endpoints = endpointsOf(10)
    const balancer = made(endpoints, { key: ['path'], maxLoadPercent: 150 })
    stayingClients(balancer, endpoints, 1000, () => ask({ path: '/the-one' }))
    for (const { inFlight } of endpoints) expect(inFlight).toBeLessThanOrEqual(150)
    expect(endpoints.reduce((sum, { inFlight }) => sum + inFlight, 0)).toBe(1000)
  })

  test('parts follow weights', () => {
    const endpoints = endpointsOf(2, (i) => (i === 0 ? 3 : 1))
    const balancer = made(endpoints, { key: ['path'], maxLoadPercent: 100 })
    stayingClients(balancer, endpoints, 400, () => ask({ path: '/the-one' }))
    expect(endpoints.map(({ inFlight }) => inFlight)).toEqual([300, 100])
  })

  test('while nobody has too much, keys go where they belong', () => {
    const endpoints = endpointsOf(10)
    expect(owners(made(endpoints, { maxLoadPercent: 125 }), endpoints, 500)).toEqual(owners(made(endpoints), endpoints, 500))
  })
})

test.each([{ tableSize: 1 }, { tableSize: 65_536 }, { tableSize: 5_000_077 }, { maxLoadPercent: 99 }])('%j is refused', (options) => {
  expect(() => maglev(options)).toThrow(RangeError)
})

test('a part of a key that is none is refused', () => {
  expect(() => maglev({ key: [{ body: 'x' } as never] })).toThrow(/no part/)
})
