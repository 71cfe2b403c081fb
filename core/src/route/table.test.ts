// Of all routes that cover a request, the most specific one is found.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Headers } from '../headers.ts'
import type { RouteMatch, TextMatch } from '../spec.ts'
import { RouteTable, type RouteQuestion } from './table.ts'

interface Ask {
  method?: string
  path?: string
  query?: string
  host?: string
  headers?: Record<string, string | string[]>
}

function ask({ method = 'GET', path = '/', query = '', host = 'shop.example', headers = {} }: Ask): RouteQuestion {
  return { method, path, query, authority: host, headers: Headers.from(headers) }
}

/** A table whose values are the places in the list. */
function table(...matches: RouteMatch[]): RouteTable<number> {
  return new RouteTable(matches.map((match, value) => ({ match, value })))
}

function found(matches: RouteMatch[], request: Ask): number | undefined {
  return table(...matches).match(ask(request))?.value
}

describe('precedence', () => {
  const request: Ask = { host: 'a.shop.example', path: '/users/1', query: 'q=1&r=2', headers: { 'x-a': '1', 'x-b': '2' } }
  const conditions = { method: 'GET', headers: { 'x-a': '1', 'x-b': '2' }, query: { q: '1', r: '2' } }

  it.each<[string, RouteMatch, RouteMatch]>([
    ['an exact host goes before a wildcard, whatever else it asks', { host: 'a.shop.example' }, { host: '*.shop.example', path: '/users/1', ...conditions }],
    ['a longer wildcard goes before a shorter one', { host: '*.shop.example' }, { host: '*.example', path: '/users/1', ...conditions }],
    ['a wildcard goes before any host', { host: '*.example' }, { path: '/users/1', ...conditions }],
    ['an exact path goes before a regular expression', { path: '/users/1' }, { path: { regex: '/users/[0-9]+' }, ...conditions }],
    ['a regular expression goes before a prefix', { path: { regex: '/.*' } }, { path: { prefix: '/users/1' }, ...conditions }],
    ['an exact path goes before a prefix of the same length', { path: '/users/1' }, { path: '/users/1/*', ...conditions }],
    ['a longer prefix goes before a shorter one', { path: '/users/*' }, { path: '/*', ...conditions }],
    ['a method goes before headers and query', { method: 'GET' }, { headers: conditions.headers, query: conditions.query }],
    ['more headers go before fewer', { headers: conditions.headers }, { headers: { 'x-a': '1' }, query: conditions.query }],
    ['a header goes before query keys', { headers: { 'x-a': '1' } }, { query: conditions.query }],
    ['more query keys go before fewer', { query: conditions.query }, { query: { q: '1' } }],
    ['a query key goes before none', { query: { q: '1' } }, {}],
  ])('%s', (_rule, first, second) => {
    expect(found([second, first], request)).toBe(1)
    expect(found([first, second], request)).toBe(0)
  })

  it.each<[string, RouteMatch]>([
    ['nothing', {}], ['an exact path', { path: '/users/1' }], ['regular expressions', { path: { regex: '/users/.' } }], ['a prefix', { path: '/users/*' }], ['everything', { host: 'a.shop.example', path: '/users/1', ...conditions }],
  ])('the first in the list wins a tie of %s', (_what, match) => {
    expect(found([match, match], request)).toBe(0)
  })

  it('of two regular expressions is decided by conditions and order, not by length', () => {
    expect(found([{ path: { regex: '/.*' } }, { path: { regex: '/users/[0-9]+' } }], request)).toBe(0)
    expect(found([{ path: { regex: '/.*' } }, { path: { regex: '/users/[0-9]+' }, method: 'GET' }], request)).toBe(1)
  })

  it('lets a request that a more specific host does not cover fall through', () => {
    const matches = [{ host: 'a.shop.example', path: '/cart' }, { host: '*.shop.example', method: 'PUT' }, { host: '*.example', headers: { 'x-a': '9' } }, { path: '/users/*' }]
    expect(found(matches, request)).toBe(3)
  })

  it('lets a request that a longer prefix does not cover fall through to a shorter one', () => {
    expect(found([{ path: '/*' }, { path: '/users/*', method: 'PUT' }, { path: '/users/1', query: { q: '9' } }], request)).toBe(0)
  })

  it('answers nothing when no route covers the request', () => {
    expect(found([{ host: 'other.example' }, { path: '/cart/*' }, { method: 'PUT' }], request)).toBeUndefined()
    expect(found([], request)).toBeUndefined()
  })
})

describe('hosts', () => {
  it.each(['shop.example', 'SHOP.Example', 'shop.example:8080', 'shop.example.', 'shop.example.:80'])('%s is shop.example', (host) => {
    expect(found([{ host: 'Shop.EXAMPLE.' }], { host })).toBe(0)
  })

  it.each(['shop.example.evil', 'ashop.example', 'a.shop.example', '', ':80', 'shop.example@evil'])('%j is not shop.example', (host) => {
    expect(found([{ host: 'shop.example' }], { host })).toBeUndefined()
  })

  it('under a wildcard are those with one more label or several', () => {
    const hosts = ['a.shop.example', 'a.b.shop.example:1', 'A.SHOP.example.', 'shop.example', '.shop.example', 'ashop.example', 'a.shop.example.evil']
    expect(hosts.map((host) => found([{ host: '*.shop.example' }], { host }))).toEqual([0, 0, 0, undefined, undefined, undefined, undefined])
  })

  it('in brackets keep their colons', () => {
    expect(found([{ host: '[::1]' }], { host: '[::1]:8080' })).toBe(0)
  })

  it('in other alphabets are found by their ASCII form', () => {
    expect(found([{ host: 'b\u00fccher.example' }], { host: 'xn--bcher-kva.example' })).toBe(0)
  })

  it('in a list hold if one of them does', () => {
    expect(['a.example', 'x.b.example', 'c.example'].map((host) => found([{ host: ['a.example', '*.b.example'] }], { host }))).toEqual([0, 0, undefined])
  })

  it('by the thousand, as an attacker may send them, are answered rightly and forgotten', () => {
    const routes = table({ host: '*.shop.example' }, { host: 'shop.example' })
    for (let i = 0; i < 5000; i++) expect(routes.match(ask({ host: `h${i}.shop.example` }))?.value).toBe(0)
    expect(routes.match(ask({ host: 'shop.example' }))?.value).toBe(1)
    expect(routes.match(ask({ host: `${'a.'.repeat(30_000)}shop.example` }))).toBeUndefined()
  })
})

describe('paths', () => {
  it('under a prefix are whole elements', () => {
    const paths = ['/users', '/users/', '/users/1', '/users/1/x', '/usersx', '/user', '/Users', '/x/users', '/']
    const expected = [0, 0, 0, 0, undefined, undefined, undefined, undefined, undefined]
    for (const path of ['/users/*', { prefix: '/users' }, { prefix: '/users/' }]) expect(paths.map((one) => found([{ path }], { path: one }))).toEqual(expected)
  })

  it('that are exact are exact', () => {
    expect(['/abc', '/abc/', '/ab', '/abcd'].map((path) => found([{ path: '/abc' }], { path }))).toEqual([0, undefined, undefined, undefined])
  })

  it('match a regular expression as a whole', () => {
    expect(['/v1/x', '/v1/x/y', '/api/v1/x'].map((path) => found([{ path: { regex: '/v[0-9]/[^/]*' } }], { path }))).toEqual([0, undefined, undefined])
  })

  it('tell the prefix they were found by, for rewriting', () => {
    const routes = table({ path: '/a/b/*' }, { path: '/exact' }, { path: { regex: '/r.*' } }, {})
    expect(['/a/b/c', '/exact', '/rx', '/a'].map((path) => routes.match(ask({ path }))?.prefix)).toEqual(['/a/b', undefined, undefined, ''])
  })

  it('in configuration are brought into the form that requests have', () => {
    expect(found([{ path: '/%7euser/caf\u00e9' }], { path: '/~user/caf%C3%A9' })).toBe(0)
  })

  it('that are an asterisk belong to routes for every path', () => {
    expect(found([{ path: '/x' }, { method: 'OPTIONS' }], { method: 'OPTIONS', path: '*' })).toBe(1)
  })

  it('of many elements end at the longest prefix', () => {
    expect(found([{ path: '/a/a/*' }, {}], { path: '/a'.repeat(4000) })).toBe(0)
    expect(found([{ path: '/a/a/*' }, {}], { path: `/b${'/'.repeat(4000)}` })).toBe(1)
  })
})

describe('methods', () => {
  it('are case-sensitive, and one of a list is enough', () => {
    expect(['GET', 'PUT', 'get', 'POST'].map((method) => found([{ method: ['GET', 'PUT'] }], { method }))).toEqual([0, 0, undefined, undefined])
  })
})

describe('header conditions', () => {
  const hold = (text: TextMatch, value: string | string[] | undefined): boolean =>
    found([{ headers: { 'X-Kind': text } }], value === undefined ? {} : { headers: { 'x-KIND': value } }) === 0

  it.each<[string, TextMatch, string | string[] | undefined, boolean]>([
    ['an equal value holds', 'a', 'a', true], ['another case of a value does not', 'a', 'A', false], ['an absent field does not', 'a', undefined, false],
    ['exact is the long form', { exact: 'a' }, 'a', true], ['an empty value is equal to an empty text', '', '', true], ['but absence is not', '', undefined, false],
    ['a regular expression takes the whole value', { regex: 'a+' }, 'aa', true], ['and nothing around it', { regex: 'a+' }, 'aab', false], ['nor absence', { regex: '.*' }, undefined, false],
    ['presence holds for any value', { present: true }, '', true], ['presence needs a field', { present: true }, undefined, false],
    ['absence holds without a field', { present: false }, undefined, true], ['absence fails with one', { present: false }, '', false],
    ['repeated fields are one value', 'a, b', ['a', 'b'], true], ['of which no part is the whole', 'a', ['a', 'b'], false],
  ])('%s', (_rule, text, value, expected) => {
    expect(hold(text, value)).toBe(expected)
  })

  it('must all hold', () => {
    expect(found([{ headers: { a: '1', b: '2' } }], { headers: { a: '1', b: '3' } })).toBeUndefined()
  })
})

describe('query conditions', () => {
  const hold = (name: string, text: TextMatch, query: string): boolean => found([{ query: { [name]: text } }], { query }) === 0

  it.each<[string, string, TextMatch, string, boolean]>([
    ['an equal value holds', 'q', '1', 'a=0&q=1', true], ['another does not', 'q', '1', 'q=2', false], ['the first of a repeated key counts', 'q', '1', 'q=1&q=2', true],
    ['the second does not', 'q', '2', 'q=1&q=2', false], ['keys are case-sensitive', 'q', '1', 'Q=1', false], ['a key without a value is empty', 'q', '', 'q', true],
    ['a key is there without a value', 'q', { present: true }, 'a&q&b', true], ['an absent key is absent', 'q', { present: false }, 'a&qq=1', true],
    ['values are decoded', 'q', 'a b/\u00e9', 'q=a%20b%2f%C3%A9', true], ['plus is a space', 'q', 'a b', 'q=a+b', true], ['keys are decoded', 'a[b]', '1', 'a%5Bb%5D=1', true],
    ['a second equals sign is part of the value', 'q', 'a=b', 'q=a=b', true], ['malformed encoding stays', 'q', '%zz%', 'q=%zz%', true], ['a value is decoded once', 'q', '%41', 'q=%2541', true],
    ['regular expressions see the decoded value', 'q', { regex: 'a/b' }, 'q=a%2Fb', true], ['empty pairs are nothing', '', { present: false }, '&&', true],
  ])('%s', (_rule, name, text, query, expected) => {
    expect(hold(name, text, query)).toBe(expected)
  })

  it('never throw on bytes that are no UTF-8', () => {
    expect(hold('q', { present: true }, 'q=%ff%fe%&%=%')).toBe(true)
  })

  it('of one request are not answered from another', () => {
    const routes = table({ query: { q: '1' } })
    expect(['q=1', 'q=2', '', 'q=1'].map((query) => routes.match(ask({ query }))?.value)).toEqual([0, undefined, undefined, 0])
  })

  it('know no special names', () => {
    expect(hold('__proto__', { present: true }, 'q=1')).toBe(false)
    expect(hold('constructor', '1', 'constructor=1')).toBe(true)
  })
})

describe('a match that cannot be compiled names its field', () => {
  it.each<[RouteMatch, string]>([
    [{ host: 'shop.example:80' }, 'match.host:'], [{ host: ['a.example', 'a b'] }, 'match.host[1]:'], [{ host: 'a.*.example' }, 'match.host:'], [{ host: '*shop.example' }, 'match.host:'], [{ host: '' }, 'match.host:'],
    [{ host: [] }, 'match.host:'], [{ host: '-a.example' }, 'match.host:'], [{ host: `${'a'.repeat(64)}.example` }, 'match.host:'], [{ host: '[::g]' }, 'match.host:'],
    [{ path: 'users' }, 'match.path:'], [{ path: { exact: '/a?b' } }, 'match.path.exact:'], [{ path: { prefix: '/a//b' } }, 'match.path.prefix:'], [{ path: '/a/../b' }, 'match.path:'],
    [{ path: '/a b' }, 'match.path:'], [{ path: '/a#b' }, 'match.path:'], [{ path: '/%zz' }, 'match.path:'], [{ path: '*' }, 'match.path:'], [{ path: {} as never }, 'match.path:'], [{ path: { prefix: 3 as never } }, 'match.path.prefix:'],
    [{ path: { regex: '(' } }, 'match.path.regex:'], [{ path: { regex: '(a+)+' } }, 'match.path.regex:'], [{ method: 'G ET' }, 'match.method:'], [{ method: ['GET', ''] }, 'match.method[1]:'], [{ method: [] }, 'match.method:'],
    [{ headers: { 'x a': '1' } }, 'match.headers.x a:'], [{ headers: { Host: 'a' } }, 'match.headers.Host:'], [{ headers: { a: '1', A: '2' } }, 'match.headers.a:'], [{ headers: { a: { regex: '[' } } }, 'match.headers.a.regex:'],
    [{ headers: { a: {} as never } }, 'match.headers.a:'], [{ query: { q: 7 as never } }, 'match.query.q:'], [{ query: { q: { present: 'yes' as never } } }, 'match.query.q:'],
  ])('%j', (match, detail) => {
    expect(() => table(match)).toThrow(expect.objectContaining({ code: 'MESH_BAD_ROUTE', message: expect.stringContaining(`: ${detail}`) as string }))
  })

  it('and says which of many', () => {
    expect(() => new RouteTable([{ match: { path: 'x' }, value: 1, field: 'routes[4].match[1]' }])).toThrow('routes[4].match[1].path:')
  })
})

describe('shadowed', () => {
  const shadows = (...matches: RouteMatch[]): [number, number][] => table(...matches).shadowed().map(({ value, by }) => [value, by])

  it('are the second of two equal matches', () => {
    expect(shadows({ path: '/a' }, { path: '/a' }, { path: { exact: '/a' }, host: '*' })).toEqual([[1, 0], [2, 0]])
    expect(shadows({ path: '/a/*' }, { path: { prefix: '/a/' } })).toEqual([[1, 0]])
    expect(shadows({ headers: { 'x-a': '1', b: '2' } }, { headers: { B: { exact: '2' }, 'X-A': '1' } })).toEqual([[1, 0]])
  })

  it('are matches whose methods others have taken', () => {
    expect(shadows({ method: ['GET', 'PUT'] }, { method: 'PUT' })).toEqual([[1, 0]])
    expect(shadows({ method: 'GET' }, { method: 'PUT' }, { method: ['GET', 'PUT'] })).toEqual([[2, 0]])
  })

  it('are matches all of whose hosts others have taken', () => {
    expect(shadows({ host: 'a.example' }, { host: 'b.example' }, { host: ['a.example', 'B.example'] })).toEqual([[2, 0]])
    expect(shadows({ host: 'a.example' }, { host: ['a.example', 'b.example'] })).toEqual([])
  })

  it('are not those that differ in any condition, nor a host named twice', () => {
    expect(shadows({}, { path: '/a' }, { host: 'a.example' }, { host: '*.example' }, { method: 'GET' }, { headers: { a: '1' } }, { headers: { a: '2' } }, { query: { a: '1' } }, { method: ['GET', 'PUT'] })).toEqual([])
    expect(shadows({ host: ['a.example', 'A.example'] })).toEqual([])
  })
})

// The reference: look at every match, keep those that hold, sort them, take the first.
const hosts = ['a.x', 'b.a.x', 'c.b.a.x', 'x', 'y'] as const
const hostPatterns = ['a.x', 'b.a.x', '*.x', '*.a.x', '*.b.a.x', 'y'] as const
const elements = fc.array(fc.constantFrom('a', 'b', 'ab'), { maxLength: 4 }).map((list) => `/${list.join('/')}`)
const textMatch: fc.Arbitrary<TextMatch> = fc.oneof(fc.constantFrom('1', '2'), fc.constantFrom('1', '2').map((exact) => ({ exact })), fc.boolean().map((present) => ({ present })), fc.constantFrom('1|2', '[^1]').map((regex) => ({ regex })))
const named = fc.dictionary(fc.constantFrom('a', 'b', 'c'), textMatch, { maxKeys: 2 })
const anyMatch: fc.Arbitrary<RouteMatch> = fc.record(
  {
    host: fc.oneof(fc.constantFrom(...hostPatterns), fc.array(fc.constantFrom(...hostPatterns), { minLength: 1, maxLength: 3 })),
    path: fc.oneof(elements, elements.map((path) => `${path === '/' ? '' : path}/*`), elements.map((prefix) => ({ prefix })), fc.constantFrom('/a.*', '/[ab]', '.*b').map((regex) => ({ regex }))),
    method: fc.oneof(fc.constantFrom('GET', 'PUT'), fc.constant(['GET', 'PUT'])),
    headers: named,
    query: named,
  },
  { requiredKeys: [] },
)
const values = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('1', '2', '3'))
const anyRequest = fc.record({ host: fc.constantFrom(...hosts), path: fc.oneof(elements, elements.map((path) => `${path}/`)), method: fc.constantFrom('GET', 'PUT', 'POST'), headers: values, query: values })

type Values = Record<string, string>

function textHolds(text: TextMatch, value: string | undefined): boolean {
  if (typeof text === 'string') return value === text
  if ('exact' in text) return value === text.exact
  if ('present' in text) return (value !== undefined) === text.present
  return value !== undefined && new RegExp(`^(${text.regex})$`).test(value)
}

function allHold(conditions: Readonly<Record<string, TextMatch>> | undefined, given: Values): boolean {
  return Object.entries(conditions ?? {}).every(([name, text]) => textHolds(text, given[name]))
}

function pathRank(path: RouteMatch['path'], given: string): readonly [number, number] | undefined {
  if (path === undefined) return [1, 0]
  if (typeof path === 'object' && 'regex' in path) return new RegExp(`^(${path.regex})$`).test(given) ? [2, 0] : undefined
  const prefix = typeof path === 'object' && 'prefix' in path ? path.prefix : typeof path === 'string' && path.endsWith('/*') ? path.slice(0, -2) : undefined
  if (prefix === undefined) return path === given ? [3, 0] : undefined
  const want = prefix.split('/').filter(Boolean)
  const have = given.split('/').slice(1)
  return want.every((element, i) => have[i] === element) ? [1, want.join('/').length] : undefined
}

function hostRank(host: RouteMatch['host'], given: string): readonly [number, number] | undefined {
  if (host === undefined) return [0, 0]
  const ranks = [host].flat().flatMap((pattern) => (pattern === given ? [[pattern.length, pattern.length] as const] : pattern.startsWith('*') && given.endsWith(pattern.slice(1)) ? [[0, pattern.length] as const] : []))
  return ranks.toSorted((a, b) => b[0] - a[0] || b[1] - a[1])[0]
}

function reference(matches: RouteMatch[], request: { host: string; path: string; method: string; headers: Values; query: Values }): number | undefined {
  const ranked = matches.flatMap((match, order) => {
    const host = hostRank(match.host, request.host)
    const path = pathRank(match.path, request.path)
    if (host === undefined || path === undefined || !allHold(match.headers, request.headers) || !allHold(match.query, request.query)) return []
    if (match.method !== undefined && ![match.method].flat().includes(request.method)) return []
    return [[...host, ...path, match.method === undefined ? 0 : 1, Object.keys(match.headers ?? {}).length, Object.keys(match.query ?? {}).length, -order]]
  })
  const best = ranked.toSorted((a, b) => a.map((part, i) => (b[i] as number) - part).find((difference) => difference !== 0) ?? 0)[0]
  return best === undefined ? undefined : -(best.at(-1) as number)
}

describe('any table and any request', () => {
  it('agree with looking at every match and sorting', () => {
    fc.assert(
      fc.property(fc.array(anyMatch, { maxLength: 25 }), fc.array(anyRequest, { minLength: 1, maxLength: 10 }), (matches, requests) => {
        const routes = table(...matches)
        for (const request of requests) {
          const query = new URLSearchParams(request.query).toString()
          const { host, path, method, headers } = request
          expect(routes.match(ask({ host, path, method, headers, query }))?.value ?? -1).toBe(reference(matches, request) ?? -1)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('never find what is called shadowed', () => {
    fc.assert(
      fc.property(fc.array(anyMatch, { maxLength: 25 }), fc.array(anyRequest, { maxLength: 10 }), (matches, requests) => {
        const routes = table(...matches)
        const shadowed = new Set(routes.shadowed().map(({ value }) => value))
        for (const { query, ...request } of requests) {
          const value = routes.match(ask({ ...request, query: new URLSearchParams(query).toString() }))?.value
          expect(value !== undefined && shadowed.has(value)).toBe(false)
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('never throw, whatever the request says', () => {
    const routes = table({ host: ['a.x', '*.x'], path: '/a/*', headers: { a: { regex: '.+' } }, query: { q: { present: true } } }, { path: { regex: '/(x|y)*' }, query: { q: '1' } })
    fc.assert(fc.property(fc.record({ host: fc.string(), path: fc.string({ unit: 'binary' }), query: fc.string({ unit: 'binary' }), method: fc.string() }), (request) => {
      expect([undefined, 0, 1]).toContain(routes.match(ask(request))?.value)
    }))
  })
})
